//! The thread on which an engine lives, and the way to it from async code.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use ratchet_plugin_api::model::{Outcome, Program, ProgramReport, RunEvent, RunReport, RunRequest};
use ratchet_plugin_api::services::RuntimeInfo;
use ratchet_plugin_api::{Call, Code, Error, Result, Stream, StreamSender};
use tokio::sync::oneshot;

use crate::engine::{Engine, Realm, Visit};
use crate::globals::install;
use crate::host::{CancelHandle, FetchPort, Host, Session, Wake};
use crate::run::{check, run};
use crate::schema::SchemaCache;

/// The thread's stack. Engines recurse on it; only what is used of it costs memory.
const STACK_BYTES: usize = 64 << 20;

/// How long a cancelled run is waited for; the host gives a worker less before it ends it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Events a follower may be behind before the run waits for it.
const EVENTS_AHEAD: usize = 256;

/// A JavaScript engine on a thread of its own, which runs one task at a time. What is asked of it
/// meanwhile waits its turn. The thread ends when this is dropped and the present run is over.
pub struct JsThread {
    jobs: mpsc::Sender<Job>,
    info: RuntimeInfo,
    port: FetchPort,
}

enum Job {
    Check(Program, oneshot::Sender<Result<ProgramReport>>),
    Run(Box<RunJob>),
}

struct RunJob {
    request: RunRequest,
    session: Session,
    reply: Reply,
    /// Dropped when the run is over.
    running: mpsc::Sender<()>,
}

enum Reply {
    Once(oneshot::Sender<Result<RunReport>>),
    Stream(StreamSender<RunEvent>),
}

impl Reply {
    fn send(self, result: Result<RunReport>) {
        // Whoever asked may have gone.
        match self {
            Self::Once(sender) => drop(sender.send(result)),
            Self::Stream(sender) => {
                drop(sender.send_blocking(result.map(RunEvent::Finished)));
            }
        }
    }
}

/// Cancels a run when whoever asked for it goes away, and waits until the thread is free again: a
/// call that has ended must not leave its worker busy. A run that cannot be interrupted holds its
/// worker here, by which the host sees that it has to be ended.
struct Guard {
    cancel: Arc<CancelHandle>,
    /// Nothing is ever sent; the other end is dropped when the run is over.
    over: mpsc::Receiver<()>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.cancel.cancel();
        if self.over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("a cancelled run does not end");
        }
    }
}

/// The events of a run, which is cancelled when nobody reads them any more. The stream goes first,
/// so that a run which waits for its reader is not waited for.
struct Followed {
    stream: Stream<RunEvent>,
    _guard: Guard,
}

impl futures_core::Stream for Followed {
    type Item = Result<RunEvent>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<RunEvent>>> {
        Pin::new(&mut self.stream).poll_next(context)
    }
}

impl JsThread {
    /// Starts the thread with engine `E`, whose live requests go out through `port`.
    ///
    /// # Errors
    /// `Unavailable` when no thread can be started.
    pub fn start<E: Engine>(port: FetchPort) -> Result<Self> {
        let (jobs, queue) = mpsc::channel();
        std::thread::Builder::new()
            .name("js".into())
            .stack_size(STACK_BYTES)
            .spawn(move || serve::<E>(&queue))?;
        Ok(Self { jobs, info: E::info(), port })
    }

    /// What the engine is and can do.
    pub fn info(&self) -> RuntimeInfo {
        self.info.clone()
    }

    /// Parses `program` and tells its entry form, without running any of it.
    ///
    /// # Errors
    /// `Panicked` or `Gone` when the engine failed.
    pub async fn check(&self, program: Program) -> Result<ProgramReport> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Check(program, reply))?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Runs a task to its end. Dropping the future cancels the run.
    ///
    /// # Errors
    /// `Panicked` or `Gone` when the engine failed; a failure of the task is in the report.
    pub async fn run(&self, request: RunRequest) -> Result<RunReport> {
        let (cancel, woken) = CancelHandle::new();
        let (reply, answer) = oneshot::channel();
        let session = self.session(&request, Arc::clone(&cancel), woken, None);
        let (running, over) = mpsc::channel();
        let _guard = Guard { cancel, over };
        let reply = Reply::Once(reply);
        self.send(Job::Run(Box::new(RunJob { request, session, reply, running })))?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Runs a task and tells what happens as it happens. Dropping the stream cancels the run.
    ///
    /// # Errors
    /// `Gone` when the engine failed.
    pub async fn follow(&self, request: RunRequest) -> Result<Stream<RunEvent>> {
        let (cancel, woken) = CancelHandle::new();
        let (events, stream) = Stream::channel(EVENTS_AHEAD);
        let session = self.session(&request, Arc::clone(&cancel), woken, Some(events.clone()));
        let reply = Reply::Stream(events);
        let (running, over) = mpsc::channel();
        self.send(Job::Run(Box::new(RunJob { request, session, reply, running })))?;
        Ok(Stream::new(Followed { stream, _guard: Guard { cancel, over } }))
    }

    fn session(
        &self,
        request: &RunRequest,
        cancel: Arc<CancelHandle>,
        woken: mpsc::Receiver<Wake>,
        observer: Option<StreamSender<RunEvent>>,
    ) -> Session {
        let started = Instant::now();
        let wall = Duration::from_millis(request.limits.wall_ms.min(u64::from(u32::MAX)));
        Session {
            limits: request.limits.clone(),
            started,
            deadline: started + wall,
            cancel,
            woken,
            fetch_policy: request.fetch.clone(),
            fetch_port: self.port.on_behalf_of(Call::current().for_execution(request.execution)),
            observer,
        }
    }

    fn send(&self, job: Job) -> Result<()> {
        self.jobs.send(job).map_err(|_| gone())
    }
}

