//! Rehearses the growth of the waist before there is a second minor version.
//!
//! With the feature `next-minor` every trait of the waist has one more method and the root module
//! one more field, added as the rules of [`abi`](super) demand. Tests build a host and a plugin so
//! and let them meet ones without it. What is added does nothing but answer, so that a test can see
//! whether it was there. The feature is never enabled in a build that is shipped.

/// Declares a trait of the waist; in the rehearsal it has one more method.
///
/// A macro, because `sabi_trait` sees a trait before its `#[cfg]` attributes are obeyed.
macro_rules! growing {
    (
        $(#[$attribute:meta])*
        pub trait $name:ident: $bound:ident $(+ $more:ident)* { $($frozen:tt)* }
    ) => {
        #[cfg(not(feature = "next-minor"))]
        $(#[$attribute])*
        pub trait $name: $bound $(+ $more)* { $($frozen)* }

        #[cfg(feature = "next-minor")]
        $(#[$attribute])*
        pub trait $name: $bound $(+ $more)* {
            $($frozen)*

            fn rehearse(
                &self,
                what: abi_stable::std_types::RStr<'_>,
            ) -> crate::abi::growth::Answer {
                crate::abi::growth::absent(what)
            }
        }
    };
}

/// In an implementation of such a trait: the method of the rehearsal.
macro_rules! rehearsed {
    () => {
        #[cfg(feature = "next-minor")]
        fn rehearse(&self, what: abi_stable::std_types::RStr<'_>) -> crate::abi::growth::Answer {
            crate::abi::growth::answer(what)
        }
    };
}

pub(super) use {growing, rehearsed};

#[cfg(feature = "next-minor")]
pub(super) use next_minor::{Answer, absent, answer, rehearsal};

#[cfg(feature = "next-minor")]
mod next_minor {
    use abi_stable::std_types::{RResult, RStr, RString};

    use crate::abi::{
        HostHandle, PluginHandle, PluginModuleRef, RawStream, Reply, ServiceHandle, reply, unreply,
    };
    use crate::{Code, Error, Result};

    pub type Answer = Reply<RString>;

    /// What an added method answers where the other side does not have it.
    pub fn absent(what: RStr<'_>) -> Answer {
        let message = format!("the other side is of a version before `{what}`");
        reply::<String, _>(Err(Error::new(Code::Unsupported, message)))
    }

    /// What it answers where it is there.
    pub fn answer(what: RStr<'_>) -> Answer {
        RResult::ROk(format!("{what} is here").into())
    }

    /// The value of the field added to the root module.
    pub extern "C" fn rehearsal(what: RString) -> Answer {
        answer(what.as_rstr())
    }

    impl PluginModuleRef {
        /// Calls what was added to the root module.
        ///
        /// # Errors
        /// `Unsupported` when the plugin was built without it.
        pub fn try_rehearse(self, what: &str) -> Result<String> {
            let added = self.rehearsal();
            unreply(added.map_or_else(|| absent(what.into()), |added| added(what.into())))
        }
    }

    impl PluginHandle {
        /// Calls what was added to plugins.
        ///
        /// # Errors
        /// `Unsupported` when the plugin was built without it.
        pub fn try_rehearse(&self, what: &str) -> Result<String> {
            unreply(self.0.rehearse(what.into()))
        }
    }

    impl HostHandle {
        /// Calls what was added to hosts.
        ///
        /// # Errors
        /// `Unsupported` when the host was built without it.
        pub fn try_rehearse(&self, what: &str) -> Result<String> {
            unreply(self.0.rehearse(what.into()))
        }
    }

    impl ServiceHandle {
        /// Calls what was added to services.
        ///
        /// # Errors
        /// `Unsupported` when the provider was built without it.
        pub fn try_rehearse(&self, what: &str) -> Result<String> {
            unreply(self.0.rehearse(what.into()))
        }
    }

    impl RawStream {
        /// Calls what was added to streams.
        ///
        /// # Errors
        /// `Unsupported` when the stream's provider was built without it.
        pub fn try_rehearse(&self, what: &str) -> Result<String> {
            let stream = self.boxed();
            unreply(stream.map_or_else(|| answer(what.into()), |added| added.rehearse(what.into())))
        }
    }
}
