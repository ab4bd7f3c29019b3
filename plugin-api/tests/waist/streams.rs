//! Streams: complete, pulled, and told of failures.

use futures_util::StreamExt as _;
use ratchet_plugin_api::{Call, Code, Error, Stream};

use crate::clerk::Office;

/// Items the waist may ask for ahead of its reader.
const BATCH: u64 = 64;

#[tokio::test]
async fn every_item_arrives_in_order() {
    for office in Office::both() {
        let stream = office.client.count(1000).await.unwrap();
        let numbers: Vec<u64> = stream.map(Result::unwrap).collect().await;
        assert!(numbers.into_iter().eq(0..1000));
        office.clerk.live.until(0).await;
    }
}

#[tokio::test]
async fn an_empty_stream_ends() {
    for office in Office::both() {
        let mut stream = office.client.count(0).await.unwrap();
        assert!(stream.next().await.is_none());
        assert!(stream.next().await.is_none());
    }
}

#[tokio::test]
async fn nothing_is_produced_that_nobody_reads() {
    for office in Office::both() {
        let mut stream = office.client.count(u64::MAX).await.unwrap();
        assert_eq!(office.clerk.produced.now(), 0);
        let mut read = 0;
        while read < 1000 {
            assert_eq!(stream.next().await.unwrap().unwrap(), read);
            read += 1;
            let produced = office.clerk.produced.now();
            assert!(produced < read + BATCH, "{produced} produced after {read} read");
        }
        drop(stream);
        office.clerk.live.until(0).await;
    }
}

#[tokio::test]
async fn items_before_a_failure_arrive_before_it() {
    for office in Office::both() {
        for items in [0, 1, BATCH - 1, BATCH, BATCH + 1] {
            let mut stream = office.client.count_and_fail(items).await.unwrap();
            for number in 0..items {
                assert_eq!(stream.next().await.unwrap().unwrap(), number);
            }
            let error = stream.next().await.unwrap().unwrap_err();
            assert_eq!((error.code, error.message.as_str()), (Code::Conflict, "lost count"));
            assert!(stream.next().await.is_none());
        }
    }
}

#[tokio::test]
async fn an_item_that_is_ready_does_not_wait_for_a_full_batch() {
    for office in Office::both() {
        let mut stream = office.client.count_and_hang(3).await.unwrap();
        for number in 0..3 {
            assert_eq!(stream.next().await.unwrap().unwrap(), number);
        }
    }
}

#[tokio::test]
async fn dropping_a_stream_cancels_what_produces_it() {
    for office in Office::both() {
        let mut stream = office.client.count_and_hang(1).await.unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap(), 0);
        let waiting = tokio::spawn(async move { stream.next().await.is_none() });
        tokio::task::yield_now().await;
        waiting.abort();
        office.clerk.live.until(0).await;
        office.idle().await;
    }
}

#[tokio::test]
async fn a_stream_goes_in_and_comes_out_pulled_by_its_reader() {
    for office in Office::both() {
        let (sender, numbers) = Stream::channel(1);
        let mut doubled = office.client.double(numbers, 1).await.unwrap();
        for number in 0..100 {
            sender.send(Ok(number)).await.unwrap();
            assert_eq!(doubled.next().await.unwrap().unwrap(), number * 2 + 1);
        }
        sender.send(Err(Error::new(Code::Denied, "that is enough"))).await.unwrap();
        assert_eq!(doubled.next().await.unwrap().unwrap_err().code, Code::Denied);
        drop(doubled);
        sender.closed().await;
    }
}

#[tokio::test]
async fn the_deadline_bounds_the_opening_and_not_the_reading() {
    for office in Office::both() {
        let opened = Call::timeout(std::time::Duration::from_secs(60), async {
            office.client.count(3).await
        });
        let stream = opened.await.unwrap();
        assert_eq!(stream.count().await, 3);
    }
}
