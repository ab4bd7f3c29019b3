//! The few things that rquickjs has no safe function for.

#![allow(unsafe_code, reason = "QuickJS is written in C")]

use std::cell::Cell;
use std::ffi::CString;

use rquickjs::{Ctx, Error, Object, Result, TypedArray, Value, qjs};

/// Bytes of stack while a source is parsed. Its nesting is bounded before, so this is enough.
const PARSING_STACK: usize = 16 << 20;

/// Bytes of stack while a program runs, besides those of its calls.
const STACK_BASE: usize = 32 << 10;

/// Bytes of stack for a level of calls. The engine counts bytes, not calls: a plain one takes some
/// 600, one through `map` 1 700, one through `replace` 3 000.
const STACK_PER_CALL: usize = 2 << 10;

/// The most bytes of stack a run may use, of the 64 MiB its thread has.
const STACK_MAX: usize = 48 << 20;

thread_local! {
    /// Bytes of stack the present run may use; a thread runs one at a time.
    static RUNNING_STACK: Cell<usize> = const { Cell::new(PARSING_STACK) };
}

fn set_stack(js: &Ctx<'_>, bytes: usize) {
    // SAFETY: the context lives and belongs to a runtime.
    unsafe { qjs::JS_SetMaxStackSize(qjs::JS_GetRuntime(js.as_raw().as_ptr()), bytes as _) };
}

/// From now on, calls may be nested about as deep as `levels`.
pub(crate) fn limit_calls(js: &Ctx<'_>, levels: u32) {
    let bytes = STACK_BASE.saturating_add((levels as usize).saturating_mul(STACK_PER_CALL));
    RUNNING_STACK.set(bytes.min(STACK_MAX));
    set_stack(js, RUNNING_STACK.get());
}

/// Calls `parse` with as much stack as parsing may need.
pub(crate) fn with_stack_for_parsing<T>(js: &Ctx<'_>, parse: impl FnOnce() -> T) -> T {
    set_stack(js, PARSING_STACK.max(RUNNING_STACK.get()));
    let parsed = parse();
    set_stack(js, RUNNING_STACK.get());
    parsed
}

fn checked<'js>(js: &Ctx<'js>, value: qjs::JSValue) -> Result<Value<'js>> {
    // SAFETY: the value was just given by a function that hands over its ownership.
    let value = unsafe { Value::from_raw(js.clone(), value) };
    if value.is_exception() { Err(Error::Exception) } else { Ok(value) }
}

/// Parses `source` as a script.
pub(crate) fn compile_script<'js>(js: &Ctx<'js>, file: &str, source: &str) -> Result<Value<'js>> {
    let file = CString::new(file)?;
    // The engine wants a zero after the end, and bears others before.
    let text = [source.as_bytes(), b"\0"].concat();
    let flags = qjs::JS_EVAL_TYPE_GLOBAL | qjs::JS_EVAL_FLAG_COMPILE_ONLY;
    with_stack_for_parsing(js, || {
        // SAFETY: both texts end with a zero and outlive the call.
        let compiled = unsafe {
            qjs::JS_Eval(
                js.as_raw().as_ptr(),
                text.as_ptr().cast(),
                source.len() as _,
                file.as_ptr(),
                flags as _,
            )
        };
        checked(js, compiled)
    })
}

/// The bytecode of what [`compile_script`] gave, with its source and lines.
pub(crate) fn bytecode_of(compiled: &Value<'_>) -> Result<Vec<u8>> {
    let context = compiled.ctx().as_raw().as_ptr();
    let mut length = 0;
    // SAFETY: the engine gives as many bytes as it says, which are copied and then given back.
    unsafe {
        let flags = qjs::JS_WRITE_OBJ_BYTECODE as _;
        let bytes = qjs::JS_WriteObject(context, &mut length, compiled.as_raw(), flags);
        if bytes.is_null() {
            return Err(Error::Exception);
        }
        let bytecode = std::slice::from_raw_parts(bytes, length as usize).to_vec();
        qjs::js_free(context, bytes.cast());
        Ok(bytecode)
    }
}

