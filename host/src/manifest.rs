//! Reads a plugin's manifest from its file, and refuses files that must not be loaded.
//!
//! Only the parts of the file that lead to the manifest are read, and no code of it runs.

use std::fs::File;
use std::path::Path;

use object::read::elf::{FileHeader, SectionHeader};
use object::read::{FileKind, ReadCache, ReadRef};
use object::{Endianness, elf};
use ratchet_plugin_api::manifest::Manifest;
use ratchet_plugin_api::manifest::{API_VERSION, CommandManifest, SECTION, TARGET};
use semver::Version;
use serde::Deserialize;

use crate::config::schema;
use crate::diagnostic::Diagnostic;

/// No manifest is larger: a megabyte is some thousand configuration keys.
const SIZE_MAX: u64 = 1 << 20;

/// What every manifest of every version says. Read first, so that a manifest of a later major
/// version, whatever its shape, is refused for its version.
#[derive(Deserialize)]
struct Heading {
    id: String,
    api: String,
    #[serde(default)]
    compiler: serde_json::Value,
    #[serde(default)]
    target: serde_json::Value,
}

/// The manifest of the plugin in `file`, which was found at `path`.
///
/// # Errors
/// Why this host cannot load it.
pub fn read(file: &File, path: &Path) -> Result<Manifest, Diagnostic> {
    let refused = |headline: String| Diagnostic::error(headline).file(path);
    let metadata = file.metadata().map_err(|error| refused(format!("cannot be read: {error}")))?;
    if !metadata.is_file() {
        let help = "name the plugin's shared library itself";
        return Err(refused("a plugin's file must be a regular file".into()).help(help));
    }
    let text = match section(file) {
        Ok(Some(text)) => text,
        Ok(None) => {
            let headline = "this library is not a Ratchet plugin: it carries no manifest";
            let help = "a plugin is a cdylib with one `plugin!`, and its manifest survives `strip`";
            return Err(refused(headline.into()).note(NOTHING_RAN).help(help));
        }
        Err(reason) => {
            let help = "build or copy the file again";
            return Err(refused(reason).note(NOTHING_RAN).help(help));
        }
    };
    parse(&text).map_err(|diagnostic| diagnostic.file(path))
}

/// The manifest in these bytes, if this host can load its plugin.
fn parse(section: &[u8]) -> Result<Manifest, Diagnostic> {
    let damaged = |error: &dyn std::fmt::Display| {
        Diagnostic::error(format!("the plugin's manifest is damaged: {error}"))
            .note(NOTHING_RAN)
            .help("build or copy the file again")
    };
    let trimmed = section.trim_ascii_end();
    let text = trimmed.strip_suffix(b"\0").unwrap_or(trimmed);
    let heading: Heading = serde_json::from_slice(text).map_err(|error| damaged(&error))?;
    check_api(&heading)?;
    let manifest: Manifest = serde_json::from_slice(text).map_err(|error| damaged(&error))?;
    check_build(&manifest, &heading)?;
    check_id(&manifest.id)?;
    for command in &manifest.commands {
        check_command(command).map_err(|fault| {
            let name = command.name.escape_debug();
            heading.refused(&format!("declares a command `{name}` that cannot be: {fault}"))
        })?;
    }
    Ok(manifest)
}

const NOTHING_RAN: &str = "no code from it was run";

impl Heading {
    /// What it was built with, and that nothing of it ran.
    fn provenance(&self) -> String {
        let said = [("built with", &self.compiler), ("for", &self.target)];
        let known = said.iter().filter_map(|(words, value)| Some((words, value.as_str()?)));
        let words: Vec<String> = known
            .filter(|(_, value)| !value.is_empty())
            .map(|(words, value)| format!("{words} {value}"))
            .collect();
        if words.is_empty() {
            NOTHING_RAN.into()
        } else {
            format!("{}; {NOTHING_RAN}", words.join(" "))
        }
    }

    fn refused(&self, reason: &str) -> Diagnostic {
        Diagnostic::error(format!("plugin `{}` {reason}", self.id)).note(self.provenance())
    }
}

