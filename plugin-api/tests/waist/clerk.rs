//! The service under test, and what tells whether its futures are still alive.

use std::sync::Arc;
use std::time::Duration;

use ratchet_plugin_api::abi::ServiceHandle;
use ratchet_plugin_api::model::Id;
use ratchet_plugin_api::raw::{Executor, Remote, export};
use ratchet_plugin_api::{Call, Code, Error, Result, Service, Stream, service};
use serde::{Deserialize, Serialize};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;

/// Where a provider panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    FirstPoll,
    LaterPoll,
    DropOfFinished,
    DropOfUnfinished,
    /// In a destructor, with a payload whose own destructor panics too.
    PayloadOfPayload,
}

/// The call as its provider saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) trace: (u64, u64),
    pub(crate) span: u64,
    pub(crate) execution: Option<Id>,
    pub(crate) caller: Option<String>,
    pub(crate) remaining_ms: Option<u64>,
}

#[service(id = "test.clerk", version = "1.0")]
pub(crate) trait Clerk {
    async fn join(&self, first: String, second: Option<String>, times: u32) -> Result<String>;
    async fn refuse(&self) -> Result<()>;
    async fn see(&self) -> Result<Seen>;
    async fn hang(&self) -> Result<()>;
    async fn wait(&self, kind: u8) -> Result<u8>;
    async fn panic(&self, place: Place) -> Result<()>;
    async fn count(&self, to: u64) -> Result<Stream<u64>>;
    async fn count_and_fail(&self, to: u64) -> Result<Stream<u64>>;
    async fn count_and_panic(&self, to: u64) -> Result<Stream<u64>>;
    async fn count_and_hang(&self, to: u64) -> Result<Stream<u64>>;
    async fn double(&self, numbers: Stream<u64>, plus: u64) -> Result<Stream<u64>>;
    async fn with_default(&self, number: u32) -> Result<u32> {
        Ok(number + 1)
    }
}

/// A clerk who keeps count of what is alive and what was produced.
#[derive(Default)]
pub(crate) struct BusyClerk {
    pub(crate) live: Live,
    pub(crate) produced: Live,
    /// Calls and streams that were begun and dropped before they ended.
    pub(crate) cancelled: Live,
}

#[service]
impl Clerk for BusyClerk {
    async fn join(&self, first: String, second: Option<String>, times: u32) -> Result<String> {
        Ok(format!("{first}{}", second.unwrap_or_default()).repeat(times as usize))
    }

    async fn refuse(&self) -> Result<()> {
        let cause = std::io::Error::other("no ink");
        Err(Error::wrap(Code::Conflict, "the clerk refuses", &cause)
            .with_reason("clerk.ink")
            .retry_after_ms(250))
    }

    async fn see(&self) -> Result<Seen> {
        let call = Call::current();
        Ok(Seen {
            trace: ((call.trace >> 64) as u64, call.trace as u64),
            span: call.span,
            execution: call.execution,
            caller: call.baggage("caller").map(str::to_owned),
            remaining_ms: call.remaining().map(|left| left.as_millis() as u64),
        })
    }

    async fn hang(&self) -> Result<()> {
        let _live = self.live.guard();
        std::future::pending().await
    }

    async fn wait(&self, kind: u8) -> Result<u8> {
        let unfinished = Unfinished(Some(self.cancelled.clone()));
        let _live = self.live.guard();
        match kind % 6 {
            0 => tokio::task::yield_now().await,
            1 => tokio::time::sleep(Duration::from_micros(200)).await,
            2 => {
                // A timer that is never reached has to be taken out of the provider's own wheel.
                tokio::time::sleep(Duration::from_secs(3600)).await;
            }
            3 => {
                let (_sender, mut receiver) = tokio::sync::mpsc::channel::<()>(1);
                let _ = tokio::time::timeout(Duration::from_micros(100), receiver.recv()).await;
            }
            4 => {
                let live = self.live.guard();
                let task = tokio::spawn(async move {
                    let _live = live;
                    tokio::task::yield_now().await;
                });
                let _ = task.await;
            }
            _ => {
                for _ in 0..8 {
                    tokio::task::yield_now().await;
                }
            }
        }
        unfinished.finish();
        Ok(kind)
    }

    async fn panic(&self, place: Place) -> Result<()> {
        let _live = self.live.guard();
        match place {
            Place::FirstPoll => panic!("at once"),
            Place::LaterPoll => {
                tokio::task::yield_now().await;
                panic!("later")
            }
            Place::DropOfFinished => {
                let _bomb = Bomb::Text;
                Ok(())
            }
            Place::DropOfUnfinished => {
                let _bomb = Bomb::Text;
                std::future::pending().await
            }
            Place::PayloadOfPayload => {
                let _bomb = Bomb::Nested;
                std::future::pending().await
            }
        }
    }

