//! 100 000 calls dropped in flight: nothing aborts and nothing is left behind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use ratchet_plugin_api::abi::ServiceHandle;
use ratchet_plugin_api::raw::Executor;
use ratchet_plugin_api::{Call, wire};

use crate::clerk::{Clerk, Office};

/// Calls dropped while their provider was at work on them, half of them inline and half spawned.
/// Those dropped before or after that are not counted.
const DROPS: u64 = 100_000;

/// Tasks that make and drop calls at the same time.
const CALLERS: u64 = 8;

/// A random number generator that gives the same numbers for the same seed (SplitMix64, Steele,
/// Lea and Flood 2014), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inline_calls_can_be_dropped_at_any_time() {
    drop_calls(Executor::inline, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spawned_calls_can_be_dropped_at_any_time() {
    drop_calls(Executor::spawned, 2).await;
}

async fn drop_calls(executor: fn(tokio::runtime::Handle) -> Executor, seed: u64) {
    let office = Office::new(executor);
    let callers = (0..CALLERS).map(|caller| {
        let (client, handle) = (office.client.clone(), office.handle.clone());
        let cancelled = office.clerk.cancelled.clone();
        tokio::spawn(async move {
            let mut random = Random(seed * CALLERS + caller);
            while cancelled.now() < DROPS / 2 {
                drop_one(&client, &handle, &mut random).await;
            }
        })
    });
    for caller in join_all(callers).await {
        caller.expect("no caller fails");
    }
    office.clerk.live.until(0).await;
    office.idle().await;
    // The provider is as good as new.
    assert_eq!(office.client.wait(0).await.unwrap(), 0);
}

/// Makes a call of a random kind and drops it at a random moment.
async fn drop_one(client: &Arc<dyn Clerk>, handle: &ServiceHandle, random: &mut Random) {
    let kind = random.next() as u8;
    match random.below(6) {
        // Before its first poll, when the provider has it already.
        0 => {
            let arguments = wire::encode(&BTreeMap::from([("kind", kind)])).unwrap();
            drop(handle.call("wait", Call::root(), arguments));
        }
        // After some polls on this thread.
        1 => {
            let mut call = client.wait(kind);
            let mut context = Context::from_waker(Waker::noop());
            for _ in 0..random.below(4) {
                if call.poll_unpin(&mut context).is_ready() {
                    // Polling on would be this test's mistake.
                    return;
                }
            }
        }
        // After some turns of the caller's executor.
        2 => {
            let turns = random.below(20);
            let elsewhere = async move {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                _ = client.wait(kind) => {}
                () = elsewhere => {}
            }
        }
        // From another task, whatever it is doing.
        3 => {
            let client = client.clone();
            let task = tokio::spawn(async move { client.wait(kind).await });
            for _ in 0..random.below(4) {
                tokio::task::yield_now().await;
            }
            task.abort();
        }
        // A stream that has been read or not, with a read in flight.
        4 => {
            let reads = random.below(3);
            if let Ok(mut stream) = client.count_and_hang(2).await {
                for _ in 0..reads {
                    assert!(stream.next().await.is_some());
                }
                let _ = stream.next().now_or_never();
            }
        }
        // By the clock.
        _ => {
            let soon = Duration::from_micros(random.below(300));
            let _ = tokio::time::timeout(soon, client.wait(kind)).await;
        }
    }
}

#[test]
fn a_call_can_be_dropped_on_a_thread_that_has_no_runtime() {
    for office in Office::both() {
        for kind in 0..6 {
            let mut call = office.client.wait(kind);
            let mut context = Context::from_waker(Waker::noop());
            let _ = call.poll_unpin(&mut context);
            drop(call);
        }
        drop(office.client.count_and_hang(1).now_or_never());
        let clock = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        clock.block_on(office.clerk.live.until(0));
    }
}
