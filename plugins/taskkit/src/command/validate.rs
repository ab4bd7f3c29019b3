//! `ratchet validate`: says everything that is wrong with tasks, and writes what is missing.

use std::path::{Path, PathBuf};

use ratchet_plugin_api::model::{ProgramProblem, ProgramReport};
use ratchet_plugin_api::services::JsRuntime;
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Result, command};
use ratchet_taskdir::{
    self as task, Diagnostic, SchemaDocument, Severity, Side, TESTS_FOLDER, Task,
};
use serde_json::{Value, json};

use super::{FAILED, blocking, templates};
use crate::Taskkit;
use crate::cases::{self, Case, Expectation};
use crate::report::count;
use crate::report::style::{Style, printable};

/// Checks all files of a task, or of every task below a folder.
#[command(name = "validate", needs = [JsRuntime])]
pub(crate) struct Validate {
    /// The task's folder, or one with tasks below it.
    #[arg(value_name = "PATH")]
    from_fs: PathBuf,
    /// Write the files that are missing; a file that is there is never changed.
    fix: bool,
    /// Print the findings as JSON.
    json: bool,
    /// The JavaScript runtime to check programs with, such as `boa`.
    #[arg(value_name = "NAME")]
    runtime: Option<String>,
}

/// What was found out about one task.
struct Checked {
    folder: PathBuf,
    name: String,
    /// The entry form of the program.
    form: Option<String>,
    written: Vec<PathBuf>,
    findings: Vec<Diagnostic>,
}