fn gone() -> Error {
    Error::new(Code::Gone, "the JavaScript thread has ended").with_reason("run.worker_lost")
}

/// A context and its host, made ahead of the run that will use it.
struct Fresh<E: Engine> {
    host: Rc<Host>,
    context: E::Context,
}

impl<E: Engine> Fresh<E> {
    fn make() -> Result<Self> {
        struct Install;
        impl Visit for Install {
            type Output = ();
            fn visit<R: Realm>(self, realm: &mut R) {
                install(realm);
            }
        }
        let host = Rc::new(Host::default());
        let mut context = E::create(Rc::clone(&host))?;
        E::enter(&mut context, Install);
        Ok(Self { host, context })
    }
}

fn serve<E: Engine>(queue: &mpsc::Receiver<Job>) {
    let mut schemas = SchemaCache::default();
    let mut ahead: Option<Fresh<E>> = None;
    loop {
        let job = match queue.try_recv() {
            Ok(job) => job,
            Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) => {
                // Idle: clean up and prepare, so that the next run need not wait for it.
                if ahead.is_none() {
                    ahead = contained(|| {
                        E::collect_garbage();
                        Fresh::make()
                    })
                    .ok();
                }
                match queue.recv() {
                    Ok(job) => job,
                    Err(_) => return,
                }
            }
        };
        let fresh = match ahead.take() {
            Some(fresh) => Ok(fresh),
            None => contained(Fresh::make),
        };
        match job {
            Job::Check(program, reply) => {
                let result = fresh.and_then(|fresh| contained(|| Ok(check_in(fresh, &program))));
                let _ = reply.send(result);
            }
            Job::Run(job) => {
                let RunJob { request, session, reply, running } = *job;
                let (result, mut used) = match fresh {
                    Ok(mut fresh) => {
                        let run = || Ok(run_in(&mut fresh, &request, session, &mut schemas));
                        (contained(run), Some(fresh))
                    }
                    Err(error) => (Err(error), None),
                };
                // Whoever asked need not wait until the context is taken apart. One that failed
                // may hold the memory that its report needs, so it goes first.
                let completed = result.as_ref().is_ok_and(is_completed);
                if !completed {
                    take_apart(used.take());
                }
                reply.send(result);
                drop(running);
                take_apart(used);
            }
        }
    }
}

fn is_completed(report: &RunReport) -> bool {
    matches!(report.outcome, Outcome::Completed(_))
}

fn take_apart<E: Engine>(used: Option<Fresh<E>>) {
    let taken_apart = contained(|| {
        drop(used);
        Ok(())
    });
    if taken_apart.is_err() {
        tracing::warn!("a context could not be taken apart");
    }
}

/// Calls `work`; a panic of the engine becomes an error.
fn contained<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let message = format!("the JavaScript engine panicked: {}", panic_message(&*payload));
        Err(Error::new(Code::Panicked, message).with_reason("run.worker_lost"))
    })
}

fn panic_message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

fn check_in<E: Engine>(mut fresh: Fresh<E>, program: &Program) -> ProgramReport {
    struct Check<'a>(&'a Program);
    impl Visit for Check<'_> {
        type Output = ProgramReport;
        fn visit<R: Realm>(self, realm: &mut R) -> ProgramReport {
            check(realm, self.0)
        }
    }
    E::enter(&mut fresh.context, Check(program))
}

fn run_in<E: Engine>(
    fresh: &mut Fresh<E>,
    request: &RunRequest,
    session: Session,
    schemas: &mut SchemaCache,
) -> RunReport {
    struct Run<'a>(&'a RunRequest, &'a mut SchemaCache);
    impl Visit for Run<'_> {
        type Output = Outcome;
        fn visit<R: Realm>(self, realm: &mut R) -> Outcome {
            run(realm, self.0, self.1)
        }
    }
    let started = session.started;
    fresh.host.begin(session);
    let outcome = E::enter(&mut fresh.context, Run(request, schemas));
    let mut report =
        RunReport { outcome, logs: Vec::new(), logs_dropped: 0, http: Vec::new(), elapsed_us: 0 };
    fresh.host.end(&mut report);
    report.elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    report
}
