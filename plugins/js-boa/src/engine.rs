//! Boa as an engine: how its contexts are made.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use boa_engine::context::HostHooks;
use boa_engine::{Context, JsError, JsNativeError, JsResult, JsString, JsValue, js_string};
use ratchet_jskit::{Engine, Host, Visit, unsafe_to_parse};
use ratchet_plugin_api::services::RuntimeInfo;
use ratchet_plugin_api::{Error, Result};

use crate::jobs::JobQueue;
use crate::modules::Modules;
use crate::realm::BoaRealm;

/// The version this plugin is built with; a test keeps it in step with `Cargo.lock`.
pub(crate) const VERSION: &str = "0.22.0";

/// Values on the interpreter's stack, beyond what the recursion limit lets pile up: a spread of a
/// long array into arguments.
const STACK_VALUES: usize = 4 << 20;

/// Calls shown in a stack trace.
const TRACE_DEPTH: usize = 64;

pub(crate) struct Boa;

/// What a context knows beyond the language.
pub(crate) struct Attached {
    pub(crate) host: Rc<Host>,
    pub(crate) modules: Rc<Modules>,
    pub(crate) slots: RefCell<HashMap<&'static str, JsValue>>,
    /// `JSON.stringify` as it was before any task could change it.
    pub(crate) stringify: JsValue,
}

impl Engine for Boa {
    type Context = Context;

    /// Boa takes it for the beginning of an async function declaration.
    const READS_ASYNC_DEFAULT: bool = false;

    fn info() -> RuntimeInfo {
        RuntimeInfo {
            name: "boa".to_owned(),
            engine: format!("boa_engine {VERSION}"),
            interruptible: false,
        }
    }

    fn create(host: Rc<Host>) -> Result<Context> {
        let modules = Rc::new(Modules::default());
        let mut context = Context::builder()
            .host_hooks(Rc::new(Hooks))
            .job_executor(Rc::new(JobQueue::new(Rc::clone(&host))))
            .module_loader(Rc::clone(&modules))
            .can_block(false)
            .build()
            .map_err(unusable)?;
        let json = context.intrinsics().objects().json();
        let stringify = json.get(js_string!("stringify"), &mut context).map_err(unusable)?;
        let slots = RefCell::default();
        context.insert_data(Attached { host, modules, slots, stringify });
        let limits = context.runtime_limits_mut();
        limits.set_stack_size_limit(STACK_VALUES);
        limits.set_backtrace_limit(TRACE_DEPTH);
        Ok(context)
    }

    fn enter<V: Visit>(context: &mut Context, visit: V) -> V::Output {
        visit.visit(&mut BoaRealm::new(context))
    }

    fn collect_garbage() {
        boa_engine::gc::force_collect();
    }
}

fn unusable(error: JsError) -> Error {
    Error::internal(format!("cannot make a context: {error}"))
}

/// Where Boa asks its surroundings.
struct Hooks;

impl HostHooks for Hooks {
    /// Tasks see UTC: their results must not depend on where a worker happens to run, and a
    /// sandboxed worker could not read the time zone's file anyway.
    fn local_timezone_offset_seconds(&self, _unix_time_seconds: i64) -> i32 {
        0
    }

    /// Keeps `eval` and `new Function` from using up the stack of the parser.
    fn ensure_can_compile_strings(
        &self,
        _realm: boa_engine::realm::Realm,
        _parameters: &[JsString],
        body: &JsString,
        _direct: bool,
        _context: &mut Context,
    ) -> JsResult<()> {
        match unsafe_to_parse(&body.to_std_string_lossy()) {
            Some(reason) => Err(JsNativeError::syntax().with_message(reason).into()),
            None => Ok(()),
        }
    }

    /// An `ArrayBuffer` is allocated at once and a failed allocation ends the process, so one that
    /// no memory limit would allow is refused.
    fn max_buffer_size(&self, context: &mut Context) -> u64 {
        context.get_data::<Attached>().map_or(u64::MAX, |attached| attached.host.memory_limit())
    }
}