fn check_api(heading: &Heading) -> Result<(), Diagnostic> {
    let id = &heading.id;
    let host = Version::parse(API_VERSION).expect("the crate's version is a version");
    let built_for = Version::parse(&heading.api).map_err(|_| {
        let reason = format!("states `{}` as its plugin API, which is no version", heading.api);
        heading.refused(&reason).help(format!("ask the author of {id} for a build for API 1.x"))
    })?;
    if built_for.major == host.major {
        return Ok(());
    }
    let [host_short, built_short] =
        [&host, &built_for].map(|version| format!("{}.{}", version.major, version.minor));
    let (host, other) = (host.major, built_for.major);
    let help = if other > host {
        format!("install a build of {id} for API {host}.x, or upgrade ratchet to {other}.x")
    } else {
        format!("install a build of {id} for API {host}.x")
    };
    let reason = format!("was built for plugin API {built_short}; this host speaks {host_short}");
    Err(heading.refused(&reason).help(help))
}

fn check_build(manifest: &Manifest, heading: &Heading) -> Result<(), Diagnostic> {
    if manifest.target != TARGET {
        let reason = format!("was built for {}; this host runs on {TARGET}", manifest.target);
        return Err(heading.refused(&reason).help(format!("install its build for {TARGET}")));
    }
    if manifest.panic != "unwind" {
        let reason = format!("was built with panic = \"{}\"", manifest.panic);
        return Err(heading
            .refused(&reason)
            .note("a panic in it would end the whole process instead of one call")
            .help("build it with panic = \"unwind\" in the profile that is used"));
    }
    Ok(())
}

/// Whether this is lower-case letters, digits and hyphens, a letter first.
fn is_word(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_lowercase())
        && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// A command line is parsed by what commands declare, so it has to be parsable.
fn check_command(command: &CommandManifest) -> Result<(), String> {
    if !command.name.split(' ').all(is_word) {
        return Err("its name is not lower-case words".into());
    }
    let required = command.arguments["required"].as_array();
    let mut shorts = vec!["h".to_owned(), "V".to_owned()];
    let mut last_positional: Option<(&String, bool)> = None;
    for (name, schema) in schema::properties(&command.arguments) {
        if !is_word(name) || name == "help" {
            return Err(format!("`{}` cannot be an argument's name", name.escape_debug()));
        }
        let short = schema::text(schema, "x-short");
        if shorts.contains(&short) || !short.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(format!("`-{}` of `{name}` is taken", short.escape_debug()));
        }
        shorts.extend((!short.is_empty()).then_some(short));
        if schema["x-positional"] == true {
            let needed = required.is_some_and(|names| names.iter().any(|other| other == name));
            if let Some((before, open)) = last_positional
                && (open || needed && !required.is_some_and(|n| n.iter().any(|o| o == before)))
            {
                return Err(format!("`{name}` cannot come after `{before}`"));
            }
            last_positional = Some((name, schema["type"] == "array"));
        }
    }
    Ok(())
}

/// `vendor.kind.name`: two or more words.
fn check_id(id: &str) -> Result<(), Diagnostic> {
    if id.split('.').count() >= 2 && id.split('.').all(is_word) {
        return Ok(());
    }
    Err(Diagnostic::error(format!("`{}` is not a plugin's id", id.escape_debug()))
        .note(NOTHING_RAN)
        .help("an id is lower-case words joined by dots, such as `acme.output.s3`"))
}

/// The bytes of the manifest's section; nothing when there is none.
fn section(file: &File) -> Result<Option<Vec<u8>>, String> {
    let cache = ReadCache::new(file);
    match FileKind::parse(&cache) {
        Ok(FileKind::Elf64) => section_of::<elf::FileHeader64<Endianness>, _>(&cache),
        Ok(FileKind::Elf32) => section_of::<elf::FileHeader32<Endianness>, _>(&cache),
        _ => Err("this is not a shared library (no ELF file)".into()),
    }
}

