//! What a run's JavaScript reaches outside its context, and the state of that run.
//!
//! Scripts of jskit get one native function, `host(operation, …)`; [`Host::operate`] answers it.
//! Task code never sees that function.

mod console;
mod data;
mod fetch;
mod mock;
mod timers;
mod urls;

use std::cell::{Cell, OnceCell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use ratchet_plugin_api::model::{
    FailureKind, FetchPolicy, FetchResponse, Limits, RunEvent, RunReport,
};
use ratchet_plugin_api::{Error, StreamSender};

use crate::engine::{ErrorClass, FromJs, ToJs};

pub use fetch::FetchPort;

use console::LogBook;
use fetch::Fetches;
use timers::Timers;

/// Something that ends the JavaScript thread's wait.
#[derive(Debug)]
pub(crate) enum Wake {
    /// A request was answered or failed.
    Fetched(usize, Result<FetchResponse, Error>),
    /// The run was cancelled.
    Cancelled,
}

/// Cancels one run from another thread.
#[derive(Debug)]
pub(crate) struct CancelHandle {
    cancelled: AtomicBool,
    wake: mpsc::Sender<Wake>,
}

impl CancelHandle {
    pub(crate) fn new() -> (Arc<Self>, mpsc::Receiver<Wake>) {
        let (wake, woken) = mpsc::channel();
        (Arc::new(Self { cancelled: AtomicBool::new(false), wake }), woken)
    }

    /// Cancels the run: what it waits for ends at once, and so does its JavaScript if the engine
    /// can be interrupted.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        // A closed channel means the run is over.
        let _ = self.wake.send(Wake::Cancelled);
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }
}

/// What a run is bound to while it lasts.
pub(crate) struct Session {
    pub(crate) limits: Limits,
    pub(crate) started: Instant,
    pub(crate) deadline: Instant,
    pub(crate) cancel: Arc<CancelHandle>,
    pub(crate) woken: mpsc::Receiver<Wake>,
    pub(crate) fetch_policy: FetchPolicy,
    pub(crate) fetch_port: FetchPort,
    pub(crate) observer: Option<StreamSender<RunEvent>>,
}

impl Session {
    fn emit(&self, event: RunEvent) {
        if let Some(observer) = &self.observer
            && observer.send_blocking(Ok(event)).is_err()
        {
            self.cancel.cancel();
        }
    }
}

/// How a host operation failed.
#[derive(Debug)]
pub(crate) enum OpError {
    /// It throws an error of this class.
    Throw(ErrorClass, String),
    /// It ends the run.
    Stop(FailureKind),
}

impl OpError {
    fn type_error(message: impl Into<String>) -> Self {
        Self::Throw(ErrorClass::Type, message.into())
    }
}

type OpResult = Result<ToJs, OpError>;

/// What the event loop has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Call back the timer with this number.
    Timer(u32),
    /// Settle the request with this number.
    Fetched(usize),
    /// Nothing is pending: no promise can be settled any more.
    Idle,
    /// End the run.
    Stop(FailureKind),
}

/// One context's connection to the world, made with it and used for one run.
#[derive(Default)]
pub struct Host {
    session: OnceCell<Session>,
    log: RefCell<LogBook>,
    timers: RefCell<Timers>,
    fetches: RefCell<Fetches>,
    stopped: Cell<Option<FailureKind>>,
    settled: Cell<Option<bool>>,
}

impl Host {
    pub(crate) fn begin(&self, session: Session) {
        let begun = self.session.set(session).is_ok();
        debug_assert!(begun, "a context is used for one run");
    }

    /// Why JavaScript shall stop running now, if it shall. Cheap enough to be asked by an engine's
    /// interrupt handler and between promise jobs; the first reason stands.
    pub fn interruption(&self) -> Option<FailureKind> {
        if self.stopped.get().is_none()
            && let Some(session) = self.session.get()
        {
            if session.cancel.is_cancelled() {
                self.stopped.set(Some(FailureKind::Cancelled));
            } else if Instant::now() >= session.deadline {
                self.stopped.set(Some(FailureKind::TimeLimit));
            }
        }
        self.stopped.get()
    }

