//! Test reports as JUnit XML, in the form build servers read (`testsuites`, `testsuite`,
//! `testcase`).

use std::io;
use std::time::Duration;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use ratchet_plugin_api::{Code, Error, Result};
use ratchet_taskdir::Task;

use super::style::Style;
use super::suite::{CaseReport, SuiteReport, TaskReport, Verdict};
use super::text::mismatch_text;
use crate::cases::Mismatch;

type Xml = Writer<Vec<u8>>;

/// The report as an XML document.
///
/// # Errors
/// None in practice: it is written to memory.
pub(crate) fn document(suite: &SuiteReport) -> Result<Vec<u8>> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    write(&mut xml, suite).map_err(|error| {
        Error::wrap(Code::Internal, "the JUnit report cannot be written", &error)
    })?;
    let mut bytes = xml.into_inner();
    bytes.push(b'\n');
    Ok(bytes)
}

fn write(xml: &mut Xml, suite: &SuiteReport) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let totals = suite.totals();
    xml.create_element("testsuites")
        .with_attribute(("name", "ratchet"))
        .with_attribute(("tests", (totals.total() + totals.broken).to_string().as_str()))
        .with_attribute(("failures", totals.failed.to_string().as_str()))
        .with_attribute(("errors", totals.broken.to_string().as_str()))
        .with_attribute(("skipped", totals.skipped.to_string().as_str()))
        .with_attribute(("time", seconds(suite.elapsed).as_str()))
        .write_inner_content(|xml| suite.tasks.iter().try_for_each(|task| write_task(xml, task)))?;
    Ok(())
}

fn write_task(xml: &mut Xml, report: &TaskReport) -> io::Result<()> {
    let verdicts = || report.cases.iter().map(|case| &case.verdict);
    let failed = verdicts().filter(|verdict| verdict.is_failure()).count();
    let skipped = verdicts().filter(|verdict| matches!(verdict, Verdict::Skipped(_))).count();
    let broken = usize::from(report.task.is_err());
    let time = verdicts().filter_map(Verdict::finished).map(|finished| finished.elapsed).sum();
    let name = clean(&report.name());
    xml.create_element("testsuite")
        .with_attribute(("name", name.as_str()))
        .with_attribute(("tests", (report.cases.len() + broken).to_string().as_str()))
        .with_attribute(("failures", failed.to_string().as_str()))
        .with_attribute(("errors", broken.to_string().as_str()))
        .with_attribute(("skipped", skipped.to_string().as_str()))
        .with_attribute(("time", seconds(time).as_str()))
        .write_inner_content(|xml| match &report.task {
            Ok(task) => report.cases.iter().try_for_each(|case| write_case(xml, &name, task, case)),
            Err(diagnostic) => {
                let message = clean(&diagnostic.to_string());
                xml.create_element("testcase")
                    .with_attribute(("classname", name.as_str()))
                    .with_attribute(("name", "load"))
                    .write_inner_content(|xml| empty(xml, "error", &message))?;
                Ok(())
            }
        })?;
    Ok(())
}

fn write_case(xml: &mut Xml, suite: &str, task: &Task, report: &CaseReport) -> io::Result<()> {
    let CaseReport { case, verdict } = report;
    let time = verdict.finished().map_or(Duration::ZERO, |finished| finished.elapsed);
    let (name, file) = (clean(&case.name), clean(&case.file.display().to_string()));
    let element = xml
        .create_element("testcase")
        .with_attribute(("classname", suite))
        .with_attribute(("name", name.as_str()))
        .with_attribute(("file", file.as_str()))
        .with_attribute(("time", seconds(time).as_str()));
    if matches!(verdict, Verdict::Passed(finished) if finished.logs.is_empty()) {
        return element.write_empty().map(drop);
    }
    element.write_inner_content(|xml| {
        match verdict {
            Verdict::Passed(_) => {}
            Verdict::Skipped(reason) => empty(xml, "skipped", &clean(reason))?,
            Verdict::Errored(error) => empty(xml, "error", &clean(&error.full_message()))?,
            Verdict::Failed(_, mismatch) => {
                let text = clean(&mismatch_text(task, case, mismatch, Style::PLAIN));
                xml.create_element("failure")
                    .with_attribute(("message", clean(&summary(mismatch)).as_str()))
                    .write_text_content(BytesText::new(&text))?;
            }
        }
        let logs = verdict.finished().map(|finished| finished.logs.as_slice()).unwrap_or_default();
        if !logs.is_empty() {
            let lines: Vec<String> = logs
                .iter()
                .map(|line| format!("{} {:?} {}", line.time, line.level, line.message))
                .collect();
            let text = clean(&lines.join("\n"));
            xml.create_element("system-out").write_text_content(BytesText::new(&text))?;
        }
        Ok(())
    })?;
    Ok(())
}

fn summary(mismatch: &Mismatch) -> String {
    match mismatch {
        Mismatch::Output { .. } => "the output differs".to_owned(),
        Mismatch::Completed { .. } => "it should have failed, but returned".to_owned(),
        Mismatch::Failed(error) => super::failure::headline(error),
        Mismatch::Failure { differences, .. } => differences.join("; "),
    }
}

fn empty(xml: &mut Xml, name: &str, message: &str) -> io::Result<()> {
    xml.create_element(name).with_attribute(("message", message)).write_empty()?;
    Ok(())
}

fn seconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}

/// `text` without the characters XML 1.0 has no way to write (section 2.2).
fn clean(text: &str) -> String {
    let allowed =
        |letter: char| matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|letter| if allowed(letter) { letter } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use quick_xml::Reader;

    use super::super::suite::samples::suite;
    use super::*;

    /// Element names with their attributes, in the order of the document; fails unless it is
    /// well-formed.
    fn elements(document: &[u8]) -> Vec<(String, String)> {
        let mut reader = Reader::from_reader(document);
        reader.config_mut().check_end_names = true;
        let mut found = Vec::new();
        let mut buffer = Vec::new();
        loop {
            match reader.read_event_into(&mut buffer).unwrap() {
                Event::Eof => return found,
                Event::Start(element) | Event::Empty(element) => {
                    let name = element.name().as_ref().to_owned();
                    let attributes: Vec<String> = element
                        .attributes()
                        .map(|attribute| {
                            let attribute = attribute.unwrap();
                            let key = attribute.key.as_ref();
                            format!("{key}={}", attribute.value)
                        })
                        .collect();
                    found.push((name, attributes.join(" ")));
                }
                _ => {}
            }
            buffer.clear();
        }
    }

    #[test]
    fn is_well_formed_and_counts_right() {
        let elements = elements(&document(&suite()).unwrap());
        let of = |name: &str| {
            elements.iter().filter(|(found, _)| found == name).map(|(_, a)| a).collect::<Vec<_>>()
        };
        assert_eq!(
            of("testsuites")[0],
            "name=ratchet tests=6 failures=3 errors=1 skipped=1 time=1.500"
        );
        assert_eq!(of("testsuite").len(), 2);
        assert_eq!(of("testcase").len(), 6);
        assert_eq!(of("failure").len(), 2);
        assert_eq!(of("error").len(), 2);
        assert_eq!(of("skipped"), ["message=later"]);
        assert_eq!(of("system-out").len(), 3);
        assert_eq!(of("failure")[1], "message=TypeError: no &amp; &lt;no&gt;");
    }

    #[test]
    fn has_no_character_that_xml_forbids() {
        let text = String::from_utf8(document(&suite()).unwrap()).unwrap();
        assert!(!text.contains('\u{1b}'));
        assert!(text.contains("careful &lt;\u{fffd}&gt;"), "{text}");
    }
}