fn section_of<'data, Elf, Data>(data: Data) -> Result<Option<Vec<u8>>, String>
where
    Elf: FileHeader<Endian = Endianness>,
    Data: ReadRef<'data>,
{
    let damaged = |error: object::read::Error| format!("the file is truncated or damaged: {error}");
    let header = Elf::parse(data).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    if header.e_type(endian) != elf::ET_DYN {
        return Err("this is an ELF file but not a shared library".into());
    }
    let sections = header.sections(endian, data).map_err(damaged)?;
    let Some((_, found)) = sections.section_by_name(endian, SECTION.as_bytes()) else {
        // A file that was cut has its section table, which is at the end, beyond its end.
        let whole = header.section_headers(endian, data).is_ok_and(|table| !table.is_empty());
        return if whole {
            Ok(None)
        } else {
            Err("the file has no sections: it is damaged".into())
        };
    };
    let size: u64 = found.sh_size(endian).into();
    if size > SIZE_MAX {
        return Err(format!("the manifest is larger than {SIZE_MAX} bytes: the file is damaged"));
    }
    found.data(endian, data).map(|bytes| Some(bytes.to_vec())).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(change: impl FnOnce(&mut serde_json::Value)) -> Result<Manifest, Diagnostic> {
        let mut value = serde_json::json!({
            "id": "acme.output.s3", "version": "0.3.1", "api": API_VERSION, "target": TARGET,
            "panic": "unwind", "compiler": "rustc 1.97.0",
        });
        change(&mut value);
        parse(value.to_string().as_bytes())
    }

    #[test]
    fn accepts_a_newer_minor_api_and_unknown_keys() {
        let read = manifest(|value| {
            value["api"] = "1.99.0".into();
            value["invented_later"] = true.into();
        });
        assert_eq!(read.expect("loadable").id, "acme.output.s3");
    }

    #[test]
    fn refuses_what_it_cannot_load() {
        let refusals: Vec<String> = [
            manifest(|value| value["api"] = "2.1.0".into()),
            manifest(|value| {
                value["api"] = "2.0.0".into();
                value["target"] = serde_json::json!({"triple": "a later shape"});
            }),
            manifest(|value| value["api"] = "0.9.0".into()),
            manifest(|value| value["api"] = "one".into()),
            manifest(|value| value["target"] = "riscv64gc-unknown-linux-gnu".into()),
            manifest(|value| value["panic"] = "abort".into()),
            manifest(|value| value["id"] = "S3 output".into()),
            manifest(|value| value["version"] = serde_json::Value::Null),
            parse(b"{\"id\": \"acme."),
        ]
        .into_iter()
        .map(|read| read.expect_err("must be refused").to_string().replace(TARGET, "TARGET"))
        .collect();
        insta::assert_snapshot!(refusals.join("\n\n"));
    }

    #[test]
    fn refuses_commands_that_cannot_be_parsed() {
        let text = serde_json::json!({"type": "string"});
        let short = serde_json::json!({"type": "string", "x-short": "f"});
        let position = serde_json::json!({"type": "string", "x-positional": true});
        let many = serde_json::json!({"type": "array", "x-positional": true});
        let refusal = |name: &str, properties: serde_json::Value, required: &[&str]| {
            let arguments = serde_json::json!({"properties": properties, "required": required});
            let command =
                serde_json::json!({"name": name, "summary": "Runs.", "arguments": arguments});
            match manifest(|value| value["commands"] = serde_json::json!([command])) {
                Ok(_) => "accepted".to_owned(),
                Err(refusal) => refusal.headline,
            }
        };
        let outcomes = [
            refusal("run all", serde_json::json!({"a": position, "b": many, "c": short}), &["a"]),
            refusal("Run", serde_json::json!({}), &[]),
            refusal("", serde_json::json!({}), &[]),
            refusal("run", serde_json::json!({"help": text}), &[]),
            refusal("run", serde_json::json!({"a b": text}), &[]),
            refusal("run", serde_json::json!({"a": short, "b": short}), &[]),
            refusal("run", serde_json::json!({"a": position, "b": position}), &["b"]),
            refusal("run", serde_json::json!({"a": many, "b": position}), &[]),
        ];
        insta::assert_snapshot!(outcomes.join("\n"));
    }

    #[test]
    fn refuses_files_that_are_no_plugins() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("plugin.so");
        let refusal = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("written");
            let file = File::open(&path).expect("opened");
            let text = read(&file, Path::new("plugin.so")).expect_err("no plugin").to_string();
            text.lines().next().unwrap_or_default().to_owned()
        };
        let program = std::fs::read("/proc/self/exe").expect("this program");
        let text = [
            refusal(b""),
            refusal(b"#!/bin/sh\n"),
            refusal(&program[..40]),
            refusal(&program[..4096]),
            refusal(&program),
        ]
        .join("\n");
        insta::assert_snapshot!(text);
    }
}