    /// Ends the run, whatever the task does meanwhile: for an engine that has found a limit to be
    /// reached. The first reason stands.
    pub fn stop(&self, kind: FailureKind) {
        if self.stopped.get().is_none() {
            self.stopped.set(Some(kind));
        }
    }

    /// Why this run was stopped, where an engine only knows that it was.
    pub fn stopped(&self) -> Option<FailureKind> {
        self.stopped.get()
    }

    /// Bytes of memory the run may hold.
    pub fn memory_limit(&self) -> u64 {
        self.session.get().map_or(u64::MAX, |session| session.limits.memory_bytes)
    }

    fn session(&self) -> Result<&Session, OpError> {
        self.session.get().ok_or_else(|| {
            OpError::Throw(ErrorClass::Error, "no run is under way in this context".into())
        })
    }

    pub(crate) fn set_settled(&self, fulfilled: Option<bool>) {
        self.settled.set(fulfilled);
    }

    pub(crate) fn settled(&self) -> Option<bool> {
        self.settled.get()
    }

    /// Answers one call of `host(operation, …)`.
    pub(crate) fn operate(&self, operation: &str, arguments: &[FromJs]) -> OpResult {
        let arguments = Arguments(arguments);
        let (group, name) = operation.split_once('.').unwrap_or((operation, ""));
        match group {
            "log" => self.operate_log(name, arguments),
            "timer" => self.operate_timer(name, arguments),
            "fetch" => self.operate_fetch(name, arguments),
            "url" => urls::operate(name, arguments),
            "clock" => {
                let session = self.session()?;
                Ok(ToJs::Number(session.started.elapsed().as_secs_f64() * 1e3))
            }
            _ => data::operate(group, name, arguments),
        }
    }

    fn operate_log(&self, name: &str, arguments: Arguments<'_>) -> OpResult {
        let session = self.session()?;
        let mut log = self.log.borrow_mut();
        if name == "open" {
            return Ok(ToJs::Bool(log.is_open(&session.limits)));
        }
        if let Some(line) = log.write(name, arguments.text(0)?, &session.limits)
            && session.observer.is_some()
        {
            session.emit(RunEvent::Log(line));
            log.lines.clear();
        }
        Ok(ToJs::Undefined)
    }

    fn operate_timer(&self, name: &str, arguments: Arguments<'_>) -> OpResult {
        let mut timers = self.timers.borrow_mut();
        match name {
            "start" => Ok(ToJs::Number(f64::from(timers.start(arguments.number(0)?)))),
            _ => {
                timers.clear(arguments.index(0)?);
                Ok(ToJs::Undefined)
            }
        }
    }

    fn operate_fetch(&self, name: &str, arguments: Arguments<'_>) -> OpResult {
        let session = self.session()?;
        let mut fetches = self.fetches.borrow_mut();
        if name == "start" {
            return fetches.start(session, arguments);
        }
        let id = arguments.index(0)? as usize;
        if name == "wait" {
            while !fetches.is_done(id) {
                if let Some(kind) = self.interruption() {
                    return Err(OpError::Stop(kind));
                }
                let until =
                    fetches.next_mock().map_or(session.deadline, |due| due.min(session.deadline));
                self.receive(session, &mut fetches, until);
            }
            return Ok(ToJs::Undefined);
        }
        fetches.operate(session, name, id)
    }

    /// Waits for a wake-up until `until` and notes what it brings.
    fn receive(&self, session: &Session, fetches: &mut Fetches, until: Instant) {
        let wait = until.saturating_duration_since(Instant::now());
        if let Ok(Wake::Fetched(id, result)) = session.woken.recv_timeout(wait) {
            fetches.finish(session, id, result);
        }
        fetches.finish_mocks(session);
    }

