//! The stores, each asked for when it is needed: a store may go and come back.

use std::sync::Arc;

use ratchet_plugin_api::services::{
    ExecutionStore, JobStore, ResultStore, ScheduleStore, TaskStore,
};
use ratchet_plugin_api::{Context, Result, Slot};

/// Where what must last is kept.
#[derive(Clone)]
pub(crate) struct Stores {
    tasks: Slot<dyn TaskStore>,
    jobs: Slot<dyn JobStore>,
    executions: Slot<dyn ExecutionStore>,
    schedules: Slot<dyn ScheduleStore>,
    results: Slot<dyn ResultStore>,
}

impl Stores {
    /// The stores that `context` leads to.
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            tasks: context.slot(),
            jobs: context.slot(),
            executions: context.slot(),
            schedules: context.slot(),
            results: context.slot(),
        }
    }

    /// # Errors
    /// `Gone` when there is none, as with all others here.
    pub(crate) fn tasks(&self) -> Result<Arc<dyn TaskStore>> {
        self.tasks.get()
    }

    pub(crate) fn jobs(&self) -> Result<Arc<dyn JobStore>> {
        self.jobs.get()
    }

    pub(crate) fn executions(&self) -> Result<Arc<dyn ExecutionStore>> {
        self.executions.get()
    }

    pub(crate) fn schedules(&self) -> Result<Arc<dyn ScheduleStore>> {
        self.schedules.get()
    }

    pub(crate) fn results(&self) -> Result<Arc<dyn ResultStore>> {
        self.results.get()
    }
}
