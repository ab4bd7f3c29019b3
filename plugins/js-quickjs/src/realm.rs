//! A QuickJS context in use.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use ratchet_jskit::{
    ErrorClass, Evaluated, Fault, FromJs, Host, Module, Native, Realm, SourceKind, SyntaxFault,
    ToJs,
};
use ratchet_plugin_api::model::{FailureKind, Limits, Program};
use rquickjs::function::{Args, Rest};
use rquickjs::{Ctx, Error, Exception, Function, Persistent, Type, TypedArray, Value};

use crate::engine::{Attached, QuickJs};
use crate::{bytecode, raw};

/// Awaits a value. Syntax has no properties that a task could replace.
const AWAIT: &str = "(async (value, fulfilled, rejected) => {
  let kept;
  try { kept = await value } catch (error) { rejected(error); return }
  fulfilled(kept);
})";

pub(crate) struct QuickRealm<'js> {
    js: Ctx<'js>,
    attached: Rc<Attached>,
}

impl<'js> QuickRealm<'js> {
    pub(crate) fn new(js: Ctx<'js>, attached: Rc<Attached>) -> Self {
        Self { js, attached }
    }

    fn fault(&self, error: Error) -> Fault<Value<'js>> {
        let thrown = self.js.catch();
        if let Some(kind) = self.attached.host.stopped() {
            return Fault::Limit(kind, String::new());
        }
        match error {
            Error::Exception => Fault::Thrown(thrown),
            Error::Allocation => Fault::Limit(FailureKind::MemoryLimit, String::new()),
            other => Fault::Thrown(self.make_error(ErrorClass::Type, &other.to_string())),
        }
    }

    /// The fault of a source that was not accepted.
    fn rejected(&self, file: &str, error: Error) -> Fault<Value<'js>> {
        match self.fault(error) {
            Fault::Thrown(value) => match syntax_fault(file, &value) {
                Some(fault) => Fault::Syntax(fault),
                None => Fault::Thrown(value),
            },
            other => other,
        }
    }

    fn make_error(&self, class: ErrorClass, message: &str) -> Value<'js> {
        let thrown = match class {
            ErrorClass::Error => Exception::throw_message(&self.js, message),
            ErrorClass::Type => Exception::throw_type(&self.js, message),
            ErrorClass::Range => Exception::throw_range(&self.js, message),
            ErrorClass::Syntax => Exception::throw_syntax(&self.js, message),
        };
        debug_assert!(thrown.is_exception());
        self.js.catch()
    }

    /// Makes of a fault the error that leaves a native function.
    fn raise(&self, fault: Fault<Value<'js>>) -> Error {
        match fault {
            Fault::Thrown(value) => self.js.throw(value),
            Fault::Syntax(fault) => Exception::throw_syntax(&self.js, &fault.to_string()),
            Fault::Limit(kind, _) => {
                self.attached.host.stop(kind);
                let error = self.make_error(ErrorClass::Error, "the run is stopped");
                raw::make_uncatchable(&error);
                self.js.throw(error)
            }
        }
    }

    fn text(&self, value: &Value<'js>) -> Option<String> {
        let string = value.as_string()?;
        match string.to_string() {
            Ok(text) => Some(text),
            Err(Error::Utf8(_)) => {
                string.clone().to_cstring().ok().map(|text| lossy(text.as_ref()))
            }
            Err(_) => None,
        }
    }

    fn parse_json(&self, text: String) -> Evaluated<Self> {
        let parsed = raw::with_stack_for_parsing(&self.js, || self.js.json_parse(text));
        parsed.map_err(|error| match self.rejected("", error) {
            Fault::Syntax(SyntaxFault { message, line, column, .. }) => {
                let place = line.zip(column).map_or_else(String::new, |(line, column)| {
                    format!(" at line {line} column {column}")
                });
                let message = format!("the text is not valid JSON: {message}{place}");
                Fault::Thrown(self.make_error(ErrorClass::Syntax, &message))
            }
            other => other,
        })
    }

    fn run(&self, file: &str, source: &str) -> Evaluated<Self> {
        let compiled = bytecode::script(&self.js, &self.attached.host, file, source)
            .map_err(|error| self.rejected(file, error))?;
        raw::run_compiled(&self.js, compiled).map_err(|error| self.fault(error))
    }
}