    /// Waits for whatever comes first: a timer, an answer, or the end of the run.
    pub(crate) fn next(&self) -> Next {
        let Ok(session) = self.session() else { return Next::Idle };
        loop {
            if let Some(kind) = self.interruption() {
                return Next::Stop(kind);
            }
            let mut fetches = self.fetches.borrow_mut();
            while let Ok(wake) = session.woken.try_recv() {
                if let Wake::Fetched(id, result) = wake {
                    fetches.finish(session, id, result);
                }
            }
            fetches.finish_mocks(session);
            if let Some(id) = fetches.take_unsettled() {
                return Next::Fetched(id);
            }
            let timer = self.timers.borrow().next();
            if timer.is_some_and(|due| due <= Instant::now())
                && let Some(id) = self.timers.borrow_mut().take()
            {
                return Next::Timer(id);
            }
            if timer.is_none() && !fetches.any_pending() {
                return Next::Idle;
            }
            let until = [timer, fetches.next_mock()].into_iter().flatten().min();
            self.receive(
                session,
                &mut fetches,
                until.unwrap_or(session.deadline).min(session.deadline),
            );
        }
    }

    /// Ends the run's business with the world. Requests whose answer nobody has asked for were
    /// meant to be made: they are waited for. The others are given up.
    pub(crate) fn end(&self, report: &mut RunReport) {
        if let Some(session) = self.session.get() {
            let mut fetches = self.fetches.borrow_mut();
            while fetches.any_unattended() && self.interruption().is_none() {
                let until =
                    fetches.next_mock().map_or(session.deadline, |due| due.min(session.deadline));
                self.receive(session, &mut fetches, until);
            }
            report.http = fetches.give_up(session);
            if session.observer.is_some() {
                report.http.clear();
            }
        }
        let log = std::mem::take(&mut *self.log.borrow_mut());
        report.logs = log.lines;
        report.logs_dropped = log.dropped;
    }
}

/// The arguments of a host operation. Scripts of jskit pass the right ones; an error here is a
/// fault of ours that must not be more than an exception.
#[derive(Clone, Copy)]
pub(crate) struct Arguments<'a>(&'a [FromJs]);

impl<'a> Arguments<'a> {
    fn wrong(self, index: usize, expected: &str) -> OpError {
        OpError::type_error(format!("argument {index} of a host operation is not {expected}"))
    }

    fn text(self, index: usize) -> Result<&'a str, OpError> {
        match self.0.get(index) {
            Some(FromJs::Text(text)) => Ok(text),
            _ => Err(self.wrong(index, "text")),
        }
    }

    fn optional_text(self, index: usize) -> Option<&'a str> {
        self.text(index).ok()
    }

    fn number(self, index: usize) -> Result<f64, OpError> {
        match self.0.get(index) {
            Some(FromJs::Number(number)) => Ok(*number),
            _ => Err(self.wrong(index, "a number")),
        }
    }

    fn index(self, index: usize) -> Result<u32, OpError> {
        let number = self.number(index)?;
        if number >= 0.0 && number <= f64::from(u32::MAX) {
            Ok(number as u32)
        } else {
            Ok(u32::MAX)
        }
    }

    fn bytes(self, index: usize) -> Result<&'a [u8], OpError> {
        match self.0.get(index) {
            Some(FromJs::Bytes(bytes)) => Ok(bytes),
            _ => Err(self.wrong(index, "bytes")),
        }
    }

    fn flag(self, index: usize) -> bool {
        matches!(self.0.get(index), Some(FromJs::Bool(true)))
    }

    fn any(self, index: usize) -> &'a FromJs {
        self.0.get(index).unwrap_or(&FromJs::Undefined)
    }
}

/// A wait of this many milliseconds, held to what a timer can wait: 2³¹-1, as in browsers.
fn milliseconds(number: f64) -> Duration {
    let held = if number.is_nan() { 0.0 } else { number.clamp(0.0, f64::from(i32::MAX)) };
    Duration::from_micros((held * 1e3) as u64)
}