    async fn count(&self, to: u64) -> Result<Stream<u64>> {
        let (live, produced) = (self.live.guard(), self.produced.clone());
        Ok(Stream::new(futures_util::stream::iter((0..to).map(move |number| {
            let _live = &live;
            produced.add(1);
            Ok(number)
        }))))
    }

    async fn count_and_fail(&self, to: u64) -> Result<Stream<u64>> {
        let items = (0..to).map(Ok).chain([Err(Error::new(Code::Conflict, "lost count"))]);
        Ok(Stream::new(futures_util::stream::iter(items)))
    }

    async fn count_and_panic(&self, to: u64) -> Result<Stream<u64>> {
        let items = (0..=to).map(move |number| {
            assert!(number < to, "out of numbers");
            Ok(number)
        });
        Ok(Stream::new(futures_util::stream::iter(items)))
    }

    async fn count_and_hang(&self, to: u64) -> Result<Stream<u64>> {
        let (sender, stream) = Stream::channel(1);
        let (live, unfinished) = (self.live.guard(), Unfinished(Some(self.cancelled.clone())));
        tokio::spawn(async move {
            let (_live, _unfinished) = (live, unfinished);
            for number in 0..to {
                if sender.send(Ok(number)).await.is_err() {
                    return;
                }
            }
            sender.closed().await;
        });
        Ok(stream)
    }

    async fn double(&self, numbers: Stream<u64>, plus: u64) -> Result<Stream<u64>> {
        use futures_util::StreamExt as _;
        Ok(Stream::new(numbers.map(move |number| number.map(|number| number * 2 + plus))))
    }
}

/// Panics when it is dropped.
enum Bomb {
    Text,
    Nested,
}

impl Drop for Bomb {
    fn drop(&mut self) {
        match self {
            Bomb::Text => panic!("a destructor"),
            Bomb::Nested => std::panic::panic_any(Bomb::Text),
        }
    }
}

/// Counts as cancelled when it is dropped before it is finished.
struct Unfinished(Option<Live>);

impl Unfinished {
    fn finish(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(cancelled) = &self.0 {
            cancelled.add(1);
        }
    }
}

/// Counts what is alive, and lets a test wait until nothing is.
#[derive(Clone)]
pub(crate) struct Live(Arc<watch::Sender<u64>>);

impl Default for Live {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Live {
    pub(crate) fn guard(&self) -> LiveGuard {
        self.add(1);
        LiveGuard(self.clone())
    }

    fn add(&self, number: u64) {
        self.0.send_modify(|count| *count += number);
    }

    pub(crate) fn now(&self) -> u64 {
        *self.0.borrow()
    }

    pub(crate) async fn until(&self, wanted: u64) {
        let reached = async {
            self.0.subscribe().wait_for(|count| *count == wanted).await.map(drop).unwrap();
        };
        let outcome = tokio::time::timeout(Duration::from_secs(30), reached).await;
        assert!(outcome.is_ok(), "{} are alive, not {wanted}", self.now());
    }
}

pub(crate) struct LiveGuard(Live);

impl Drop for LiveGuard {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}

/// A provider in a runtime of its own, as a plugin has one, and its client.
pub(crate) struct Office {
    pub(crate) clerk: Arc<BusyClerk>,
    pub(crate) client: Arc<dyn Clerk>,
    pub(crate) handle: ServiceHandle,
    runtime: Option<Runtime>,
}

impl Office {
    pub(crate) fn new(executor: fn(Handle) -> Executor) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let clerk = Arc::new(BusyClerk::default());
        let executor = executor(runtime.handle().clone());
        let handle = export::<dyn Clerk>(Arc::clone(&clerk) as _, executor);
        let client = <dyn Clerk>::client(Remote::new(handle.clone()));
        Self { clerk, client, handle, runtime: Some(runtime) }
    }

    /// The two ways of running a provider's futures.
    pub(crate) fn both() -> [Self; 2] {
        [Self::new(Executor::inline), Self::new(Executor::spawned)]
    }

    /// Tasks alive in the provider's runtime.
    pub(crate) fn tasks(&self) -> usize {
        self.runtime.as_ref().map_or(0, |runtime| runtime.metrics().num_alive_tasks())
    }

    /// Waits until the provider's runtime has no task left.
    pub(crate) async fn idle(&self) {
        let idle = async {
            while self.tasks() > 0 {
                tokio::task::yield_now().await;
            }
        };
        let outcome = tokio::time::timeout(Duration::from_secs(30), idle).await;
        assert!(outcome.is_ok(), "{} tasks are left", self.tasks());
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