impl Checked {
    fn number_of(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

impl ShellCommand<Taskkit> for Validate {
    async fn run(self, plugin: &Taskkit, shell: Shell) -> Result<u8> {
        let (path, fix) = (self.from_fs.clone(), self.fix);
        let folders = blocking(move || {
            // An empty folder is a task in which everything is missing.
            if fix && path.is_dir() && is_empty(&path)? {
                return Ok(vec![path]);
            }
            task::all_below(&path)
        })
        .await?;
        let style = Style::of_output(&shell);
        let mut all = Vec::new();
        for folder in folders {
            let checked = self.check(plugin, folder).await?;
            if !self.json {
                plugin.context.print(text(&checked, style))?;
            }
            all.push(checked);
        }
        let errors: usize = all.iter().map(|checked| checked.number_of(Severity::Error)).sum();
        let warnings: usize = all.iter().map(|checked| checked.number_of(Severity::Warning)).sum();
        if self.json {
            let tasks: Vec<Value> = all.iter().map(to_json).collect();
            let report = json!({
                "valid": errors == 0, "errors": errors, "warnings": warnings, "tasks": tasks,
            });
            plugin.context.print(format!("{report}\n"))?;
        } else if all.len() > 1 {
            let (errors, warnings) = (count(errors, "error"), count(warnings, "warning"));
            plugin.context.print(format!("\n{errors}, {warnings} in {} tasks\n", all.len()))?;
        }
        Ok(if errors == 0 { 0 } else { FAILED })
    }
}

impl Validate {
    async fn check(&self, plugin: &Taskkit, folder: PathBuf) -> Result<Checked> {
        let fix = self.fix;
        let (mut checked, task) = blocking(move || check_files(folder, fix)).await?;
        if let Some(task) = task {
            checked.name = task.name().to_owned();
            let runtime = plugin.runner(self.runtime.clone()).runtime(&task.metadata)?;
            let ProgramReport { form, problems } = runtime.check(task.program.clone()).await?;
            let problems = problems.iter().map(|problem| program_problem(&task, problem));
            checked.findings.extend(problems);
            checked.form = form;
        }
        Ok(checked)
    }
}

fn is_empty(folder: &Path) -> Result<bool> {
    Ok(std::fs::read_dir(folder)?.next().is_none())
}

/// Everything that can be checked without a JavaScript runtime.
fn check_files(folder: PathBuf, fix: bool) -> Result<(Checked, Option<Task>)> {
    let written = if fix { templates::complete(&folder)? } else { Vec::new() };
    let (task, mut findings) = Task::inspect(&folder);
    if !task::METADATA_FILES.iter().any(|name| folder.join(name).exists()) {
        // A task can be run without metadata, but a valid one has it.
        findings.iter_mut().for_each(|finding| {
            if finding.file.ends_with(task::METADATA_FILES[0]) {
                finding.severity = Severity::Error;
            }
        });
    }
    if let Some(task) = &task {
        for (side, schema) in [(Side::Input, &task.input), (Side::Output, &task.output)] {
            match schema {
                Some(schema) => findings.extend(schema.problems()),
                None => findings.push(Diagnostic::warning(
                    &folder.join(side.file_name()),
                    "there is no such schema; anything passes",
                )),
            }
        }
        check_cases(task, &mut findings);
    }
    let name = task.as_ref().map_or_else(|| folder.display().to_string(), |t| t.name().to_owned());
    Ok((Checked { folder, name, form: None, written, findings }, task))
}

fn check_cases(task: &Task, findings: &mut Vec<Diagnostic>) {
    let cases = match cases::load(task) {
        Ok(cases) => cases,
        Err(error) => return findings.push(error),
    };
    let tests = task.folder.join(TESTS_FOLDER);
    if cases.is_empty() {
        findings.push(Diagnostic::warning(&tests, "there are no test cases"));
    }
    for case in &cases {
        check_case(task, case, findings);
    }
    let entries = std::fs::read_dir(&tests).into_iter().flatten();
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if matches!(path.extension().and_then(|e| e.to_str()), Some("js" | "mjs" | "ts")) {
            let message = "is not run: test cases are JSON, such as tests/test-001.json";
            findings.push(Diagnostic::warning(&path, message));
        }
    }
}

/// A case whose documents contradict the schemas can never pass.
fn check_case(task: &Task, case: &Case, findings: &mut Vec<Diagnostic>) {
    let mut report = |what: &str, schema: &Option<SchemaDocument>, document: &Value| {
        let violations = schema.iter().flat_map(|schema| schema.violations(document));
        for violation in violations {
            let message = format!(
                "test case `{}`: {what} does not satisfy the schema: {violation}",
                case.name
            );
            findings.push(Diagnostic::error(&case.file, message));
        }
    };
    // A case that should fail may do so because of its input.
    if !matches!(case.expectation, Expectation::Failure(_)) {
        report("its input", &task.input, &case.input);
    }
    if let Expectation::Output(expected) = &case.expectation {
        report("the output it expects", &task.output, expected);
    }
}

fn program_problem(task: &Task, problem: &ProgramProblem) -> Diagnostic {
    let place = |number: Option<u32>| number.map_or(0, |number| number as usize);
    Diagnostic::error(&task.folder.join(&problem.file), problem.message.clone())
        .at(place(problem.line), place(problem.column))
}

fn text(checked: &Checked, style: Style) -> String {
    let name = style.strong(&printable(&checked.name));
    let form = checked.form.as_deref().map(|form| format!(" ({form})")).unwrap_or_default();
    let folder = style.faint(&checked.folder.display().to_string());
    let mark = match (checked.number_of(Severity::Error), checked.findings.is_empty()) {
        (0, true) => style.good("✓"),
        (0, false) => style.caution("!"),
        _ => style.bad("✗"),
    };
    let mut text = format!("{mark} {name}{form} {folder}\n");
    for file in &checked.written {
        text.push_str(&format!("  wrote {}\n", file.display()));
    }
    for finding in &checked.findings {
        let severity = match finding.severity {
            Severity::Error => style.bad("error"),
            Severity::Warning => style.caution("warning"),
        };
        text.push_str(&format!("  {severity}: {}\n", printable(&finding.to_string())));
    }
    text
}

fn to_json(checked: &Checked) -> Value {
    json!({
        "name": checked.name,
        "path": checked.folder.display().to_string(),
        "valid": checked.number_of(Severity::Error) == 0,
        "form": checked.form,
        "written": checked.written.iter().map(|f| f.display().to_string()).collect::<Vec<_>>(),
        "findings": checked.findings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratchet_taskdir::test_folder::{ADDITION, folder, write};

    fn findings(folder: &Path, fix: bool) -> Vec<String> {
        let (checked, _) = check_files(folder.to_owned(), fix).unwrap();
        checked.findings.iter().map(|found| format!("{:?} {found}", found.severity)).collect()
    }

    #[test]
    fn a_complete_task_has_no_findings() {
        let folder = folder(ADDITION);
        assert_eq!(findings(folder.path(), false), Vec::<String>::new());
    }

    #[test]
    fn missing_metadata_is_an_error_and_missing_schemas_are_warnings() {
        let folder = folder(&[("main.js", "function(input) { return input; }")]);
        let found = findings(folder.path(), false);
        for (severity, file) in [
            ("Error", "metadata.json"),
            ("Warning", "input.schema.json"),
            ("Warning", "output.schema.json"),
            ("Warning", "tests"),
        ] {
            let fits = |line: &String| line.starts_with(severity) && line.contains(file);
            assert!(found.iter().any(fits), "{severity} {file} is missing in {found:#?}");
        }
    }

    #[test]
    fn cases_that_contradict_the_schemas_are_errors() {
        let folder = folder(ADDITION);
        write(
            folder.path(),
            &[(
                "tests/test-002.json",
                r#"[{"name": "a", "input": {}, "expected": {"total": 1}},
                    {"name": "b", "input": {}, "should_fail": {"kind": "invalid_input"}}]"#,
            )],
        );
        let found = findings(folder.path(), false);
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(found.iter().all(|line| line.contains("test case `a`")), "{found:#?}");
        assert_eq!(found.iter().filter(|line| line.contains("its input")).count(), 2);
        assert_eq!(found.iter().filter(|line| line.contains("output it expects")).count(), 1);
    }

    #[test]
    fn tests_of_another_tool_are_pointed_out() {
        let folder = folder(ADDITION);
        write(folder.path(), &[("tests/basic.test.js", "test();")]);
        let found = findings(folder.path(), false);
        assert!(found[0].contains("basic.test.js: is not run"), "{found:#?}");
    }

    #[test]
    fn fix_writes_what_is_missing_and_changes_nothing() {
        let main = "function(input) { return input; }";
        let folder = folder(&[
            ("main.js", main),
            (
                "input.schema.json",
                r#"{"type": "object", "required": ["n"],
              "properties": {"n": {"type": "integer", "minimum": 3}}}"#,
            ),
        ]);
        let schema = std::fs::read(folder.path().join("input.schema.json")).unwrap();
        let (checked, task) = check_files(folder.path().to_owned(), true).unwrap();
        assert!(task.is_some());
        let names: Vec<_> =
            checked.written.iter().map(|f| f.strip_prefix(folder.path()).unwrap()).collect();
        assert_eq!(
            names,
            [
                Path::new("metadata.json"),
                Path::new("output.schema.json"),
                Path::new("tests/test-001.json")
            ]
        );
        assert_eq!(checked.findings, []);
        assert_eq!(std::fs::read_to_string(folder.path().join("main.js")).unwrap(), main);
        assert_eq!(std::fs::read(folder.path().join("input.schema.json")).unwrap(), schema);
        let (again, _) = check_files(folder.path().to_owned(), true).unwrap();
        assert!(again.written.is_empty());
    }

    #[test]
    fn fix_makes_a_task_of_an_empty_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (checked, _) = check_files(folder.path().to_owned(), true).unwrap();
        assert_eq!(checked.written.len(), 5);
        assert_eq!(checked.findings, []);
    }
}
