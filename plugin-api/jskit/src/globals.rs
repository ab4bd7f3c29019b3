//! The globals a task finds besides those of the language, each built when it is first touched.
//!
//! A context is made for every run and most tasks use few of these, so making one costs two
//! native functions per name and no parsing. Touching a name evaluates the script that defines it.
//! A global stays an accessor for good, with the value, or what a task has put in its place, in a
//! slot: an accessor that replaces itself while it is read is more than some engines' property
//! caches bear.

use crate::engine::{Evaluated, Fault, FromJs, Realm, ToJs};
use crate::host::OpError;

macro_rules! scripts {
    ($($script:ident: $($name:ident),*;)*) => {
        /// A script of jskit: evaluates to a function of `(host, load)` that gives its exports.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(non_camel_case_types)]
        pub(crate) enum Script { $($script,)* }

        impl Script {
            const ALL: &'static [Script] = &[$(Script::$script,)*];

            pub(crate) const fn name(self) -> &'static str {
                match self { $(Script::$script => stringify!($script),)* }
            }

            const fn file(self) -> &'static str {
                match self { $(Script::$script => concat!("ratchet:", stringify!($script)),)* }
            }

            const fn source(self) -> &'static str {
                match self {
                    $(Script::$script => include_str!(concat!("js/", stringify!($script), ".js")),)*
                }
            }
        }

        /// Every global and the script it comes from.
        const GLOBALS: &[(&str, Script)] = &[$($((stringify!($name), Script::$script),)*)*];
    };
}

scripts! {
    anatomy: ;
    abort: AbortController, AbortSignal, DOMException, Event, EventTarget;
    base64: atob, btoa;
    clone: structuredClone;
    commonjs: module, exports;
    console: console;
    crypto: crypto;
    encoding: TextEncoder, TextDecoder;
    errors: AuthenticationError, AuthorizationError, NetworkError, HttpError, ValidationError,
        ConfigurationError, RateLimitError, ServiceUnavailableError, TimeoutError, DataError;
    failure: ;
    format: ;
    fetch: fetch;
    headers: Headers;
    inspect: ;
    performance: performance;
    reports: ;
    response: Response;
    timers: setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate,
        queueMicrotask;
    url: URL, URLSearchParams;
}

/// A function of jskit that JavaScript can call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Native(Body);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    ReadGlobal(usize),
    WriteGlobal(usize),
    Operate,
    Load,
    Settled { fulfilled: bool },
}

impl Native {
    /// Called with what the awaited value came to.
    pub(crate) fn settled(fulfilled: bool) -> Self {
        Self(Body::Settled { fulfilled })
    }

    /// Does what it does in `realm`.
    ///
    /// # Errors
    /// What the caller shall see thrown, or the limit that ends the run.
    pub fn call<R: Realm>(self, realm: &mut R, arguments: &[R::Value]) -> Evaluated<R> {
        match self.0 {
            Body::ReadGlobal(index) => read_global(realm, index),
            Body::WriteGlobal(index) => {
                if let Some(value) = arguments.first() {
                    realm.set_slot(GLOBALS[index].0, value.clone());
                }
                realm.value(ToJs::Undefined)
            }
            Body::Operate => operate(realm, arguments),
            Body::Load => load_by_name(realm, arguments),
            Body::Settled { fulfilled } => {
                if realm.host().settled().is_none() {
                    realm.host().set_settled(Some(fulfilled));
                    if let Some(value) = arguments.first() {
                        realm.set_slot("ratchet:settled", value.clone());
                    }
                }
                realm.value(ToJs::Undefined)
            }
        }
    }
}

/// Puts all globals in place.
pub(crate) fn install<R: Realm>(realm: &mut R) {
    for (index, (name, _)) in GLOBALS.iter().enumerate() {
        let getter = realm.function(name, Native(Body::ReadGlobal(index)));
        let setter = realm.function(name, Native(Body::WriteGlobal(index)));
        realm.define_global_accessor(name, getter, setter);
    }
}

fn read_global<R: Realm>(realm: &mut R, index: usize) -> Evaluated<R> {
    let (name, script) = GLOBALS[index];
    if let Some(value) = realm.slot(name) {
        return Ok(value);
    }
    let exports = load(realm, script)?;
    let value = realm.get(&exports, name)?;
    realm.set_slot(name, value.clone());
    Ok(value)
}

/// The exports of `script`, evaluated the first time.
pub(crate) fn load<R: Realm>(realm: &mut R, script: Script) -> Evaluated<R> {
    if let Some(exports) = realm.slot(script.file()) {
        return Ok(exports);
    }
    let (host, loader) = match (realm.slot("ratchet:host"), realm.slot("ratchet:load")) {
        (Some(host), Some(loader)) => (host, loader),
        _ => {
            let host = realm.function("host", Native(Body::Operate));
            let loader = realm.function("load", Native(Body::Load));
            realm.set_slot("ratchet:host", host.clone());
            realm.set_slot("ratchet:load", loader.clone());
            (host, loader)
        }
    };
    let define = realm.run_script(script.file(), script.source())?;
    let exports = realm.call(&define, &[host, loader])?;
    realm.set_slot(script.file(), exports.clone());
    Ok(exports)
}

/// Whether `script` has been evaluated in this context.
pub(crate) fn is_loaded<R: Realm>(realm: &R, script: Script) -> bool {
    realm.slot(script.file()).is_some()
}

fn load_by_name<R: Realm>(realm: &mut R, arguments: &[R::Value]) -> Evaluated<R> {
    let wanted = arguments.first().map(|value| realm.view(value));
    let found = Script::ALL
        .iter()
        .find(|script| matches!(&wanted, Some(FromJs::Text(name)) if name == script.name()));
    match found {
        Some(script) => load(realm, *script),
        None => realm.value(ToJs::Undefined),
    }
}

fn operate<R: Realm>(realm: &mut R, arguments: &[R::Value]) -> Evaluated<R> {
    let arguments: Vec<FromJs> = arguments.iter().map(|value| realm.view(value)).collect();
    let answer = match arguments.split_first() {
        Some((FromJs::Text(operation), rest)) => realm.host().operate(operation, rest),
        _ => Ok(ToJs::Undefined),
    };
    match answer {
        Ok(answer) => realm.value(answer),
        Err(OpError::Throw(class, message)) => Err(Fault::Thrown(realm.error(class, &message))),
        Err(OpError::Stop(kind)) => Err(Fault::Limit(kind, String::new())),
    }
}
