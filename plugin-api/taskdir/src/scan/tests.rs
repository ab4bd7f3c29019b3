//! Tests of looking for tasks.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use proptest::prelude::*;

use super::*;
use crate::INDEX_FILE;
use crate::test_folder::{ADDITION, folder, write, write_zip};

const NAMED: &str = r#"{"name": "NAME", "label": "L", "version": "1.0.0"}"#;

fn scanner(root: &Path) -> Scanner {
    Scanner::new(root, Patterns::default(), false)
}

fn scan(root: &Path) -> Scan {
    scanner(root).scan(false).unwrap()
}

fn paths(scan: &Scan) -> Vec<&str> {
    scan.tasks.iter().map(|found| found.task.path.as_str()).collect()
}

fn task(root: &Path, path: &str, name: &str) {
    let metadata = NAMED.replace("NAME", name);
    write(&root.join(path), &[("metadata.json", &metadata), ("main.js", "() => 1")]);
}

#[test]
fn one_bad_task_never_hides_the_others() {
    let folder = folder(&[("bad/metadata.json", "{,}"), ("bad/main.js", "1"), ("notes.txt", "")]);
    write(folder.path(), &[("broken.zip", "PK")]);
    task(folder.path(), "deep/er/good", "good");
    let scan = scan(folder.path());
    assert_eq!(paths(&scan), ["deep/er/good"]);
    let problems: Vec<_> = scan.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(problems, ["bad", "broken.zip"]);
    assert!(scan.problems[0].message.contains("metadata.json:1:2: not valid JSON"));
    assert!(!scan.complete, "which tasks were in the archive is not known");
}

#[test]
fn archives_are_read_in_a_source_and_as_one() {
    let folder = folder(&[]);
    write_zip(&folder.path().join("pack.zip"), "tasks/addition/", ADDITION);
    write_zip(&folder.path().join("one.ZIP"), "", &[("main.js", "() => 1")]);
    let found = scan(folder.path());
    assert_eq!(paths(&found), ["one.ZIP", "pack.zip/tasks/addition"]);
    assert_eq!(found.tasks[0].task.definition.name, "one");
    assert!(found.complete && found.tasks[0].modified.is_some());

    assert_eq!(paths(&scan(&folder.path().join("pack.zip"))), ["tasks/addition"]);
    assert_eq!(paths(&scan(&folder.path().join("one.ZIP"))), ["."]);
}

#[test]
fn a_source_may_be_a_task() {
    let folder = folder(ADDITION);
    assert_eq!(paths(&scan(folder.path())), ["."]);
}

#[test]
fn a_source_that_is_not_there_is_unavailable_with_the_nearest_path() {
    let folder = folder(&[("js-tasks/a/main.js", "1")]);
    let error = scanner(&folder.path().join("js-task")).scan(false).unwrap_err();
    assert_eq!(error.code, Code::Unavailable);
    let expected = format!("did you mean `{}`?", folder.path().join("js-tasks").display());
    assert!(error.message.contains(&expected), "{error}");
}

#[test]
fn patterns_choose_tasks_and_archives() {
    let folder = folder(&[]);
    for name in ["a/one", "a/draft-two", "b/three"] {
        task(folder.path(), name, name);
    }
    write_zip(&folder.path().join("b/pack.zip"), "in/", ADDITION);
    let patterns = |include: &[&str], exclude: &[&str]| {
        let owned = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        Patterns::new(&owned(include), &owned(exclude), "registry").unwrap()
    };
    let mut scanner = Scanner::new(folder.path(), patterns(&["a"], &["**/draft-*"]), false);
    assert_eq!(paths(&scanner.scan(false).unwrap()), ["a/one"]);
    let mut scanner = Scanner::new(folder.path(), patterns(&["b/**"], &[]), false);
    assert_eq!(paths(&scanner.scan(false).unwrap()), ["b/pack.zip/in", "b/three"]);
}

#[test]
fn links_are_left_alone_or_followed_once() {
    let outside = folder(&[]);
    task(outside.path(), "elsewhere", "elsewhere");
    let folder = folder(&[]);
    task(folder.path(), "a", "a");
    symlink(outside.path().join("elsewhere"), folder.path().join("link")).unwrap();
    symlink(folder.path(), folder.path().join("circle")).unwrap();
    std::fs::create_dir(folder.path().join("b")).unwrap();
    symlink(outside.path().join("elsewhere/main.js"), folder.path().join("b/main.js")).unwrap();
    let found = scan(folder.path());
    assert_eq!(paths(&found), ["a"]);
    assert!(found.problems[0].message.contains("leads out of"), "{:?}", found.problems);
    assert_eq!(found.warnings.iter().filter(|w| w.message.contains("link to a folder")).count(), 2);

    let mut following = Scanner::new(folder.path(), Patterns::default(), true);
    assert_eq!(paths(&following.scan(false).unwrap()), ["a", "b", "link"]);
}

