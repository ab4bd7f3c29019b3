//! One run from its input to its output.

use ratchet_plugin_api::model::{
    FailureKind, Json, Outcome, Program, ProgramProblem, ProgramReport, RunRequest, StackFrame,
    TaskError, Violation,
};

use crate::engine::{Engine, Evaluated, Fault, FromJs, Realm, SourceKind, SyntaxFault, ToJs};
use crate::failure::{Origin, Shift, plain};
use crate::globals::{Native, Script, is_loaded, load};
use crate::host::Next;
use crate::json::check_nesting;
use crate::schema::SchemaCache;
use crate::source::{Form, Shape, survey, unsafe_to_parse};

/// Put before a function that has no name, so that it is an expression and not a statement that
/// lacks one. Unlike parentheses it needs no counterpart at the end.
const EXPRESSION_PREFIX: &str = "0,";

/// Put before an `async` arrow after `export default` where an engine needs it: an assignment to
/// nothing is the only expression that may stand there and needs no end.
const ASSIGNMENT_PREFIX: &str = "[][0]=";

type Step<T> = Result<T, Box<TaskError>>;

/// Runs `request` in a fresh realm whose host has begun its session.
pub(crate) fn run<R: Realm>(
    realm: &mut R,
    request: &RunRequest,
    schemas: &mut SchemaCache,
) -> Outcome {
    realm.begin(&request.program, &request.limits);
    match attempt(realm, request, schemas) {
        Ok(output) => Outcome::Completed(output),
        Err(error) => Outcome::Failed(*error),
    }
}

fn attempt<R: Realm>(realm: &mut R, request: &RunRequest, schemas: &mut SchemaCache) -> Step<Json> {
    if let Some(schema) = &request.schemas.input {
        satisfy(schemas, schema, &request.input, FailureKind::InvalidInput)?;
    }
    let shape = survey(&request.program.source);
    let entry = (&request.program.entry, shape.unsafe_to_parse.clone());
    let modules = &request.program.modules;
    let imported = modules.iter().map(|(file, source)| (file, unsafe_to_parse(source)));
    for (file, reason) in std::iter::once(entry).chain(imported) {
        let Some(reason) = reason else { continue };
        let frame = StackFrame { function: String::new(), file: file.clone(), line: 1, column: 1 };
        let stack = vec![frame];
        let error = plain(FailureKind::InvalidProgram, "SyntaxError", reason);
        return Err(TaskError { stack, ..error }.into());
    }
    let (source, shift) = readable::<R>(&request.program.source, &shape);
    let origin = Origin { program: &request.program, limits: &request.limits, shift };
    let run = Run { realm, request, origin };
    let output = run.output(&shape, &source)?;
    if let Some(schema) = &request.schemas.output {
        satisfy(schemas, schema, &output, FailureKind::InvalidOutput)?;
    }
    Ok(output)
}

fn satisfy(
    schemas: &mut SchemaCache,
    schema: &Json,
    document: &Json,
    kind: FailureKind,
) -> Step<()> {
    let side = if kind == FailureKind::InvalidInput { "input" } else { "output" };
    let violations = schemas.check(schema, document).map_err(|reason| {
        plain(kind, "ValidationError", format!("cannot check the {side}: {reason}"))
    })?;
    let Some(Violation { path, message, .. }) = violations.first() else { return Ok(()) };
    let place = if path.is_empty() { String::new() } else { format!(" at {path}") };
    let more = match violations.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    let message = format!("the {side} does not satisfy its schema{place}: {message}{more}");
    Err(Box::new(TaskError { violations, ..plain(kind, "ValidationError", message) }))
}

/// The text to hand to the engine, and how that moved what is in it.
fn readable<R: Realm>(source: &str, shape: &Shape) -> (String, Shift) {
    let (at, prefix) = match (&shape.form, shape.async_default) {
        (Form::BareFunction(at), _) => (*at, EXPRESSION_PREFIX),
        (_, Some(at)) if !R::Engine::READS_ASYNC_DEFAULT => (at, ASSIGNMENT_PREFIX),
        _ => return (source.to_owned(), Shift::default()),
    };
    let (before, after) = source.split_at(at);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let count = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    let shift = Shift {
        line: u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX),
        column: count(&before[line_start..]) + 1,
        by: count(prefix),
    };
    (format!("{before}{prefix}{after}"), shift)
}

/// What a program comes to once its top level has run.
enum Entry<V> {
    Function(V),
    Output(V),
}

struct Run<'a, R> {
    realm: &'a mut R,
    request: &'a RunRequest,
    origin: Origin<'a>,
}

