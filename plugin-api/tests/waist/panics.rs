//! A panic costs the call it happened in and nothing else.

use std::sync::Arc;

use futures_util::FutureExt as _;
use ratchet_plugin_api::raw::{Executor, Remote, export};
use ratchet_plugin_api::{Code, Service};

use crate::clerk::{BusyClerk, Clerk, Office, Place};

/// Shows that the provider still answers.
async fn assert_alive(office: &Office) {
    assert_eq!(office.client.join("alive".into(), None, 1).await.unwrap(), "alive");
    office.clerk.live.until(0).await;
}

#[tokio::test]
async fn a_panic_during_a_poll_becomes_an_error_that_says_so() {
    for office in Office::both() {
        for (place, text) in [(Place::FirstPoll, "at once"), (Place::LaterPoll, "later")] {
            let error = office.client.panic(place).await.unwrap_err();
            assert_eq!(error.code, Code::Panicked, "{error}");
            assert!(error.message.contains(text), "{error}");
            assert_alive(&office).await;
        }
    }
}

#[tokio::test]
async fn a_panic_while_a_finished_call_is_cleaned_up_is_contained() {
    for office in Office::both() {
        let error = office.client.panic(Place::DropOfFinished).await.unwrap_err();
        assert_eq!(error.code, Code::Panicked, "{error}");
        assert_alive(&office).await;
    }
}

#[tokio::test]
async fn a_panic_while_a_cancelled_call_is_dropped_is_contained() {
    cancel(Place::DropOfUnfinished).await;
}

#[tokio::test]
async fn a_panic_whose_payload_panics_when_dropped_is_contained() {
    cancel(Place::PayloadOfPayload).await;
}

/// Drops a call in flight, whose future panics at `place` as it is dropped.
async fn cancel(place: Place) {
    for office in Office::both() {
        tokio::select! {
            biased;
            _ = office.client.panic(place) => panic!("this call never ends"),
            () = office.clerk.live.until(1) => {}
        }
        assert_alive(&office).await;
    }
}

#[tokio::test]
async fn a_panic_inside_a_stream_becomes_an_error_of_that_stream() {
    for office in Office::both() {
        let mut stream = office.client.count_and_panic(3).await.unwrap();
        let mut read = 0;
        let error = loop {
            match stream.next().await.unwrap() {
                Ok(number) => {
                    assert_eq!(number, read);
                    read += 1;
                }
                Err(error) => break error,
            }
        };
        assert_eq!(error.code, Code::Panicked, "{error}");
        assert!(error.message.contains("out of numbers"), "{error}");
        assert!(stream.next().await.is_none());
        assert_alive(&office).await;
    }
}

#[tokio::test]
async fn a_panic_of_the_callers_waker_does_not_unwind_into_the_provider() {
    struct PanickingWaker;

    impl std::task::Wake for PanickingWaker {
        fn wake(self: Arc<Self>) {
            panic!("a broken executor");
        }
    }

    let office = Office::new(Executor::inline);
    let mut call = office.client.wait(0);
    let waker = Arc::new(PanickingWaker).into();
    let mut context = std::task::Context::from_waker(&waker);
    // The provider yields, so it wakes the caller from inside this poll.
    assert!(call.poll_unpin(&mut context).is_pending());
    assert_eq!(call.await.unwrap(), 0);
    assert_alive(&office).await;
}

#[test]
fn a_provider_whose_destructor_panics_is_dropped_without_harm() {
    struct Doomed(BusyClerk);

    impl Drop for Doomed {
        fn drop(&mut self) {
            panic!("a provider's destructor");
        }
    }

    #[ratchet_plugin_api::service]
    impl crate::slots::Passing for Doomed {
        async fn pass(&self) -> ratchet_plugin_api::Result<crate::clerk::Seen> {
            self.0.see().await
        }
    }

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let doomed = Arc::new(Doomed(BusyClerk::default()));
    let executor = Executor::inline(runtime.handle().clone());
    let handle = export::<dyn crate::slots::Passing>(doomed, executor);
    let client = <dyn crate::slots::Passing>::client(Remote::new(handle));
    assert!(runtime.block_on(client.pass()).is_ok());
    drop(client);
}