/// The script that [`bytecode_of`] was made of, in another context.
pub(crate) fn read_bytecode<'js>(js: &Ctx<'js>, bytecode: &[u8]) -> Result<Value<'js>> {
    // SAFETY: the bytes are those the engine has written, unchanged.
    let compiled = unsafe {
        let flags = qjs::JS_READ_OBJ_BYTECODE as _;
        let length = bytecode.len() as _;
        qjs::JS_ReadObject(js.as_raw().as_ptr(), bytecode.as_ptr(), length, flags)
    };
    checked(js, compiled)
}

/// Runs what [`compile_script`] gave.
pub(crate) fn run_compiled<'js>(js: &Ctx<'js>, compiled: Value<'js>) -> Result<Value<'js>> {
    // SAFETY: the function frees what it is given, so it is given a reference of its own.
    let result = unsafe {
        let function = qjs::JS_DupValue(js.as_raw().as_ptr(), compiled.as_raw());
        qjs::JS_EvalFunction(js.as_raw().as_ptr(), function)
    };
    checked(js, result)
}

/// Makes `error` pass by every `catch` and `finally`.
pub(crate) fn make_uncatchable(error: &Value<'_>) {
    // SAFETY: the value belongs to this context.
    unsafe { qjs::JS_SetUncatchableError(error.ctx().as_raw().as_ptr(), error.as_raw()) };
}

/// A copy of the bytes of a `Uint8Array`; none of any other value.
pub(crate) fn bytes_of(value: &Value<'_>) -> Option<Vec<u8>> {
    let array = value.as_object()?.as_typed_array::<u8>()?;
    // SAFETY: no JavaScript runs before the bytes are copied.
    unsafe { TypedArray::as_bytes(array) }.map(<[u8]>::to_vec)
}

/// Makes `name` a configurable, non-enumerable accessor of `object`.
pub(crate) fn define_accessor(
    object: &Object<'_>,
    name: &str,
    getter: &Value<'_>,
    setter: &Value<'_>,
) {
    let context = object.ctx().as_raw().as_ptr();
    // SAFETY: all values belong to this context; the function takes references of its own to the
    // getter and the setter, and the atom is freed here.
    unsafe {
        let atom = qjs::JS_NewAtomLen(context, name.as_ptr().cast(), name.len() as _);
        qjs::JS_DefinePropertyGetSet(
            context,
            object.as_value().as_raw(),
            atom,
            qjs::JS_DupValue(context, getter.as_raw()),
            qjs::JS_DupValue(context, setter.as_raw()),
            qjs::JS_PROP_CONFIGURABLE as _,
        );
        qjs::JS_FreeAtom(context, atom);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use rquickjs::{Context, Function, Runtime};

    use super::*;

    #[test]
    fn a_panic_in_a_native_function_passes_by_the_c_code() {
        let runtime = Runtime::new().unwrap();
        let context = Context::full(&runtime).unwrap();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            context.with(|js| {
                let fail = || -> i32 { panic!("from within") };
                js.globals().set("fail", Function::new(js.clone(), fail).unwrap()).unwrap();
                js.eval::<(), _>("fail()")
            })
        }));
        let payload = outcome.unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"from within"));
    }

    #[test]
    fn bytecode_keeps_names_lines_and_source() {
        let text = "\nfunction main() {\n  throw new Error(`${main}`);\n}\nmain()";
        let runtime = Runtime::new().unwrap();
        let bytecode = Context::full(&runtime)
            .unwrap()
            .with(|js| bytecode_of(&compile_script(&js, "lib/a.js", text).unwrap()).unwrap());
        let runtime = Runtime::new().unwrap();
        Context::full(&runtime).unwrap().with(|js| {
            let script = read_bytecode(&js, &bytecode).unwrap();
            assert!(run_compiled(&js, script).is_err());
            let error = js.catch().into_exception().unwrap();
            assert!(error.message().unwrap().starts_with("function main() {\n"));
            assert!(error.stack().unwrap().contains("at main (lib/a.js:3:"), "{:?}", error.stack());
        });
    }
}