impl<R: Realm> Run<'_, R> {
    fn thrown(&mut self, fault: Fault<R::Value>) -> TaskError {
        self.origin.error(self.realm, FailureKind::Thrown, fault)
    }

    fn step<T>(&mut self, evaluate: impl FnOnce(&mut R) -> Evaluated<R, T>) -> Step<T> {
        evaluate(self.realm).map_err(|fault| self.thrown(fault).into())
    }

    fn output(mut self, shape: &Shape, source: &str) -> Step<Json> {
        let entry = if shape.form.is_module() {
            self.module_entry(shape, source)?
        } else {
            self.script_entry(shape, source)?
        };
        let value = match entry {
            Entry::Output(value) => value,
            Entry::Function(function) => {
                let mut arguments = Vec::with_capacity(2);
                for document in std::iter::once(&self.request.input).chain(&self.request.context) {
                    check_nesting(document.as_str()).map_err(|reason| {
                        plain(FailureKind::InvalidInput, "SyntaxError", reason)
                    })?;
                    let value = self.realm.value(ToJs::Json(document.as_str().to_owned()));
                    arguments.push(value.map_err(|fault| {
                        self.origin.error(self.realm, FailureKind::InvalidInput, fault)
                    })?);
                }
                self.step(|realm| realm.call(&function, &arguments))?
            }
        };
        let value = self.settled(value)?;
        let output = self.serialise(&value)?;
        // What a task does with an error that tells of a limit must not hide that it was reached.
        match self.realm.host().stopped() {
            Some(kind) => Err(self.origin.limit(kind, "").into()),
            None => Ok(output),
        }
    }

    fn module_entry(&mut self, shape: &Shape, source: &str) -> Step<Entry<R::Value>> {
        if shape.form == Form::ModuleWithoutEntry {
            return Err(self.no_entry(shape).into());
        }
        let file = &self.request.program.entry;
        let module = self
            .realm
            .run_module(file, source)
            .map_err(|fault| self.origin.error(self.realm, FailureKind::InvalidProgram, fault))?;
        self.settled(module.done)?;
        for name in ["default", "main"] {
            let export = self.step(|realm| realm.get(&module.namespace, name))?;
            if let Some(function) = self.function_in(&export)? {
                return Ok(Entry::Function(function));
            }
            if name == "default" && self.realm.view(&export) != FromJs::Undefined {
                return Ok(Entry::Output(export));
            }
        }
        Err(self.no_entry(shape).into())
    }

    fn script_entry(&mut self, shape: &Shape, source: &str) -> Step<Entry<R::Value>> {
        let file = &self.request.program.entry;
        let completion = self.step(|realm| realm.run_script(file, source))?;
        if is_loaded(self.realm, Script::commonjs) {
            let module = self.step(|realm| load(realm, Script::commonjs))?;
            let module = self.step(|realm| realm.get(&module, "module"))?;
            let exports = self.step(|realm| realm.get(&module, "exports"))?;
            if let Some(function) = self.function_in(&exports)? {
                return Ok(Entry::Function(function));
            }
        }
        let global = self.realm.global();
        let mut main = self.step(|realm| realm.get(&global, "main"))?;
        if shape.form == Form::MainVariable && !self.realm.is_function(&main) {
            // A lexical variable is no property of the global object.
            main = self.step(|realm| realm.run_script("ratchet:main", "main"))?;
        }
        for candidate in [main, completion.clone()] {
            if self.realm.is_function(&candidate) {
                return Ok(Entry::Function(candidate));
            }
        }
        if self.realm.view(&completion) == FromJs::Undefined {
            return Err(self.no_entry(shape).into());
        }
        Ok(Entry::Output(completion))
    }

    /// The function that an export is, or has as `main` or `default`.
    fn function_in(&mut self, export: &R::Value) -> Step<Option<R::Value>> {
        if self.realm.is_function(export) {
            return Ok(Some(export.clone()));
        }
        for name in ["main", "default"] {
            let member = self.step(|realm| realm.get(export, name))?;
            if self.realm.is_function(&member) {
                return Ok(Some(member));
            }
        }
        Ok(None)
    }

    fn no_entry(&self, shape: &Shape) -> TaskError {
        let message = no_entry_message(&self.request.program, shape);
        plain(FailureKind::InvalidProgram, "SyntaxError", message)
    }

    /// Waits until `value` is no promise any more, serving timers and requests meanwhile.
    fn settled(&mut self, value: R::Value) -> Step<R::Value> {
        let then = self.step(|realm| realm.get(&value, "then"))?;
        if !self.realm.is_function(&then) {
            // What was queued before the function returned may still write to the log.
            self.step(|realm| realm.run_jobs())?;
            return Ok(value);
        }
        self.realm.host().set_settled(None);
        let fulfilled = self.realm.function("fulfilled", Native::settled(true));
        let rejected = self.realm.function("rejected", Native::settled(false));
        self.step(|realm| realm.settle(&value, &fulfilled, &rejected))?;
        loop {
            self.step(|realm| realm.run_jobs())?;
            if let Some(fulfilled) = self.realm.host().settled() {
                let undefined = self.step(|realm| realm.value(ToJs::Undefined))?;
                let value = self.realm.slot("ratchet:settled").unwrap_or(undefined);
                return if fulfilled {
                    Ok(value)
                } else {
                    Err(self.thrown(Fault::Thrown(value)).into())
                };
            }
            match self.realm.host().next() {
                Next::Timer(id) => self.call_back(Script::timers, "fire", f64::from(id))?,
                Next::Fetched(id) => self.call_back(Script::fetch, "settle", id as f64)?,
                Next::Idle => return Err(self.origin.limit(FailureKind::NeverSettles, "").into()),
                Next::Stop(kind) => return Err(self.origin.limit(kind, "").into()),
            }
        }
    }

    fn call_back(&mut self, script: Script, name: &str, id: f64) -> Step<()> {
        self.step(|realm| {
            let exports = load(realm, script)?;
            let function = realm.get(&exports, name)?;
            let id = realm.value(ToJs::Number(id))?;
            realm.call(&function, &[id]).map(drop)
        })
    }

    fn serialise(&mut self, value: &R::Value) -> Step<Json> {
        const KIND: FailureKind = FailureKind::UnserializableOutput;
        let text = match self.realm.stringify(value) {
            Ok(Some(text)) => text,
            Ok(None) => {
                let what = match self.realm.view(value) {
                    FromJs::Function => "a function",
                    FromJs::Symbol => "a symbol",
                    FromJs::Undefined => {
                        let message = "the task returned undefined, which has no JSON form; \
                                       return null where there is nothing to say";
                        return Err(plain(KIND, "TypeError", message).into());
                    }
                    _ => "a value",
                };
                let message = format!("the task returned {what}, which has no JSON form");
                return Err(plain(KIND, "TypeError", message).into());
            }
            Err(fault) => return Err(self.origin.error(self.realm, KIND, fault).into()),
        };
        if text.len() as u64 > self.request.limits.output_bytes {
            return Err(self.origin.limit(FailureKind::OutputLimit, "").into());
        }
        Ok(Json::from_trusted(text))
    }
}

