//! From what an engine reports to the error of a run.

use ratchet_plugin_api::model::{FailureKind, Json, Limits, Program, StackFrame, TaskError};
use serde::Deserialize;

use crate::engine::{Engine, Fault, FromJs, Realm, SyntaxFault};
use crate::globals::{Script, load};

/// How far the entry file's text was moved to make it a script: tokens of that line from that
/// column on stand `by` columns further right than in the task's own file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shift {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) by: u32,
}

impl Shift {
    fn undo(self, line: u32, column: u32) -> u32 {
        if line == self.line && column >= self.column + self.by { column - self.by } else { column }
    }
}

/// Where failures are put in relation to: the program and how its entry was moved.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) program: &'a Program,
    pub(crate) limits: &'a Limits,
    pub(crate) shift: Shift,
}

/// What `failure.js` tells about a thrown value.
#[derive(Deserialize)]
struct Described {
    class: String,
    message: String,
    #[serde(default)]
    stack: String,
    #[serde(default)]
    details: Option<Json>,
    #[serde(default)]
    causes: Vec<String>,
    /// Whether it is one of the error classes tasks react to, such as `NetworkError`.
    #[serde(default)]
    typed: bool,
}

/// An error with nothing but a message.
pub(crate) fn plain(kind: FailureKind, class: &str, message: impl Into<String>) -> TaskError {
    TaskError {
        kind,
        class: class.to_owned(),
        message: message.into(),
        stack: Vec::new(),
        violations: Vec::new(),
        details: None,
        causes: Vec::new(),
    }
}

impl Origin<'_> {
    /// The error a fault becomes; `kind` is what it is if it was an exception.
    pub(crate) fn error<R: Realm>(
        self,
        realm: &mut R,
        kind: FailureKind,
        fault: Fault<R::Value>,
    ) -> TaskError {
        match fault {
            Fault::Limit(kind, message) => self.limit(kind, &message),
            Fault::Syntax(fault) => self.syntax(fault),
            // An engine may report an interruption as an exception.
            Fault::Thrown(_) if realm.host().stopped().is_some() => {
                self.limit(realm.host().stopped().unwrap_or(kind), "")
            }
            Fault::Thrown(value) => self.thrown(realm, kind, &value),
        }
    }

    fn thrown<R: Realm>(self, realm: &mut R, kind: FailureKind, value: &R::Value) -> TaskError {
        let Some(told) = describe(realm, value) else {
            return match realm.host().stopped() {
                Some(stopped) => self.limit(stopped, ""),
                None => plain(kind, "Error", "the thrown value could not be read"),
            };
        };
        if let Some(limit) = R::Engine::limit_of(&told.class, &told.message) {
            let stack = self.frames(&told.stack);
            return TaskError { stack, ..self.limit(limit, &told.message) };
        }
        // A failed request that was read while the output was made is the task's failure, not
        // the output's.
        let kind = if told.typed && kind == FailureKind::UnserializableOutput {
            FailureKind::Thrown
        } else {
            kind
        };
        TaskError {
            stack: self.frames(&told.stack),
            details: told.details,
            causes: told.causes,
            ..plain(kind, &told.class, told.message)
        }
    }

    /// The error of a limit that was reached.
    pub(crate) fn limit(self, kind: FailureKind, detail: &str) -> TaskError {
        let limits = self.limits;
        let message = match kind {
            FailureKind::TimeLimit => format!("the run took longer than {} ms", limits.wall_ms),
            FailureKind::MemoryLimit => {
                format!("the run needed more than {} bytes of memory", limits.memory_bytes)
            }
            FailureKind::RecursionLimit => {
                format!("calls were nested deeper than {} levels", limits.recursion)
            }
            FailureKind::OutputLimit => {
                format!("the output is larger than {} bytes", limits.output_bytes)
            }
            FailureKind::Cancelled => "the run was cancelled".to_owned(),
            FailureKind::NeverSettles => {
                "the task waits for a promise that nothing can settle any more: no timer and no \
                 request is pending"
                    .to_owned()
            }
            FailureKind::WorkerLost if detail.is_empty() => "the engine failed".to_owned(),
            _ => detail.to_owned(),
        };
        let class = match kind {
            FailureKind::RecursionLimit => "RangeError",
            FailureKind::TimeLimit => "TimeoutError",
            _ => "Error",
        };
        plain(kind, class, message)
    }

    fn syntax(self, fault: SyntaxFault) -> TaskError {
        let fault = self.place(fault);
        let frame = |line: u32| StackFrame {
            function: String::new(),
            file: fault.file.clone(),
            line,
            column: fault.column.unwrap_or(1),
        };
        let stack = fault.line.map(frame).into_iter().collect();
        TaskError { stack, ..plain(FailureKind::InvalidProgram, "SyntaxError", fault.message) }
    }

    /// The same fault where it is in the task's own file.
    pub(crate) fn place(self, mut fault: SyntaxFault) -> SyntaxFault {
        if fault.file == self.program.entry
            && let (Some(line), Some(column)) = (fault.line, fault.column)
        {
            fault.column = Some(self.shift.undo(line, column));
        }
        fault
    }

    /// Reads a stack as engines write it: a line `at NAME (FILE:LINE:COLUMN)` for each call, with
    /// or without the name. Only calls in the program's own files are kept.
    fn frames(self, stack: &str) -> Vec<StackFrame> {
        let frames = stack.lines().filter_map(frame).filter(|frame| {
            frame.file == self.program.entry || self.program.modules.contains_key(&frame.file)
        });
        let place = |mut frame: StackFrame| {
            if frame.file == self.program.entry {
                frame.column = self.shift.undo(frame.line, frame.column);
            }
            frame
        };
        frames.map(place).collect()
    }
}

