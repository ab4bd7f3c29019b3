//! Histories: what happens to a queue, as a language that can be generated, replayed and shrunk.
//!
//! A [`History`] is played on the store in memory and on another one side by side. After each
//! command both must say the same, and nothing may be lost, done twice, or stuck; where a contract
//! leaves a choice, the store in memory follows the other, after checking that it may choose so.
//!
//! ```no_run
//! # async fn example(database: impl ratchet_testkit::history::Database) {
//! let history = ratchet_testkit::history::generate(42, 60);
//! ratchet_testkit::history::play(&history, database).await.unwrap();
//! # }
//! ```

mod command;
mod compare;
mod player;
mod strategy;

pub use command::{Command, Draft, Ending, History};
pub use player::play;
pub use strategy::{generate, histories};

use std::future::Future;

use crate::contract::Stores;

/// A database that can be closed and opened again.
pub trait Database: Send {
    /// Opens it; the first time it is empty. What was opened before has been dropped, or is to be
    /// closed now.
    fn open(&mut self) -> impl Future<Output = Stores> + Send;
}