fn no_entry_message(program: &Program, shape: &Shape) -> String {
    let advice = match shape.functions.first() {
        Some(name) => format!("; is it `{name}`?"),
        None => String::new(),
    };
    format!(
        "{} has no entry: name a function `main`, export it, or let the file's last expression be \
         the function{advice}",
        program.entry
    )
}

/// Says which entry form `program` has and what keeps it from being parsed, without running it.
pub(crate) fn check<R: Realm>(realm: &mut R, program: &Program) -> ProgramReport {
    let shape = survey(&program.source);
    let mut report =
        ProgramReport { form: shape.form.describe().map(str::to_owned), problems: Vec::new() };
    let mut problem = |fault: SyntaxFault| {
        let SyntaxFault { file, line, column, message } = fault;
        report.problems.push(ProgramProblem { file, line, column, message });
    };
    let unplaced = |file: &str, message: String| SyntaxFault {
        file: file.to_owned(),
        line: None,
        column: None,
        message,
    };
    if let Some(reason) = &shape.unsafe_to_parse {
        problem(unplaced(&program.entry, reason.clone()));
    } else {
        let (source, shift) = readable::<R>(&program.source, &shape);
        let limits = ratchet_plugin_api::model::Limits::default();
        let origin = Origin { program, limits: &limits, shift };
        let module = shape.form.is_module();
        let kind = if module { SourceKind::Module } else { SourceKind::Script };
        if let Err(fault) = realm.parse(kind, &program.entry, &source) {
            problem(origin.place(fault));
        } else if shape.form.describe().is_none() {
            problem(unplaced(&program.entry, no_entry_message(program, &shape)));
        }
    }
    for (file, source) in &program.modules {
        if let Some(reason) = unsafe_to_parse(source) {
            problem(unplaced(file, reason));
        } else if !file.ends_with(".json")
            && let Err(fault) = realm.parse(SourceKind::Module, file, source)
        {
            problem(fault);
        }
    }
    report
}
