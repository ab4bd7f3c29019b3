//! What an engine has to offer so that jskit can run tasks on it.
//!
//! An [`Engine`] makes contexts, one for every run, and a [`Realm`] is the view of one while it is
//! in use. Everything a task can see beyond the language itself is built by jskit on these few
//! operations, so two engines that implement them run tasks alike.

use std::fmt;
use std::rc::Rc;

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::{FailureKind, Limits, Program};
use ratchet_plugin_api::services::RuntimeInfo;

use crate::{Host, Native};

/// A JavaScript engine. It lives on one thread and is never asked to leave it.
pub trait Engine: 'static {
    /// One isolated context, such as a heap with its global object.
    type Context: 'static;

    /// Whether its parser accepts `export default async () => …`, as it should.
    const READS_ASYNC_DEFAULT: bool = true;

    /// What it is and can do.
    fn info() -> RuntimeInfo;

    /// Makes a context in which nothing has run yet, and remembers `host` for [`Realm::host`].
    ///
    /// # Errors
    /// Whatever keeps the engine from making one.
    fn create(host: Rc<Host>) -> Result<Self::Context>;

    /// Lets `visit` work in `context`.
    fn enter<V: Visit>(context: &mut Self::Context, visit: V) -> V::Output;

    /// Called while idle after contexts were dropped, to free what they left behind.
    fn collect_garbage() {}

    /// Recognises errors by which the engine reports a limit but which tasks can catch, by class
    /// and message.
    fn limit_of(class: &str, message: &str) -> Option<FailureKind> {
        let _ = (class, message);
        None
    }
}

/// Work to be done in a context: a closure that is generic over the realm.
pub trait Visit {
    /// What comes of it.
    type Output;

    /// Does it.
    fn visit<R: Realm>(self, realm: &mut R) -> Self::Output;
}

/// What an operation in a realm gives: a value, or why there is none.
pub type Evaluated<R, T = <R as Realm>::Value> = Result<T, Fault<<R as Realm>::Value>>;

/// A context in use.
pub trait Realm: Sized {
    /// The engine it belongs to.
    type Engine: Engine;
    /// A JavaScript value. Cloning gives the same value again.
    type Value: Clone;

    /// The host given when the context was made.
    fn host(&self) -> Rc<Host>;

    /// Comes before anything of a program: puts the limits in force that the engine can watch
    /// itself, and makes the program's files known to imports.
    fn begin(&mut self, program: &Program, limits: &Limits);

    /// Parses `source` without running it.
    ///
    /// # Errors
    /// The first syntax error.
    fn parse(&mut self, kind: SourceKind, file: &str, source: &str) -> Result<(), SyntaxFault>;

    /// Runs `source` as a script and gives its completion value. Stack traces name it `file`.
    ///
    /// # Errors
    /// `Syntax` if nothing of it was run.
    fn run_script(&mut self, file: &str, source: &str) -> Evaluated<Self>;

    /// Loads and links `source`, the entry file, as an ES module and begins to evaluate it; imports
    /// are found among the program's files with [`modules::resolve`](crate::modules::resolve).
    ///
    /// # Errors
    /// `Syntax` where a file of the graph cannot be parsed, `Thrown` where one is missing or they
    /// cannot be linked. What evaluating them throws rejects [`Module::done`].
    fn run_module(&mut self, file: &str, source: &str) -> Evaluated<Self, Module<Self::Value>>;

    /// Calls `function` with `this` undefined.
    ///
    /// # Errors
    /// What it throws.
    fn call(&mut self, function: &Self::Value, arguments: &[Self::Value]) -> Evaluated<Self>;

    /// Makes a function that calls [`Native::call`] with its arguments.
    fn function(&mut self, name: &str, native: Native) -> Self::Value;

    /// Makes an error object of a built-in class, to be thrown.
    fn error(&mut self, class: ErrorClass, message: &str) -> Self::Value;

    /// Reads a property of an object; `undefined` of anything else.
    ///
    /// # Errors
    /// What a getter throws.
    fn get(&mut self, object: &Self::Value, key: &str) -> Evaluated<Self>;

