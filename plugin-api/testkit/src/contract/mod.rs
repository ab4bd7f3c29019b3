//! What every provider of a contract must do, as checks that run against any of them.
//!
//! Each function drives a provider through the waist, as its consumers will, and gives a
//! [`Report`]. A test ends with [`Report::assert_passed`], which names every check that failed:
//!
//! ```
//! use std::sync::Arc;
//!
//! use ratchet_plugin_api::model::{Delivery, Receipt};
//! use ratchet_plugin_api::services::OutputSink;
//! use ratchet_plugin_api::{Result, service};
//! use ratchet_testkit::contract;
//! use serde_json::json;
//!
//! /// Throws everything away, and is content with any target that is an object.
//! struct Nowhere;
//!
//! #[service]
//! impl OutputSink for Nowhere {
//!     async fn deliver(&self, delivery: Delivery) -> Result<Receipt> {
//!         self.check(delivery.target).await?;
//!         Ok(Receipt::new(delivery.body.len() as u64))
//!     }
//!
//!     async fn check(&self, target: ratchet_plugin_api::model::Json) -> Result<()> {
//!         target.to::<std::collections::BTreeMap<String, String>>().map(drop)
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let targets = contract::Targets { valid: json!({}), invalid: vec![json!("not an object")] };
//! contract::output_sink(Arc::new(Nowhere), targets).await.assert_passed();
//! # });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod execution_store;
mod http_fetcher;
mod job_store;
mod output_sink;
mod result_store;
mod schedule_store;
mod task_store;
mod world;

pub use execution_store::execution_store;
pub use http_fetcher::http_fetcher;
pub use job_store::job_store;
pub use output_sink::{Targets, output_sink};
pub use result_store::result_store;
pub use schedule_store::schedule_store;
pub use task_store::task_store;
pub use world::{MakeStores, Stores, make_stores};
pub(crate) use world::{
    crash, definition, done, failure, host_info, job, retry, settlement, thrown,
};

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ratchet_plugin_api::raw::{Executor, Remote, export};
use ratchet_plugin_api::{Code, Result, Service};
use tokio::runtime::Handle;

/// How long one check may take before it has failed. Nothing here waits for time to pass, so only
/// a provider that hangs meets it.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came of a contract's checks.
#[must_use = "a report that nobody reads lets every provider pass"]
#[derive(Debug)]
pub struct Report {
    contract: &'static str,
    passed: Vec<&'static str>,
    failed: Vec<Failure>,
}

/// A check that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The check's name.
    pub check: &'static str,
    /// What was wrong.
    pub reason: String,
}

impl Report {
    fn new(contract: &'static str) -> Self {
        Self { contract, passed: Vec::new(), failed: Vec::new() }
    }

    /// Runs one check.
    async fn check(&mut self, name: &'static str, check: impl Future<Output = Result<(), String>>) {
        let outcome = tokio::time::timeout(PATIENCE, check).await;
        match outcome.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}"))) {
            Ok(()) => self.passed.push(name),
            Err(reason) => self.failed.push(Failure { check: name, reason }),
        }
    }

    /// The names of the checks that passed.
    pub fn passed(&self) -> &[&'static str] {
        &self.passed
    }

    /// The checks that failed.
    pub fn failed(&self) -> &[Failure] {
        &self.failed
    }

    /// Ends the test unless every check passed.
    ///
    /// # Panics
    /// When a check failed, naming each one that did.
    #[track_caller]
    pub fn assert_passed(&self) {
        assert!(self.failed.is_empty(), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.passed.len() + self.failed.len();
        write!(f, "{}: {} of {total} checks passed", self.contract, self.passed.len())?;
        for Failure { check, reason } in &self.failed {
            write!(f, "\n  {check}: {reason}")?;
        }
        Ok(())
    }
}

/// The provider as its consumers see it.
fn through_waist<S: Service + ?Sized>(provider: Arc<S>) -> Arc<S> {
    S::client(Remote::new(export::<S>(provider, Executor::spawned(Handle::current()))))
}

/// Fails unless `found` is what was expected.
pub(crate) fn expect<T: PartialEq + fmt::Debug>(
    what: &str,
    found: T,
    expected: T,
) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what} is {found:?}; {expected:?} is right"))
    }
}

/// The value of a call that has to succeed.
fn succeeds<T>(result: Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("it failed with {}: {error}", error.code))
}

/// Fails unless the call ended with this code and a message for a person.
fn fails<T: fmt::Debug>(result: Result<T>, code: Code) -> Result<(), String> {
    match result {
        Ok(value) => Err(format!("it gave {value:?}; an error `{code}` is right")),
        Err(error) if error.code != code => {
            Err(format!("it failed with {} ({error}); `{code}` is right", error.code))
        }
        Err(error) if error.message.is_empty() => Err("its error has no message".to_owned()),
        Err(_) => Ok(()),
    }
}
