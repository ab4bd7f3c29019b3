//! A Boa context in use.

use std::path::Path;
use std::rc::Rc;

use boa_engine::builtins::promise::PromiseState;
use boa_engine::error::{EngineError, RuntimeLimitError};
use boa_engine::native_function::NativeFunction;
use boa_engine::object::FunctionObjectBuilder;
use boa_engine::object::builtins::{JsArrayBuffer, JsFunction, JsPromise, JsUint8Array};
use boa_engine::property::PropertyDescriptor;
use boa_engine::value::JsVariant;
use boa_engine::{
    Context, JsError, JsNativeError, JsString, JsValue, Module as BoaModule, Script, Source,
};
use ratchet_jskit::{
    ErrorClass, Evaluated, Fault, FromJs, Host, Module, Native, Realm, SourceKind, SyntaxFault,
    ToJs,
};
use ratchet_plugin_api::model::{FailureKind, Limits, Program};

use crate::engine::{Attached, Boa};
use crate::json;

pub(crate) struct BoaRealm<'c> {
    context: &'c mut Context,
}

impl<'c> BoaRealm<'c> {
    pub(crate) fn new(context: &'c mut Context) -> Self {
        Self { context }
    }

    fn attached(&self) -> &Attached {
        self.context.get_data().expect("every context is made with it")
    }

    fn fault(&mut self, error: JsError) -> Fault<JsValue> {
        if let Some(kind) = self.attached().host.stopped() {
            return Fault::Limit(kind, String::new());
        }
        match error.as_engine() {
            Some(EngineError::RuntimeLimit(_)) => {
                return Fault::Limit(FailureKind::RecursionLimit, String::new());
            }
            Some(other) => {
                return Fault::Limit(
                    FailureKind::WorkerLost,
                    format!("the engine failed: {other}"),
                );
            }
            None => {}
        }
        match error.into_opaque(self.context) {
            Ok(value) => Fault::Thrown(value),
            Err(error) => Fault::Limit(FailureKind::WorkerLost, error.to_string()),
        }
    }

    fn syntax_fault(&mut self, file: &str, error: JsError) -> Fault<JsValue> {
        match error.as_native() {
            Some(native) if native.is_syntax() => Fault::Syntax(locate(file, native.message())),
            _ => self.fault(error),
        }
    }

    fn parse_script(&mut self, file: &str, source: &str) -> Evaluated<Self, Script> {
        let source = Source::from_bytes(source.as_bytes()).with_path(Path::new(file));
        Script::parse(source, None, self.context).map_err(|error| self.syntax_fault(file, error))
    }

    fn parse_module(&mut self, file: &str, source: &str) -> Evaluated<Self, BoaModule> {
        let source = Source::from_bytes(source.as_bytes()).with_path(Path::new(file));
        BoaModule::parse(source, None, self.context).map_err(|error| self.syntax_fault(file, error))
    }

    fn bytes(&mut self, bytes: Vec<u8>) -> Evaluated<Self> {
        let length = bytes.len();
        let made = JsArrayBuffer::new(length, self.context).and_then(|buffer| {
            if let Some(mut data) = buffer.data_mut() {
                data.copy_from_slice(&bytes);
            }
            JsUint8Array::from_array_buffer(buffer, self.context)
        });
        made.map(JsValue::from).map_err(|error| self.fault(error))
    }
}

/// Boa says where a syntax error is in its message alone: `… at line 3, col 7`.
pub(crate) fn locate(file: &str, message: &str) -> SyntaxFault {
    let place = message.rsplit_once(" at line ").and_then(|(what, place)| {
        let (line, column) = place.split_once(", col ")?;
        Some((what, line.trim().parse().ok()?, column.trim().parse().ok()?))
    });
    let file = file.to_owned();
    match place {
        Some((what, line, column)) => SyntaxFault {
            file,
            line: Some(line),
            column: Some(column),
            message: what.trim_end_matches(',').to_owned(),
        },
        None => SyntaxFault { file, line: None, column: None, message: message.to_owned() },
    }
}

/// Makes of a fault the error that leaves a native function.
fn raise(fault: Fault<JsValue>) -> JsError {
    match fault {
        Fault::Thrown(value) => JsError::from_opaque(value),
        Fault::Syntax(fault) => JsNativeError::syntax().with_message(fault.to_string()).into(),
        Fault::Limit(FailureKind::RecursionLimit, _) => RuntimeLimitError::Recursion.into(),
        // Any other uncatchable error will do; the host knows why the run is stopped.
        Fault::Limit(..) => RuntimeLimitError::LoopIteration.into(),
    }
}

