//! Task folders and archives for tests.

use std::io::Write as _;
use std::path::Path;

/// A folder with these files in it.
///
/// # Panics
/// When it cannot be written.
pub fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(folder.path(), files);
    folder
}

/// Writes these files, making folders where needed.
///
/// # Panics
/// When one cannot be written.
pub fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        let parent = path.parent().expect("a file is in a folder");
        std::fs::create_dir_all(parent).expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
    }
}

/// Writes a ZIP archive of these files, under `prefix`, which is empty or ends in `/`.
///
/// # Panics
/// When it cannot be written.
pub fn write_zip(file: &Path, prefix: &str, files: &[(&str, &str)]) {
    let file = std::fs::File::create(file).expect("a file can be made");
    let mut archive = zip::ZipWriter::new(file);
    for (name, text) in files {
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(format!("{prefix}{name}"), options).expect("a file in an archive");
        archive.write_all(text.as_bytes()).expect("a file in an archive can be written");
    }
    archive.finish().expect("an archive can be finished");
}

/// A complete task that adds two numbers.
pub const ADDITION: &[(&str, &str)] = &[
    (
        "metadata.json",
        r#"{
            "uuid": "0197d2f0-5b1c-7000-8000-000000000000",
            "name": "addition",
            "label": "Addition",
            "version": "1.0.0",
            "description": "Adds"
        }"#,
    ),
    ("main.js", "function(input) {\n  return { sum: input.num1 + input.num2 };\n}\n"),
    ("input.schema.json", r#"{"type": "object", "required": ["num1", "num2"]}"#),
    ("output.schema.json", r#"{"type": "object", "required": ["sum"]}"#),
    ("tests/test-001.json", r#"{"input": {"num1": 1, "num2": 2}, "expected": {"sum": 3}}"#),
];