fn frame(line: &str) -> Option<StackFrame> {
    let rest = line.trim().strip_prefix("at ")?;
    let (function, place) = match rest.strip_suffix(')').and_then(|rest| rest.rsplit_once(" (")) {
        Some((function, place)) => (function, place),
        None => ("", rest),
    };
    let (place, column) = place.rsplit_once(':')?;
    let (file, line) = place.rsplit_once(':')?;
    let function = match function {
        "<main>" | "<anonymous>" | "<eval>" => "",
        named => named,
    };
    Some(StackFrame {
        function: function.to_owned(),
        file: file.to_owned(),
        line: line.parse().ok()?,
        column: column.parse().ok()?,
    })
}

fn describe<R: Realm>(realm: &mut R, value: &R::Value) -> Option<Described> {
    let exports = load(realm, Script::failure).ok()?;
    let describe = realm.get(&exports, "describe").ok()?;
    let told = realm.call(&describe, std::slice::from_ref(value)).ok()?;
    match realm.view(&told) {
        FromJs::Text(text) => serde_json::from_str(&text).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_of_either_notation_are_read() {
        let read = frame("    at main (lib/a b.js:3:14)").unwrap();
        assert_eq!((read.function.as_str(), read.file.as_str()), ("main", "lib/a b.js"));
        assert_eq!((read.line, read.column), (3, 14));
        assert_eq!(frame("at main.js:3:14").unwrap().function, "");
        assert_eq!(frame("at <anonymous> (main.js:3:14)").unwrap().function, "");
        assert!(frame("Error: at home").is_none());
        assert!(frame("    at map (native)").is_none());
    }

    #[test]
    fn a_shift_is_undone_on_its_line_only() {
        let shift = Shift { line: 2, column: 5, by: 2 };
        assert_eq!(shift.undo(2, 20), 18);
        assert_eq!(shift.undo(2, 7), 5);
        assert_eq!(shift.undo(2, 4), 4);
        assert_eq!(shift.undo(3, 20), 20);
    }
}
