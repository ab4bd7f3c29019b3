//! Two versions of one contract understand each other, whichever side is the newer.

use std::sync::Arc;

use ratchet_plugin_api::raw::{Executor, Remote, export};
use ratchet_plugin_api::{Code, Service};

mod old {
    use ratchet_plugin_api::{Result, service};
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Order {
        pub(super) item: String,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Invoice {
        pub(super) total: u32,
    }

    #[service(id = "test.shop", version = "1.0")]
    pub(super) trait Shop {
        async fn buy(&self, order: Order) -> Result<Invoice>;
    }

    pub(super) struct Store;

    #[service]
    impl Shop for Store {
        async fn buy(&self, order: Order) -> Result<Invoice> {
            Ok(Invoice { total: order.item.len() as u32 })
        }
    }
}

mod new {
    use ratchet_plugin_api::{Result, Stream, service};
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Order {
        pub(super) item: String,
        #[serde(default = "one")]
        pub(super) amount: u32,
        #[serde(default)]
        pub(super) note: Option<String>,
    }

    fn one() -> u32 {
        1
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Invoice {
        pub(super) total: u32,
        #[serde(default)]
        pub(super) currency: Option<String>,
    }

    #[service(id = "test.shop", version = "1.1")]
    pub(super) trait Shop {
        async fn buy(&self, order: Order) -> Result<Invoice>;
        async fn give_back(&self, order: Order) -> Result<()>;
        async fn catalogue(&self) -> Result<Stream<String>>;
        async fn opening_hours(&self, day: u8) -> Result<String> {
            Ok(format!("always on day {day}"))
        }
    }

    pub(super) struct Store;

    #[service]
    impl Shop for Store {
        async fn buy(&self, order: Order) -> Result<Invoice> {
            let total = order.item.len() as u32 * order.amount;
            Ok(Invoice { total, currency: order.note.or_else(|| Some("EUR".into())) })
        }

        async fn give_back(&self, _order: Order) -> Result<()> {
            Ok(())
        }

        async fn catalogue(&self) -> Result<Stream<String>> {
            Ok(Stream::new(futures_util::stream::iter([Ok("pen".to_owned())])))
        }
    }
}

#[tokio::test]
async fn an_old_consumer_calls_a_new_provider() {
    let handle = export::<dyn new::Shop>(Arc::new(new::Store), Executor::current());
    let client = <dyn old::Shop>::client(Remote::new(handle));
    // The amount is missing and becomes one; the currency is unknown and is passed over.
    let invoice = client.buy(old::Order { item: "pen".into() }).await.unwrap();
    assert_eq!(invoice, old::Invoice { total: 3 });
}

#[tokio::test]
async fn a_new_consumer_calls_an_old_provider() {
    let handle = export::<dyn old::Shop>(Arc::new(old::Store), Executor::current());
    let client = <dyn new::Shop>::client(Remote::new(handle));
    let order = new::Order { item: "pen".into(), amount: 5, note: Some("a gift".into()) };
    let invoice = client.buy(order).await.unwrap();
    assert_eq!(invoice, new::Invoice { total: 3, currency: None });
}

#[tokio::test]
async fn a_method_the_provider_does_not_know_is_unsupported() {
    let handle = export::<dyn old::Shop>(Arc::new(old::Store), Executor::current());
    let client = <dyn new::Shop>::client(Remote::new(handle));
    let order = new::Order { item: "pen".into(), amount: 1, note: None };
    let error = client.give_back(order).await.unwrap_err();
    assert_eq!(error.code, Code::Unsupported);
    assert_eq!(error.message, "this provider of test.shop 1.0 has no `give_back`");
    let error = client.catalogue().await.map(drop).unwrap_err();
    assert_eq!(error.code, Code::Unsupported);
    // Neither does a default body help: it is the provider's, and this one has none.
    assert_eq!(client.opening_hours(1).await.unwrap_err().code, Code::Unsupported);
}

#[tokio::test]
async fn what_is_not_the_binary_form_of_the_arguments_is_invalid() {
    let handle = export::<dyn old::Shop>(Arc::new(old::Store), Executor::current());
    for garbage in [&b""[..], b"\xc1", b"\x80", b"\x81\xa5order\x07", &[0xff; 100]] {
        let call = ratchet_plugin_api::Call::root();
        let error = handle.call("buy", call, garbage.to_vec()).await.unwrap_err();
        assert_eq!(error.code, Code::Invalid, "{garbage:?}: {error}");
    }
}

#[tokio::test]
async fn a_method_of_the_other_kind_is_invalid() {
    let handle = export::<dyn new::Shop>(Arc::new(new::Store), Executor::current());
    let remote = Remote::new(handle);
    let error = remote.call::<_, u32>("catalogue", &()).await.unwrap_err();
    assert_eq!((error.code, &*error.message), (Code::Invalid, "this method returns a stream"));
    let error = remote.open::<_, u32>("buy", &(), None).await.map(drop).unwrap_err();
    assert_eq!((error.code, &*error.message), (Code::Invalid, "this method returns a value"));
}

#[test]
fn a_declaration_says_what_the_contract_consists_of() {
    let declared = <dyn new::Shop as Service>::DECLARATION;
    assert_eq!((declared.id, declared.major, declared.minor), ("test.shop", 1, 1));
    assert_eq!(declared.methods, ["buy", "give_back", "catalogue", "opening_hours"]);
}
