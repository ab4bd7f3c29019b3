//! `unsafe` only where it cannot be avoided, and never without its reason.

use super::Finding;
use super::bans::uses;
use super::sources::SourceFile;

/// The files (or folders, with a slash) that may have `unsafe`, and for what.
const ALLOWED: &[(&str, &str)] = &[
    ("plugin-api/src/abi/", "the waist itself"),
    ("plugin-api/macros/src/plugin.rs", "the section and the export that `plugin!` expands to"),
    ("host/src/load.rs", "opening a plugin's file"),
    ("host/src/placement/sandbox.rs", "system calls that std does not wrap"),
    ("plugins/js-quickjs/src/memory.rs", "QuickJS's allocator, so that a used up heap is noticed"),
    ("plugins/js-quickjs/src/raw.rs", "functions of QuickJS that its crate has no safe one for"),
    ("host/tests/fixtures/", "plugins that misbehave on purpose"),
];

/// How far above `unsafe` its reason may begin, in lines.
const REASON_LINES: usize = 8;

pub(super) fn check(file: &SourceFile) -> Vec<Finding> {
    let path = file.path.to_string_lossy();
    let allowed = ALLOWED.iter().any(|(prefix, _)| path.starts_with(prefix));
    let text: Vec<_> = file.text.lines().collect();
    let mut findings = Vec::new();
    for (number, line) in file.lines() {
        let lifts = uses(line, "unsafe_code") && uses(line, "allow");
        if !uses(line, "unsafe") && !lifts {
            continue;
        }
        if !allowed {
            findings.push(file.finding(
                number,
                "`unsafe` is banned here, use a safe wrapper of a well-kept crate \
                 (the list of exceptions is in xtask/src/tidy/unsafety.rs)",
            ));
            continue;
        }
        // `#[unsafe(…)]` marks an attribute; there is no block whose safety could be argued.
        if lifts || line.contains("unsafe(") {
            continue;
        }
        let above = &text[number.saturating_sub(REASON_LINES + 1)..number];
        if !above.iter().any(|line| line.contains("SAFETY:")) {
            let message = "`unsafe` without a reason, write `// SAFETY: …` above it";
            findings.push(file.finding(number, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        check(&SourceFile::new(path, text)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn unsafe_outside_the_list_is_found_also_in_tests() {
        let text = "//! A.\n#[cfg(test)]\nmod tests { fn f() { unsafe { g() } } }";
        assert!(messages("host/src/plan.rs", text)[0].starts_with("host/src/plan.rs:3: error:"));
        assert_eq!(messages("plugins/a/src/lib.rs", "#![allow(unsafe_code)]").len(), 1);
    }

    #[test]
    fn unsafe_on_the_list_needs_its_reason() {
        assert!(messages("host/src/load.rs", "unsafe { f() }")[0].contains("SAFETY"));
        assert_eq!(messages("host/src/load.rs", "// SAFETY: f is.\nunsafe { f() }"), [""; 0]);
    }

    #[test]
    fn attributes_lints_and_prose_are_no_unsafe_code() {
        for text in ["#[unsafe(no_mangle)]", "#![allow(unsafe_code)]"] {
            assert_eq!(messages("host/src/load.rs", text), [""; 0], "{text}");
        }
        for text in ["// unsafe", "#![forbid(unsafe_code)]"] {
            assert_eq!(messages("host/src/plan.rs", text), [""; 0], "{text}");
        }
    }
}
