//! One worker process, from the host's side.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use ratchet_plugin_api::{Code, Error, Result};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, watch};

use super::WorkerSetup;
use super::death;
use super::frame::Frame;
use super::memory::Meter;
use super::peer::{Peer, Targets};
use super::pool::PoolOptions;
use crate::view::LogSink;

/// How many heartbeats in a row may go unanswered.
const HEARTBEATS_MISSED_MAX: usize = 3;

/// Lines of a worker's standard error that are kept to explain its death.
const LAST_WORDS: usize = 16;

/// What a worker says that is not an answer.
pub(super) struct Voice {
    /// Takes its events for the log.
    pub(super) log: LogSink,
    /// Takes its text for standard output.
    pub(super) print: fn(&[u8]) -> Result<()>,
}

/// A worker process.
pub(super) struct Worker {
    pub(super) number: u64,
    pub(super) peer: Peer,
    pub(super) pid: u32,
    /// Time between two questions whether it is there.
    heartbeat: Duration,
    /// Calls it is answering.
    pub(super) in_flight: AtomicUsize,
    /// Calls it has answered.
    pub(super) answered: AtomicU64,
    /// It is given no more calls, and is stopped when it has answered those it has.
    pub(super) retired: AtomicBool,
    pub(super) memory: Meter,
    state: watch::Sender<State>,
    kill: Notify,
    kill_reason: Mutex<Option<Error>>,
    unanswered_pings: AtomicUsize,
}

#[derive(Clone)]
enum State {
    Starting,
    Ready,
    Dead(Error),
}

