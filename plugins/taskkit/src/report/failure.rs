//! A task's failure as a person wants to read it: what, where in the source, and how it got there.

use std::fmt::Write as _;

use ratchet_plugin_api::model::{FailureKind, StackFrame, TaskError};
use ratchet_taskdir::{Side, Task, value_at};

use super::count;
use super::style::{Style, printable};

/// Source lines shown before and after the one that failed.
const LINES_AROUND: usize = 1;

/// Calls of a stack that are shown.
const MAX_FRAMES: usize = 20;

/// Columns of a source line that are shown.
const MAX_COLUMNS: usize = 200;

/// Why `task` failed, over several lines. `input` is the document the task was given.
pub(crate) fn describe(
    task: &Task,
    error: &TaskError,
    input: &serde_json::Value,
    style: Style,
) -> String {
    let mut out = String::new();
    let headline = format!("{}: {}", printable(task.name()), headline(error));
    line(&mut out, &format!("{} {}", style.bad("✗"), style.strong(&headline)));
    excerpt(&mut out, task, error, style);
    violations(&mut out, task, error, input);
    // What cannot be parsed was never called.
    if error.kind != FailureKind::InvalidProgram {
        stack(&mut out, task, error, style);
    }
    if let Some(details) = &error.details
        && details.as_str() != "{}"
    {
        line(&mut out, &format!("  details: {}", printable(details.as_str())));
    }
    for cause in &error.causes {
        line(&mut out, &format!("  caused by {}", printable(cause)));
    }
    out
}

/// What happened, in one line.
pub(crate) fn headline(error: &TaskError) -> String {
    let (class, message) = (printable(&error.class), printable(&error.message));
    let violations = || count(error.violations.len(), "violation");
    match error.kind {
        FailureKind::InvalidInput if !error.violations.is_empty() => {
            format!("the input does not satisfy the schema ({})", violations())
        }
        FailureKind::InvalidOutput if !error.violations.is_empty() => {
            format!("the output does not satisfy the schema ({})", violations())
        }
        FailureKind::Thrown | FailureKind::InvalidProgram | FailureKind::UnserializableOutput
            if !class.is_empty() =>
        {
            if message.is_empty() {
                class
            } else {
                format!("{class}: {message}")
            }
        }
        kind => {
            let what = if message.is_empty() { "it failed" } else { &message };
            format!("{what} ({})", kind.reason())
        }
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

/// The source around the innermost call that is in one of the task's own files.
fn excerpt(out: &mut String, task: &Task, error: &TaskError, style: Style) {
    let found = error.stack.iter().find_map(|frame| Some((frame, source_of(task, frame)?)));
    let Some((frame, source)) = found else { return };
    let Some(index) = (frame.line as usize).checked_sub(1) else {
        return;
    };
    let lines: Vec<&str> = source.lines().collect();
    if index >= lines.len() {
        return;
    }
    let first = index.saturating_sub(LINES_AROUND);
    let last = (index + LINES_AROUND).min(lines.len() - 1);
    let width = (last + 1).to_string().len();
    let margin = " ".repeat(width);
    let bar = style.faint("│");
    line(out, &format!("  {margin} {} {}", style.faint("╭─"), place(task, frame)));
    for (number, text) in lines.iter().enumerate().take(last + 1).skip(first) {
        let shown: String = printable(text).chars().take(MAX_COLUMNS).collect();
        let shown_number = format!("{:>width$}", number + 1);
        line(out, format!("  {} {bar} {shown}", style.faint(&shown_number)).trim_end());
        if number == index {
            let column = (frame.column as usize).saturating_sub(1);
            if frame.column > 0 && column <= text.chars().count().min(MAX_COLUMNS) {
                // Tabs stay tabs, so the caret stands below its column.
                let before: String = text
                    .chars()
                    .take(column)
                    .map(|letter| if letter == '\t' { '\t' } else { ' ' })
                    .collect();
                line(out, &format!("  {margin} {bar} {before}{}", style.bad("^")));
            }
        }
    }
    line(out, &format!("  {margin} {}", style.faint("╰─")));
}

fn source_of<'a>(task: &'a Task, frame: &StackFrame) -> Option<&'a str> {
    let file = frame.file.trim_start_matches("./");
    if file == task.program.entry {
        return Some(&task.program.source);
    }
    task.program.modules.get(file).map(String::as_str)
}

/// `folder/main.js:5:11`, as an editor opens it.
fn place(task: &Task, frame: &StackFrame) -> String {
    let StackFrame { file, line, column, .. } = frame;
    let known = source_of(task, frame).is_some();
    let file = printable(file);
    let file = if known { task.folder.join(&file).display().to_string() } else { file };
    match (line, column) {
        (0, _) => file,
        (line, 0) => format!("{file}:{line}"),
        (line, column) => format!("{file}:{line}:{column}"),
    }
}

/// Every violation with its place in the document and in the schema.
fn violations(out: &mut String, task: &Task, error: &TaskError, input: &serde_json::Value) {
    let (side, schema) = match error.kind {
        FailureKind::InvalidInput => (Side::Input, &task.input),
        _ => (Side::Output, &task.output),
    };
    let file = match schema {
        Some(schema) => schema.file.display().to_string(),
        None => side.file_name().to_owned(),
    };
    for violation in &error.violations {
        let whole = match side {
            Side::Input => "input",
            Side::Output => "output",
        };
        let path = printable(&violation.path);
        line(out, &format!("  {whole}{path}: {}", printable(&violation.message)));
        if side == Side::Input
            && !violation.path.is_empty()
            && let Some(value) = value_at(input, &violation.path)
        {
            line(out, &format!("    it is {}", printable(&value)));
        }
        line(out, &format!("    required by {file}#{}", printable(&violation.schema_path)));
    }
}

