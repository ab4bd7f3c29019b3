//! Loads a plugin's file: the host's only contact with foreign code before the waist.
//!
//! `abi_stable` accepts a library whose root module has *more* fields than the loader knows, never
//! fewer, which would refuse every plugin older than the host. Both directions are safe here, since
//! what a plugin lacks falls back to a default body, so the check is run both ways and either
//! result is accepted.

// The two unsafe steps of loading are below; each says why it is sound.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::IntoRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::check_layout_compatibility;
use abi_stable::library::{LibHeader, LibraryError, lib_header_from_path};
use abi_stable::type_layout::TypeLayout;
use ratchet_plugin_api::abi::PluginModuleRef;
use ratchet_plugin_api::manifest::API_VERSION;
use ratchet_plugin_api::{Code, Error, Result};

/// Glibc's `RTLD_NODELETE`: the file stays in memory for good, as thread-local destructors and
/// static references of Rust code demand.
const RTLD_NODELETE: i32 = 0x1000;

/// The files that are in memory, by device and inode.
static RESIDENT: Mutex<BTreeMap<(u64, u64), PluginModuleRef>> = Mutex::new(BTreeMap::new());

/// Brings the plugin in `file` into memory and gives its root module. The manifest has been read
/// and accepted before. What is in memory already is not loaded again.
///
/// # Errors
/// `Configuration` when the file cannot be loaded or was built against an incompatible waist.
pub fn load(file: &File) -> Result<PluginModuleRef> {
    let metadata = file.metadata()?;
    let identity = (metadata.dev(), metadata.ino());
    let mut resident = RESIDENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(module) = resident.get(&identity) {
        return Ok(*module);
    }
    // The linker opens what is open here, so the bytes that were checked are the bytes that run.
    // It also tells libraries apart by name first, so the descriptor is never closed and its
    // number never used for another file.
    let descriptor = file.try_clone()?.into_raw_fd();
    let module = load_path(&PathBuf::from(format!("/proc/self/fd/{descriptor}")))?;
    resident.insert(identity, module);
    Ok(module)
}

fn load_path(file: &Path) -> Result<PluginModuleRef> {
    keep_resident(file)?;
    let header = lib_header_from_path(file).map_err(|error| explain(&error))?;
    check_layout(header)?;
    // SAFETY: the layout was found compatible in one direction or the other, and a prefix type
    // reads only the fields that its own copy of the type says are there.
    let module = unsafe { header.init_root_module_with_unchecked_layout::<PluginModuleRef>() };
    module.map_err(|error| explain(&error))
}

/// Opens the file so that an undefined symbol is an error now and nothing ever unloads it; opening
/// it again afterwards finds it resident.
fn keep_resident(file: &Path) -> Result<()> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: loading runs the library's constructors. Plugins are trusted code, their file was
    // checked for owner, mode and digest, and Rust libraries have no constructors of their own.
    let library = unsafe { Library::open(Some(file), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) };
    let library = library.map_err(|error| {
        Error::wrap(Code::Configuration, "the dynamic linker refused the file", &error)
    })?;
    std::mem::forget(library);
    Ok(())
}

fn check_layout(header: &LibHeader) -> Result<()> {
    let Some(theirs) = header.layout() else {
        return Err(refusal("it carries no description of its layout"));
    };
    let ours: &'static TypeLayout = <PluginModuleRef as StableAbi>::LAYOUT;
    let forward = check_layout_compatibility(ours, theirs);
    if forward.is_ok() {
        return Ok(());
    }
    check_layout_compatibility(theirs, ours).map_err(|_| {
        // The full comparison runs to hundreds of lines, so it goes to the debug log only.
        if let Err(details) = forward {
            tracing::debug!(%details, "layouts differ");
        }
        refusal(
            "its layout is not that of this api version, so it was built against a changed copy",
        )
    })
}

fn refusal(why: &str) -> Error {
    Error::new(Code::Configuration, format!("this host speaks plugin api {API_VERSION}; {why}"))
}

fn explain(error: &LibraryError) -> Error {
    match error {
        LibraryError::GetSymbolError { .. } => refusal("it exports no plugin"),
        LibraryError::InvalidAbiHeader(_) | LibraryError::InvalidCAbi { .. } => {
            refusal("it was built with an incompatible abi_stable")
        }
        LibraryError::IncompatibleVersionNumber { actual_version, .. } => {
            refusal(&format!("it was built against {actual_version}"))
        }
        LibraryError::OpenError { err, .. } => {
            Error::wrap(Code::Configuration, "the dynamic linker refused the file", err)
        }
        LibraryError::RootModule { .. } => refusal("its root module could not be made"),
        other => {
            let first_line = other.to_string().lines().next().unwrap_or_default().to_owned();
            refusal(&first_line)
        }
    }
}