impl Worker {
    /// Starts a process; it is ready when [`Worker::ready`] says so. Call it on a thread that
    /// lasts: the kernel ends the worker together with the thread that started it.
    pub(super) fn spawn(
        options: &PoolOptions,
        setup: WorkerSetup,
        targets: Targets,
        voice: Voice,
    ) -> Result<Arc<Self>> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut child = Command::new(&options.program)
            .arg0("ratchet")
            .args(["--worker", "--worker-id", &setup.worker.to_string()])
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Error::from(error).context("a worker process could not be started"))?;
        let pid = child.id().unwrap_or_default();
        let worker = Arc::new(Self {
            number: setup.worker,
            peer: Peer::new(UnixStream::from_std(ours)?, targets),
            pid,
            in_flight: AtomicUsize::new(0),
            answered: AtomicU64::new(0),
            retired: AtomicBool::new(false),
            memory: Meter::new(pid, setup.memory_bytes),
            heartbeat: options.heartbeat,
            state: watch::Sender::new(State::Starting),
            kill: Notify::new(),
            kill_reason: Mutex::default(),
            unanswered_pings: AtomicUsize::new(0),
        });
        tracing::debug!(worker = worker.number, pid = worker.pid, plugin = setup.plugin, "started");
        let errors = child.stderr.take();
        worker.peer.send(&Frame::Setup(Box::new(setup)));
        tokio::spawn(Arc::clone(&worker).supervise(child, errors, voice));
        Ok(worker)
    }

    async fn supervise(
        self: Arc<Self>,
        mut child: Child,
        errors: Option<impl AsyncRead + Unpin + Send + 'static>,
        voice: Voice,
    ) {
        let (number, mut last_words) = (self.number, VecDeque::new());
        let listening = async {
            let Some(errors) = errors else { return };
            let mut lines = BufReader::new(errors).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                tracing::debug!(target: "worker", worker = number, "{line}");
                if last_words.len() == LAST_WORDS {
                    last_words.pop_front();
                }
                last_words.push_back(line);
            }
        };
        let talking = async {
            if let Err(error) = self.peer.run(|frame| self.take(frame, &voice)).await {
                self.kill(error.context("the connection to a worker broke"));
            }
        };
        let living = async {
            tokio::select! {
                status = child.wait() => status.ok(),
                () = self.kill.notified() => {
                    // Fails only when it has ended by itself meanwhile.
                    let _ = child.start_kill();
                    child.wait().await.ok()
                }
            }
        };
        let beating = self.heartbeat();
        // Everything it said is read to the end before its death is explained.
        let (status, (), ()) = tokio::select! {
            ended = async { tokio::join!(living, talking, listening) } => ended,
            () = beating => return,
        };
        let words: Vec<String> = last_words.into();
        let reason = self.reason().take();
        let error = reason.unwrap_or_else(|| death::explain(status, &words));
        tracing::debug!(worker = number, %error, "ended");
        self.state.send_replace(State::Dead(error));
    }

    fn take(&self, frame: Frame, voice: &Voice) {
        match frame {
            Frame::Started(Ok(missing)) => {
                report_sandbox(&missing);
                self.memory.started();
                self.state.send_replace(State::Ready);
            }
            Frame::Started(Err(error)) => self.kill(error),
            Frame::Log(record) => (voice.log)(record.into()),
            Frame::Print(text) => {
                if let Err(error) = (voice.print)(&text) {
                    tracing::debug!(%error, "a worker's output was lost");
                }
            }
            Frame::Pong => self.unanswered_pings.store(0, Ordering::Relaxed),
            _ => tracing::warn!(worker = self.number, "a worker said something out of place"),
        }
    }

    async fn heartbeat(&self) {
        loop {
            tokio::time::sleep(self.heartbeat).await;
            let missed = self.unanswered_pings.fetch_add(1, Ordering::Relaxed);
            if missed >= HEARTBEATS_MISSED_MAX {
                self.kill(
                    Error::unavailable("the worker process no longer answers")
                        .with_reason("run.worker_lost"),
                );
            }
            self.peer.send(&Frame::Ping);
        }
    }

    /// Waits until it has started.
    ///
    /// # Errors
    /// Why it did not.
    pub(super) async fn ready(&self) -> Result<()> {
        let mut states = self.state.subscribe();
        let state = states.wait_for(|state| !matches!(state, State::Starting)).await;
        match state.as_deref() {
            Ok(State::Ready) => Ok(()),
            Ok(State::Dead(error)) => Err(error.clone()),
            _ => Err(Error::internal("a worker was forgotten")),
        }
    }

    /// Waits until it has ended; gives why.
    pub(super) async fn death(&self) -> Error {
        let mut states = self.state.subscribe();
        let state = states.wait_for(|state| matches!(state, State::Dead(_))).await;
        match state.as_deref() {
            Ok(State::Dead(error)) => error.clone(),
            _ => Error::new(Code::Internal, "a worker was forgotten"),
        }
    }

    /// Whether it has started and not ended.
    pub(super) fn is_ready(&self) -> bool {
        matches!(&*self.state.borrow(), State::Ready)
    }

    /// Whether it has ended.
    pub(super) fn is_dead(&self) -> bool {
        matches!(&*self.state.borrow(), State::Dead(_))
    }

    /// Ends it at once; the calls it was answering fail with `reason`.
    pub(super) fn kill(&self, reason: Error) {
        self.reason().get_or_insert(reason);
        self.kill.notify_one();
    }

    /// Asks it to stop its plugin and end.
    pub(super) fn stop(&self) {
        self.reason().get_or_insert_with(|| Error::new(Code::Gone, "the worker was stopped"));
        self.peer.send(&Frame::Stop);
    }

    fn reason(&self) -> std::sync::MutexGuard<'_, Option<Error>> {
        self.kill_reason.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says what the kernel lacks to shut workers in: once, since it lacks it for all of them.
fn report_sandbox(missing: &[String]) {
    static REPORTED: Once = Once::new();
    if !missing.is_empty() {
        REPORTED.call_once(|| {
            let missing = missing.join(" and ");
            tracing::warn!("this kernel lacks {missing}; workers are confined by the rest");
        });
    }
}