fn stack(out: &mut String, task: &Task, error: &TaskError, style: Style) {
    for frame in error.stack.iter().take(MAX_FRAMES) {
        let function = match frame.function.as_str() {
            "" => "an anonymous function".to_owned(),
            name => printable(name),
        };
        line(out, &style.faint(&format!("  at {function} ({})", place(task, frame))));
    }
    if error.stack.len() > MAX_FRAMES {
        let more = error.stack.len() - MAX_FRAMES;
        line(out, &style.faint(&format!("  … and {}", count(more, "more call"))));
    }
}

#[cfg(test)]
mod tests {
    use ratchet_plugin_api::model::{Json, Violation};
    use serde_json::json;

    use super::*;
    use ratchet_taskdir::test_folder::{ADDITION, folder, write};

    fn error(kind: FailureKind) -> TaskError {
        TaskError {
            kind,
            class: "TypeError".into(),
            message: "num1 is undefined".into(),
            stack: Vec::new(),
            violations: Vec::new(),
            details: None,
            causes: Vec::new(),
        }
    }

    fn frame(function: &str, file: &str, line: u32, column: u32) -> StackFrame {
        StackFrame { function: function.into(), file: file.into(), line, column }
    }

    #[test]
    fn a_thrown_error_shows_its_source_line_and_stack() {
        let folder = folder(ADDITION);
        write(folder.path(), &[("main.js", "function(input) {\n\tthrow new TypeError(1);\n}\n")]);
        let task = Task::load(folder.path()).unwrap();
        let error = TaskError {
            stack: vec![frame("add", "main.js", 2, 8), frame("", "main.js", 1, 1)],
            details: Some(Json::parse(r#"{"status":503}"#).unwrap()),
            causes: vec!["NetworkError: refused".into()],
            ..error(FailureKind::Thrown)
        };
        let main = folder.path().join("main.js");
        let main = main.display();
        assert_eq!(
            describe(&task, &error, &json!({}), Style::PLAIN),
            format!(
                "✗ addition: TypeError: num1 is undefined\n    \
                 ╭─ {main}:2:8\n  \
                 1 │ function(input) {{\n  \
                 2 │ \tthrow new TypeError(1);\n    \
                 │ \t      ^\n  \
                 3 │ }}\n    \
                 ╰─\n  \
                 at add ({main}:2:8)\n  \
                 at an anonymous function ({main}:1:1)\n  \
                 details: {{\"status\":503}}\n  \
                 caused by NetworkError: refused\n"
            )
        );
    }

    #[test]
    fn violations_show_value_and_both_places() {
        let folder = folder(ADDITION);
        let task = Task::load(folder.path()).unwrap();
        let error = TaskError {
            violations: vec![Violation {
                path: "/num1".into(),
                schema_path: "/properties/num1/type".into(),
                message: "\"five\" is not of type \"number\"".into(),
            }],
            ..error(FailureKind::InvalidInput)
        };
        let text = describe(&task, &error, &json!({"num1": "five"}), Style::PLAIN);
        let schema = folder.path().join("input.schema.json");
        assert_eq!(
            text,
            format!(
                "✗ addition: the input does not satisfy the schema (1 violation)\n  \
                 input/num1: \"five\" is not of type \"number\"\n    \
                 it is \"five\"\n    \
                 required by {}#/properties/num1/type\n",
                schema.display()
            )
        );
    }

    #[test]
    fn the_headline_fits_the_kind() {
        for (kind, expected) in [
            (FailureKind::Thrown, "TypeError: num1 is undefined"),
            (FailureKind::InvalidProgram, "TypeError: num1 is undefined"),
            (FailureKind::MemoryLimit, "num1 is undefined (limit.memory)"),
            (FailureKind::InvalidInput, "num1 is undefined (task.invalid_input)"),
        ] {
            assert_eq!(headline(&error(kind)), expected);
        }
        let silent = TaskError { message: String::new(), ..error(FailureKind::Thrown) };
        assert_eq!(headline(&silent), "TypeError");
    }

    #[test]
    fn places_outside_the_source_are_left_out() {
        let folder = folder(ADDITION);
        let task = Task::load(folder.path()).unwrap();
        for (file, line, column) in [("main.js", 99, 1), ("native", 1, 1), ("main.js", 0, 0)] {
            let error = TaskError {
                stack: vec![frame("f", file, line, column)],
                ..error(FailureKind::Thrown)
            };
            let text = describe(&task, &error, &json!({}), Style::PLAIN);
            assert!(!text.contains('│') && text.contains("at f ("), "{text}");
        }
    }

    #[test]
    fn a_task_cannot_move_the_cursor() {
        let folder = folder(ADDITION);
        let task = Task::load(folder.path()).unwrap();
        let error = TaskError { message: "\u{1b}[2J".into(), ..error(FailureKind::Thrown) };
        assert!(!describe(&task, &error, &json!({}), Style::PLAIN).contains('\u{1b}'));
    }
}
