//! QuickJS as an engine: how its contexts are made.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use ratchet_jskit::{Engine, Host, Visit};
use ratchet_plugin_api::model::FailureKind;
use ratchet_plugin_api::services::RuntimeInfo;
use ratchet_plugin_api::{Error, Result};
use rquickjs::context::intrinsic;
use rquickjs::{Context, Persistent, Runtime, Value};

use crate::memory::{Bounded, Budget};
use crate::modules::{FileLoader, FileResolver, Modules};
use crate::realm::QuickRealm;

/// The version of the bindings this plugin is built with; a test keeps it in step with
/// `Cargo.lock`.
pub(crate) const VERSION: &str = "0.14.0";

/// Calls shown in a stack trace.
const TRACE_DEPTH: i32 = 64;

/// What the language offers; what QuickJS has of web APIs is left out, for they come from jskit.
type Language = (
    intrinsic::Date,
    intrinsic::Eval,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::Proxy,
    intrinsic::MapSet,
    intrinsic::TypedArrays,
    intrinsic::Promise,
    intrinsic::WeakRef,
);

pub(crate) struct QuickJs;

/// What a context knows beyond the language.
pub(crate) struct Attached {
    pub(crate) host: Rc<Host>,
    pub(crate) budget: Rc<Budget>,
    pub(crate) modules: Rc<Modules>,
    pub(crate) slots: RefCell<HashMap<&'static str, Persistent<Value<'static>>>>,
}

/// A heap of its own with its only context.
pub(crate) struct OwnHeap {
    context: Context,
    attached: Rc<Attached>,
}

impl Drop for OwnHeap {
    fn drop(&mut self) {
        // These values are part of the heap, which must not go before them.
        self.attached.slots.take();
    }
}

impl Engine for QuickJs {
    type Context = OwnHeap;

    fn info() -> RuntimeInfo {
        RuntimeInfo {
            name: "quickjs".to_owned(),
            engine: format!("rquickjs {VERSION}"),
            interruptible: true,
        }
    }

    fn create(host: Rc<Host>) -> Result<OwnHeap> {
        let budget = Rc::new(Budget::new(Rc::clone(&host)));
        let runtime =
            Runtime::new_with_alloc(Bounded::new(Rc::clone(&budget))).map_err(unusable)?;
        let modules = Rc::new(Modules::default());
        runtime.set_loader(FileResolver(Rc::clone(&modules)), FileLoader(Rc::clone(&modules)));
        let asked = Rc::clone(&host);
        runtime.set_interrupt_handler(Some(Box::new(move || asked.interruption().is_some())));
        let context = Context::custom::<Language>(&runtime).map_err(unusable)?;
        context
            .with(|js| {
                let errors: rquickjs::Object<'_> = js.globals().get("Error")?;
                errors.set("stackTraceLimit", TRACE_DEPTH)
            })
            .map_err(unusable)?;
        let attached = Rc::new(Attached { host, budget, modules, slots: RefCell::default() });
        Ok(OwnHeap { context, attached })
    }

    fn enter<V: Visit>(heap: &mut OwnHeap, visit: V) -> V::Output {
        heap.context.with(|js| visit.visit(&mut QuickRealm::new(js, Rc::clone(&heap.attached))))
    }

    fn limit_of(class: &str, message: &str) -> Option<FailureKind> {
        let overflow = class == "RangeError" && message == "Maximum call stack size exceeded";
        overflow.then_some(FailureKind::RecursionLimit)
    }
}

fn unusable(error: rquickjs::Error) -> Error {
    Error::internal(format!("cannot make a context: {error}"))
}
