//! What readers of task folders share: the formats, finding tasks, archives, the index.
//!
//! Who should read this: authors of plugins that read tasks from files, such as registries. A task
//! is a [`Tree`] of files, on disk or in a ZIP archive, and [`definition`] reads it into the form
//! tasks are kept in, with a [`Diagnostic`] for everything that is not as it should be. `scan`
//! does so with every task below a path, where one bad task never hides the others.
//!
//! Nothing that is read is trusted: files are bounded, archives are refused when they try to be
//! larger than they look or to lead out of themselves, and so are links out of a source.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod archive;
mod diagnostic;
mod document;
mod fields;
mod find;
mod index;
mod metadata;
mod patterns;
mod policy;
mod program;
mod scan;
mod schema;
mod stamp;
mod task;
#[cfg(any(test, feature = "testing"))]
pub mod test_folder;
mod tree;

pub use archive::Archive;
pub use diagnostic::{Diagnostic, Loaded, Severity};
pub use document::{read_json, value_at};
pub use fields::duration;
pub use find::{all_below, one};
pub use index::{INDEX_FILE, Index, IndexedRepository, IndexedTask};
pub use metadata::{METADATA_FILES, Metadata};
pub use patterns::Patterns;
pub use policy::{MEGABYTE, Policy};
pub use program::ENTRY_FILES;
pub use scan::{Found, Scan, Scanner};
pub use schema::{SchemaDocument, Side};
pub use task::{TESTS_FOLDER, Task, definition};
pub use tree::{Disk, Entry, Tree};
