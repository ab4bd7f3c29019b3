//! A service as bytes in, bytes out.

use std::sync::Arc;

use abi_stable::sabi_trait;
use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{RArc, RBox, ROption, RStr, RVec};
use async_ffi::FfiFuture;

use super::frame::CallFrame;
use super::future::{Imported, export};
use super::growth::{growing, rehearsed};
use super::stream::{BatchStreamBox, RawStream};
use super::{Reply, unreply};
use crate::Result;
use crate::call::Call;
use crate::guard::{BoxFuture, Executor};

/// A service before it has types: what a provider answers and what a proxy forwards.
pub trait RawService: Send + Sync + 'static {
    /// Answers one call of a method that returns a value.
    fn call(&self, method: &str, call: Call, arguments: Vec<u8>) -> BoxFuture<Result<Vec<u8>>>;

    /// Answers one call of a method that returns a stream, and perhaps takes one.
    fn open(
        &self,
        method: &str,
        call: Call,
        arguments: Vec<u8>,
        input: Option<RawStream>,
    ) -> BoxFuture<Result<RawStream>>;

    /// What the service is and how its methods have been used: a JSON object.
    fn describe(&self) -> String;
}

growing! {
    #[sabi_trait]
    pub trait ServiceObject: Send + Sync {
        fn call(
            &self,
            method: RStr<'_>,
            frame: CallFrame,
            arguments: RVec<u8>,
        ) -> FfiFuture<Reply<RVec<u8>>>;

        fn open(
            &self,
            method: RStr<'_>,
            frame: CallFrame,
            arguments: RVec<u8>,
            input: ROption<BatchStreamBox>,
        ) -> FfiFuture<Reply<BatchStreamBox>>;

        #[sabi(last_prefix_field)]
        fn describe(&self) -> RVec<u8>;
    }
}

pub type ServiceBox = RArc<ServiceObject_TO<'static, RBox<()>>>;

/// A live service, wherever its provider is. Cheap to clone.
#[derive(Clone)]
pub struct ServiceHandle(pub(super) ServiceBox);

impl ServiceHandle {
    /// Offers `service`, whose futures `executor` polls and drops.
    pub fn new(service: Arc<dyn RawService>, executor: Executor) -> Self {
        let exported = Exported { service: Some(service), executor };
        Self(RArc::new(ServiceObject_TO::from_value(exported, TD_Opaque)))
    }

    /// Calls a method that returns a value. Dropping the future cancels the call.
    pub fn call(
        &self,
        method: &str,
        call: Call,
        arguments: Vec<u8>,
    ) -> impl Future<Output = Result<Vec<u8>>> + Send + 'static {
        let reply = Imported::new(self.0.call(method.into(), call.into(), arguments.into()));
        async move { unreply(reply.await) }
    }

    /// Calls a method that returns a stream. Dropping the future or the stream cancels it.
    pub fn open(
        &self,
        method: &str,
        call: Call,
        arguments: Vec<u8>,
        input: Option<RawStream>,
    ) -> impl Future<Output = Result<RawStream>> + Send + 'static {
        let input = input.map(RawStream::into_box).into();
        let reply = Imported::new(self.0.open(method.into(), call.into(), arguments.into(), input));
        async move { unreply(reply.await) }
    }

    /// What the service is and how its methods have been used: a JSON object.
    pub fn describe(&self) -> String {
        String::from_utf8_lossy(&self.0.describe()).into_owned()
    }
}

struct Exported {
    /// Taken when dropped, so that dropping it can be guarded.
    service: Option<Arc<dyn RawService>>,
    executor: Executor,
}

impl Exported {
    fn start<T: Send + 'static>(
        &self,
        begin: impl FnOnce(&dyn RawService) -> BoxFuture<Result<T>>,
    ) -> BoxFuture<Result<T>> {
        let begun = super::guarded("starting a call", || {
            let _entered = self.executor.enter();
            match &self.service {
                Some(service) => Ok(begin(&**service)),
                None => Err(crate::Error::new(crate::Code::Gone, "the service was withdrawn")),
            }
        });
        begun.unwrap_or_else(|error| Box::pin(std::future::ready(Err(error))))
    }
}

impl ServiceObject for Exported {
    fn call(
        &self,
        method: RStr<'_>,
        frame: CallFrame,
        arguments: RVec<u8>,
    ) -> FfiFuture<Reply<RVec<u8>>> {
        let future =
            self.start(|service| service.call(method.as_str(), frame.into(), arguments.into()));
        export(&self.executor, future)
    }

    fn open(
        &self,
        method: RStr<'_>,
        frame: CallFrame,
        arguments: RVec<u8>,
        input: ROption<BatchStreamBox>,
    ) -> FfiFuture<Reply<BatchStreamBox>> {
        let input = input.into_option().map(RawStream::from_box);
        let future = self
            .start(|service| service.open(method.as_str(), frame.into(), arguments.into(), input));
        let executor = self.executor.clone();
        export(
            &self.executor,
            Box::pin(async move { future.await.map(|stream| stream.hosted_on(&executor)) }),
        )
    }

    fn describe(&self) -> RVec<u8> {
        let described = super::guarded("describing a service", || {
            Ok(self.service.as_ref().map_or_else(|| "{}".to_owned(), |service| service.describe()))
        });
        described.unwrap_or_else(|_| "{}".to_owned()).into_bytes().into()
    }

    rehearsed! {}
}

impl Drop for Exported {
    fn drop(&mut self) {
        let service = self.service.take();
        self.executor.drop_contained(service);
    }
}