#[test]
fn two_tasks_of_one_id_or_name_are_told_apart_by_their_path() {
    let folder = folder(&[]);
    write(&folder.path().join("a"), ADDITION);
    write(&folder.path().join("b"), ADDITION);
    task(folder.path(), "c", "addition");
    let found = scan(folder.path());
    assert_eq!(paths(&found), ["a"]);
    let messages: Vec<_> = found.problems.iter().map(|problem| &problem.message).collect();
    assert!(messages[0].starts_with("has the same id as `a`"), "{messages:?}");
    assert!(messages[1].starts_with("has the same name as `a`"), "{messages:?}");
}

#[test]
fn the_index_gives_revisions_to_tasks_it_is_still_about() {
    let folder = folder(&[]);
    task(folder.path(), "a", "a");
    task(folder.path(), "b", "b");
    let checksum = scan(folder.path()).tasks[0].checksum.clone();
    let index = format!(
        r#"{{"generated_at": "2026-11-24T05:30:00Z", "repository": {{"name": "r", "commit": "c0"}},
            "tasks": [
                {{"name": "a", "version": "1.0.0", "path": "a", "checksum": "{checksum}"}},
                {{"name": "b", "version": "1.0.0", "path": "b", "checksum": "another"}}
            ]}}"#
    );
    write(folder.path(), &[(INDEX_FILE, &index)]);
    let revisions =
        |scan: Scan| scan.tasks.into_iter().map(|found| found.task.revision).collect::<Vec<_>>();
    assert_eq!(revisions(scan(folder.path())), [Some("c0".to_owned()), None]);
    write(folder.path(), &[(INDEX_FILE, "{")]);
    assert_eq!(revisions(scan(folder.path())), [None, None]);
}

#[test]
fn what_has_not_changed_is_not_read_again() {
    let folder = folder(&[]);
    task(folder.path(), "a", "a");
    let mut scanner = scanner(folder.path());
    scanner.scan(false).unwrap();
    // As if it had been quiet for a while, and something else had been read.
    let known = scanner.known.get_mut("a").unwrap();
    known.stamp = known.stamp.clone().settled();
    known.outcome.tasks[0].checksum = "kept".to_owned();
    assert_eq!(scanner.scan(false).unwrap().tasks[0].checksum, "kept");
    assert_ne!(scanner.scan(true).unwrap().tasks[0].checksum, "kept");
}

#[test]
fn a_folder_that_cannot_be_read_is_a_problem_of_its_own() {
    let folder = folder(&[]);
    task(folder.path(), "a", "a");
    task(folder.path(), "closed/b", "b");
    let closed = folder.path().join("closed");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    let privileged = std::fs::read_dir(&closed).is_ok();
    let found = scan(folder.path());
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o755)).unwrap();
    if !privileged {
        assert_eq!(paths(&found), ["a"]);
        assert!(!found.complete && found.problems[0].path == "closed");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn arbitrary_files_never_panic(
        metadata in prop::collection::vec(any::<u8>(), 0..300),
        schema in "[\\[\\]{}:,\"a-z0-9 .$/#-]{0,80}",
        yaml in "[ -~\n]{0,200}",
    ) {
        let folder = folder(&[("a/main.js", "1"), ("b/main.js", "1"), ("b/meta.yaml", &yaml)]);
        std::fs::write(folder.path().join("a/metadata.json"), metadata).unwrap();
        write(folder.path(), &[("a/input.schema.json", &schema), (INDEX_FILE, &schema)]);
        scan(folder.path());
    }

    #[test]
    fn arbitrary_metadata_never_panics(
        key in prop::sample::select(vec![
            "uuid", "name", "label", "version", "description", "tags", "timeout", "memory_limit",
            "runtime", "retry", "concurrency", "rate_limit", "priority", "input_schema",
            "output_schema", "test_cases",
        ]),
        value in prop::sample::select(vec![
            "null", "-1", "1e308", "18446744073709551616", "\"\"", "\"x\"", "[]", "[1]", "{}",
            "true",
            "{\"max_retries\": -1}", "{\"count\": 1e99, \"period\": 1e-300}", "{\"period\": 1e300}",
            "{\"$ref\": \"#\"}", "{\"multiplier\": 1e309}",
        ]),
    ) {
        let metadata = format!("{{\"{key}\": {value}}}");
        let folder = folder(&[("main.js", "1"), ("metadata.json", &metadata)]);
        scan(folder.path());
    }
}