    /// The global object.
    fn global(&mut self) -> Self::Value;

    /// Makes `name` a configurable, non-enumerable accessor of the global object.
    fn define_global_accessor(&mut self, name: &str, getter: Self::Value, setter: Self::Value);

    /// What `value` is; contents of text and of `Uint8Array`s are copied.
    fn view(&mut self, value: &Self::Value) -> FromJs;

    /// Whether `value` can be called.
    fn is_function(&mut self, value: &Self::Value) -> bool;

    /// Makes a value.
    ///
    /// # Errors
    /// `Thrown` for [`ToJs::Json`] that is not JSON, or where memory runs out.
    fn value(&mut self, value: ToJs) -> Evaluated<Self>;

    /// The JSON text of `value` as `JSON.stringify` makes it; none for `undefined`, functions and
    /// symbols.
    ///
    /// # Errors
    /// What a getter or `toJSON` throws, and a `TypeError` for cycles and `BigInt`s.
    fn stringify(&mut self, value: &Self::Value) -> Evaluated<Self, Option<String>>;

    /// Has `value` awaited: `fulfilled` or `rejected` is called with what it comes to. Nothing a
    /// task does to `Promise` and its prototype changes how.
    ///
    /// # Errors
    /// What the engine throws while subscribing.
    fn settle(
        &mut self,
        value: &Self::Value,
        fulfilled: &Self::Value,
        rejected: &Self::Value,
    ) -> Evaluated<Self, ()>;

    /// Runs promise jobs until none is left, or until [`Host::interruption`] says to stop.
    ///
    /// # Errors
    /// `Limit` when stopped.
    fn run_jobs(&mut self) -> Evaluated<Self, ()>;

    /// The value kept under `name`, out of reach of the task.
    fn slot(&self, name: &'static str) -> Option<Self::Value>;

    /// Keeps `value` under `name` for as long as the context lives.
    fn set_slot(&mut self, name: &'static str, value: Self::Value);
}

/// An ES module whose evaluation has begun.
pub struct Module<V> {
    /// Its namespace object.
    pub namespace: V,
    /// A promise that settles when the evaluation has ended.
    pub done: V,
}

/// How a source is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// As a classic script.
    Script,
    /// As an ES module, in strict mode.
    Module,
}

/// Why JavaScript did not run to its end.
#[derive(Clone, Debug)]
pub enum Fault<V> {
    /// It threw this value.
    Thrown(V),
    /// It could not be parsed.
    Syntax(SyntaxFault),
    /// A limit ended it, and the task could not catch that.
    Limit(FailureKind, String),
}

/// Where a source breaks the grammar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxFault {
    /// The file.
    pub file: String,
    /// Line, from 1, where known.
    pub line: Option<u32>,
    /// Column, from 1, where known.
    pub column: Option<u32>,
    /// What is wrong.
    pub message: String,
}

/// A built-in class of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// `Error`.
    Error,
    /// `TypeError`.
    Type,
    /// `RangeError`.
    Range,
    /// `SyntaxError`.
    Syntax,
}

/// A value on its way out of JavaScript.
#[derive(Clone, Debug, PartialEq)]
pub enum FromJs {
    /// `undefined`.
    Undefined,
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A string; lone surrogates are replaced by U+FFFD.
    Text(String),
    /// The bytes of a `Uint8Array`.
    Bytes(Vec<u8>),
    /// A `BigInt`.
    BigInt,
    /// A symbol.
    Symbol,
    /// A function.
    Function,
    /// Any other object.
    Object,
}

/// A value on its way into JavaScript.
#[derive(Clone, Debug, PartialEq)]
pub enum ToJs {
    /// `undefined`.
    Undefined,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A string.
    Text(String),
    /// A `Uint8Array` of its own.
    Bytes(Vec<u8>),
    /// What this JSON text stands for. It is nested no deeper than a thousand levels.
    Json(String),
}

impl fmt::Display for SyntaxFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, " ({}:{line}:{column})", self.file),
            (Some(line), None) => write!(f, " ({}:{line})", self.file),
            _ => write!(f, " ({})", self.file),
        }
    }
}