/// Where and why a source breaks the grammar, if that is what `thrown` tells.
pub(crate) fn syntax_fault(file: &str, thrown: &Value<'_>) -> Option<SyntaxFault> {
    let error = thrown.as_object()?;
    let property = |name: &str| error.get::<_, String>(name).ok();
    if property("name")? != "SyntaxError" {
        return None;
    }
    let message = property("message")?;
    let stack = property("stack").unwrap_or_default();
    let place = stack.lines().next().and_then(|line| {
        let (place, column) = line.trim().strip_prefix("at ")?.rsplit_once(':')?;
        let (_, line) = place.rsplit_once(':')?;
        Some((line.parse().ok()?, column.parse().ok()?))
    });
    let (line, column) = place.unzip();
    Some(SyntaxFault { file: file.to_owned(), line, column, message })
}

/// Text in which each surrogate without its other half, which the engine writes as three bytes, is
/// U+FFFD.
fn lossy(bytes: &[u8]) -> String {
    let mut text = bytes.to_vec();
    for start in 0..text.len().saturating_sub(2) {
        if text[start] == 0xED && text[start + 1] >= 0xA0 {
            text[start..start + 3].copy_from_slice("\u{FFFD}".as_bytes());
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

impl<'js> Realm for QuickRealm<'js> {
    type Engine = QuickJs;
    type Value = Value<'js>;

    fn host(&self) -> Rc<Host> {
        Rc::clone(&self.attached.host)
    }

    fn begin(&mut self, program: &Program, limits: &Limits) {
        self.attached.modules.provide(program);
        self.attached.budget.limit_to(limits.memory_bytes);
        raw::limit_calls(&self.js, limits.recursion);
    }

    fn parse(&mut self, kind: SourceKind, file: &str, source: &str) -> Result<(), SyntaxFault> {
        let parsed = match kind {
            SourceKind::Script => raw::compile_script(&self.js, file, source).map(drop),
            SourceKind::Module => raw::with_stack_for_parsing(&self.js, || {
                rquickjs::Module::declare(self.js.clone(), file, source).map(drop)
            }),
        };
        parsed.map_err(|error| match self.rejected(file, error) {
            Fault::Syntax(fault) => fault,
            _ => SyntaxFault {
                file: file.to_owned(),
                line: None,
                column: None,
                message: "the engine cannot parse this".to_owned(),
            },
        })
    }

    fn run_script(&mut self, file: &str, source: &str) -> Evaluated<Self> {
        self.run(file, source)
    }

    fn run_module(&mut self, file: &str, source: &str) -> Evaluated<Self, Module<Value<'js>>> {
        let declared = raw::with_stack_for_parsing(&self.js, || {
            rquickjs::Module::declare(self.js.clone(), file, source)
        });
        let evaluated = declared.and_then(rquickjs::Module::eval);
        let (module, done) = evaluated.map_err(|error| {
            let rejected = self.rejected(file, error);
            match self.attached.modules.take_fault() {
                Some(fault) => Fault::Syntax(fault),
                None => rejected,
            }
        })?;
        let namespace = module.namespace().map_err(|error| self.fault(error))?;
        Ok(Module { namespace: namespace.into_value(), done: done.into_value() })
    }

    fn call(&mut self, function: &Value<'js>, arguments: &[Value<'js>]) -> Evaluated<Self> {
        let Some(callable) = function.as_function() else {
            let message = "what should be called is not a function";
            return Err(Fault::Thrown(self.make_error(ErrorClass::Type, message)));
        };
        let mut passed = Args::new(self.js.clone(), arguments.len());
        let result =
            passed.push_args(arguments.iter().cloned()).and_then(|()| callable.call_arg(passed));
        result.map_err(|error| self.fault(error))
    }

    fn function(&mut self, name: &str, native: Native) -> Value<'js> {
        let attached = Rc::clone(&self.attached);
        let body = move |js: Ctx<'js>, Rest(arguments): Rest<Value<'js>>| {
            let mut realm = QuickRealm::new(js, Rc::clone(&attached));
            // The task could catch what rquickjs makes of a panic.
            catch_unwind(AssertUnwindSafe(|| native.call(&mut realm, &arguments)))
                .unwrap_or_else(|_| Err(Fault::Limit(FailureKind::WorkerLost, String::new())))
                .map_err(|fault| realm.raise(fault))
        };
        // Making it fails for want of memory only, which has ended the run.
        Function::new(self.js.clone(), body)
            .and_then(|function| function.with_name(name))
            .map_or_else(|_| Value::new_undefined(self.js.clone()), Function::into_value)
    }

    fn error(&mut self, class: ErrorClass, message: &str) -> Value<'js> {
        self.make_error(class, message)
    }

    fn get(&mut self, object: &Value<'js>, key: &str) -> Evaluated<Self> {
        match object.as_object() {
            Some(object) => object.get(key).map_err(|error| self.fault(error)),
            None => Ok(Value::new_undefined(self.js.clone())),
        }
    }

    fn global(&mut self) -> Value<'js> {
        self.js.globals().into_value()
    }

    fn define_global_accessor(&mut self, name: &str, getter: Value<'js>, setter: Value<'js>) {
        raw::define_accessor(&self.js.globals(), name, &getter, &setter);
    }

    fn view(&mut self, value: &Value<'js>) -> FromJs {
        match value.type_of() {
            Type::Null => FromJs::Null,
            Type::Bool => FromJs::Bool(value.as_bool().unwrap_or_default()),
            Type::Int | Type::Float => FromJs::Number(value.as_number().unwrap_or(f64::NAN)),
            Type::String => self.text(value).map_or(FromJs::Undefined, FromJs::Text),
            Type::BigInt => FromJs::BigInt,
            Type::Symbol => FromJs::Symbol,
            _ if value.is_function() => FromJs::Function,
            _ if value.is_object() => raw::bytes_of(value).map_or(FromJs::Object, FromJs::Bytes),
            _ => FromJs::Undefined,
        }
    }

    fn is_function(&mut self, value: &Value<'js>) -> bool {
        value.is_function()
    }

    fn value(&mut self, value: ToJs) -> Evaluated<Self> {
        let js = self.js.clone();
        let made = match value {
            ToJs::Undefined => Ok(Value::new_undefined(js)),
            ToJs::Bool(value) => Ok(Value::new_bool(js, value)),
            ToJs::Number(value) => Ok(Value::new_float(js, value)),
            ToJs::Text(text) => {
                rquickjs::String::from_str(js, &text).map(rquickjs::String::into_value)
            }
            ToJs::Bytes(bytes) => TypedArray::new_copy(js, bytes).map(TypedArray::into_value),
            ToJs::Json(text) => return self.parse_json(text),
        };
        made.map_err(|error| self.fault(error))
    }

    fn stringify(&mut self, value: &Value<'js>) -> Evaluated<Self, Option<String>> {
        let text = self.js.json_stringify(value).map_err(|error| self.fault(error))?;
        text.map(|text| text.to_string().map_err(|error| self.fault(error))).transpose()
    }

    fn settle(
        &mut self,
        value: &Value<'js>,
        fulfilled: &Value<'js>,
        rejected: &Value<'js>,
    ) -> Evaluated<Self, ()> {
        let wait = self.run("ratchet:await", AWAIT)?;
        self.call(&wait, &[value.clone(), fulfilled.clone(), rejected.clone()]).map(drop)
    }

    fn run_jobs(&mut self) -> Evaluated<Self, ()> {
        loop {
            if let Some(kind) = self.attached.host.interruption() {
                return Err(Fault::Limit(kind, String::new()));
            }
            if !self.js.execute_pending_job() {
                return Ok(());
            }
        }
    }

    fn slot(&self, name: &'static str) -> Option<Value<'js>> {
        let kept = self.attached.slots.borrow().get(name).cloned()?;
        kept.restore(&self.js).ok()
    }

    fn set_slot(&mut self, name: &'static str, value: Value<'js>) {
        let value = Persistent::save(&self.js, value);
        self.attached.slots.borrow_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_are_replaced_one_by_one() {
        let bytes = [b"a".as_slice(), b"\xED\xA0\x80", b"\xED\xB0\x80", "é\u{D7FF}".as_bytes()];
        assert_eq!(lossy(&bytes.concat()), "a\u{FFFD}\u{FFFD}é\u{D7FF}");
    }
}