impl Realm for BoaRealm<'_> {
    type Engine = Boa;
    type Value = JsValue;

    fn host(&self) -> Rc<Host> {
        Rc::clone(&self.attached().host)
    }

    fn begin(&mut self, program: &Program, limits: &Limits) {
        self.attached().modules.provide(program);
        self.context.runtime_limits_mut().set_recursion_limit(limits.recursion as usize);
    }

    fn parse(&mut self, kind: SourceKind, file: &str, source: &str) -> Result<(), SyntaxFault> {
        let parsed = match kind {
            SourceKind::Script => self.parse_script(file, source).map(drop),
            SourceKind::Module => self.parse_module(file, source).map(drop),
        };
        parsed.map_err(|fault| match fault {
            Fault::Syntax(fault) => fault,
            _ => locate(file, "the engine cannot parse this"),
        })
    }

    fn run_script(&mut self, file: &str, source: &str) -> Evaluated<Self> {
        let script = self.parse_script(file, source)?;
        script.evaluate(self.context).map_err(|error| self.fault(error))
    }

    fn run_module(&mut self, file: &str, source: &str) -> Evaluated<Self, Module<JsValue>> {
        let modules = Rc::clone(&self.attached().modules);
        let module = self.parse_module(file, source)?;
        let loaded = module.load(self.context);
        self.run_jobs()?;
        if let PromiseState::Rejected(reason) = loaded.state() {
            let syntax = modules.take_fault();
            return Err(syntax.map_or(Fault::Thrown(reason), Fault::Syntax));
        }
        let done = module
            .link(self.context)
            .and_then(|()| module.evaluate(self.context))
            .map_err(|error| self.fault(error))?;
        let namespace = module.namespace(self.context);
        Ok(Module { namespace: namespace.into(), done: done.into() })
    }

    fn call(&mut self, function: &JsValue, arguments: &[JsValue]) -> Evaluated<Self> {
        let Some(callable) = function.as_callable() else {
            let message = "what should be called is not a function";
            return Err(Fault::Thrown(self.error(ErrorClass::Type, message)));
        };
        callable
            .call(&JsValue::undefined(), arguments, self.context)
            .map_err(|error| self.fault(error))
    }

    fn function(&mut self, name: &str, native: Native) -> JsValue {
        let body = NativeFunction::from_copy_closure(move |_, arguments, context| {
            native.call(&mut BoaRealm::new(context), arguments).map_err(raise)
        });
        FunctionObjectBuilder::new(self.context.realm(), body)
            .name(JsString::from(name))
            .build()
            .into()
    }

    fn error(&mut self, class: ErrorClass, message: &str) -> JsValue {
        let error = match class {
            ErrorClass::Error => JsNativeError::error(),
            ErrorClass::Type => JsNativeError::typ(),
            ErrorClass::Range => JsNativeError::range(),
            ErrorClass::Syntax => JsNativeError::syntax(),
        };
        error.with_message(message.to_owned()).into_opaque(self.context).into()
    }

    fn get(&mut self, object: &JsValue, key: &str) -> Evaluated<Self> {
        match object.as_object() {
            Some(object) => {
                object.get(JsString::from(key), self.context).map_err(|error| self.fault(error))
            }
            None => Ok(JsValue::undefined()),
        }
    }

    fn global(&mut self) -> JsValue {
        self.context.global_object().into()
    }

    fn define_global_accessor(&mut self, name: &str, getter: JsValue, setter: JsValue) {
        let property = PropertyDescriptor::builder()
            .get(getter)
            .set(setter)
            .enumerable(false)
            .configurable(true);
        self.context.global_object().insert_property(JsString::from(name), property);
    }

    fn view(&mut self, value: &JsValue) -> FromJs {
        match value.variant() {
            JsVariant::Undefined => FromJs::Undefined,
            JsVariant::Null => FromJs::Null,
            JsVariant::Boolean(value) => FromJs::Bool(value),
            JsVariant::Integer32(value) => FromJs::Number(f64::from(value)),
            JsVariant::Float64(value) => FromJs::Number(value),
            JsVariant::String(value) => FromJs::Text(value.to_std_string_lossy()),
            JsVariant::BigInt(_) => FromJs::BigInt,
            JsVariant::Symbol(_) => FromJs::Symbol,
            JsVariant::Object(object) if object.is_callable() => FromJs::Function,
            JsVariant::Object(object) => {
                let array = JsUint8Array::from_object(object.clone()).ok();
                match array.and_then(|array| array.to_vec(self.context).ok()) {
                    Some(bytes) => FromJs::Bytes(bytes),
                    None => FromJs::Object,
                }
            }
        }
    }

    fn is_function(&mut self, value: &JsValue) -> bool {
        value.is_callable()
    }

    fn value(&mut self, value: ToJs) -> Evaluated<Self> {
        match value {
            ToJs::Undefined => Ok(JsValue::undefined()),
            ToJs::Bool(value) => Ok(value.into()),
            ToJs::Number(value) => Ok(value.into()),
            ToJs::Text(text) => Ok(JsString::from(text.as_str()).into()),
            ToJs::Bytes(bytes) => self.bytes(bytes),
            ToJs::Json(text) => json::parse(&text, self.context).map_err(|error| {
                let message = format!("the text is not valid JSON: {error}");
                Fault::Thrown(self.error(ErrorClass::Syntax, &message))
            }),
        }
    }

    fn stringify(&mut self, value: &JsValue) -> Evaluated<Self, Option<String>> {
        let stringify = self.attached().stringify.clone();
        let text = self.call(&stringify, std::slice::from_ref(value))?;
        Ok(text.as_string().map(|text| text.to_std_string_lossy()))
    }

    fn settle(
        &mut self,
        value: &JsValue,
        fulfilled: &JsValue,
        rejected: &JsValue,
    ) -> Evaluated<Self, ()> {
        let function = |value: &JsValue| value.as_object().and_then(JsFunction::from_object);
        let settled = JsPromise::resolve(value.clone(), self.context).and_then(|promise| {
            promise.then(function(fulfilled), function(rejected), self.context)
        });
        settled.map(drop).map_err(|error| self.fault(error))
    }

    fn run_jobs(&mut self) -> Evaluated<Self, ()> {
        self.context.run_jobs().map_err(|error| self.fault(error))
    }

    fn slot(&self, name: &'static str) -> Option<JsValue> {
        self.attached().slots.borrow().get(name).cloned()
    }

    fn set_slot(&mut self, name: &'static str, value: JsValue) {
        self.attached().slots.borrow_mut().insert(name, value);
    }
}
