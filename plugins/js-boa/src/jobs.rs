//! The queue of promise jobs.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use boa_engine::job::{Job, JobExecutor, NativeAsyncJob};
use boa_engine::{Context, JsResult, error::RuntimeLimitError};
use ratchet_jskit::Host;

/// Runs jobs in the order they come, until the run is to be stopped.
pub(crate) struct JobQueue {
    host: Rc<Host>,
    queue: RefCell<VecDeque<Job>>,
}

impl JobQueue {
    pub(crate) fn new(host: Rc<Host>) -> Self {
        Self { host, queue: RefCell::default() }
    }

    fn next(&self) -> Option<Job> {
        self.queue.borrow_mut().pop_front()
    }
}

impl JobExecutor for JobQueue {
    fn enqueue_job(self: Rc<Self>, job: Job, _context: &mut Context) {
        match job {
            // What a finalizer would do can no longer matter to a run's outcome.
            Job::FinalizationRegistryCleanupJob(_) => {}
            job => self.queue.borrow_mut().push_back(job),
        }
    }

    fn run_jobs(self: Rc<Self>, context: &mut Context) -> JsResult<()> {
        while let Some(job) = self.next() {
            if self.host.interruption().is_some() {
                // Any uncatchable error will do; the host knows why.
                return Err(RuntimeLimitError::LoopIteration.into());
            }
            match job {
                Job::PromiseJob(job) => drop(job.call(context)?),
                Job::GenericJob(job) => drop(job.call(context)?),
                Job::AsyncJob(job) => run_async(job, context)?,
                _ => {}
            }
        }
        context.clear_kept_objects();
        Ok(())
    }
}

/// Runs a job of the module loader. Our modules are in memory, so it never has to wait.
fn run_async(job: NativeAsyncJob, context: &mut Context) -> JsResult<()> {
    let context = RefCell::new(context);
    let mut future = pin!(job.call(&context));
    match future.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result.map(drop),
        Poll::Pending => Ok(()),
    }
}
