//! `ratchet plugins inspect`: all that a plugin says about itself.

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};

use ratchet_plugin_api::manifest::Manifest;
use ratchet_plugin_api::manifest::Requirement;
use ratchet_plugin_api::nearest;
use serde_json::Value;

use crate::config::{Configuration, schema};
use crate::diagnostic::Diagnostic;
use crate::discovery::{self, Catalogue};
use crate::manifest;

pub(super) fn render(
    name: &str,
    json: bool,
    configuration: &Configuration,
    catalogue: &Catalogue,
) -> Result<String, Vec<Diagnostic>> {
    let (file, manifest) = find(name, configuration, catalogue).map_err(|error| vec![error])?;
    if json {
        let value = serde_json::to_value(&manifest).unwrap_or_default();
        return Ok(format!("{value:#}\n"));
    }
    Ok(text(&file, &manifest))
}

fn find(
    name: &str,
    configuration: &Configuration,
    catalogue: &Catalogue,
) -> Result<(PathBuf, Manifest), Diagnostic> {
    if let Some(plugin) = catalogue.get(name) {
        return Ok((plugin.file.clone(), plugin.manifest.clone()));
    }
    let path = Path::new(name);
    if path.is_file() {
        let file = File::open(path).map_err(|error| {
            Diagnostic::error(format!("the file cannot be read: {error}")).file(path)
        })?;
        return manifest::read(&file, path).map(|manifest| (path.to_owned(), manifest));
    }
    let others = discovery::others(configuration, catalogue);
    if let Some(found) = others.iter().find(|(_, manifest)| manifest.id == name) {
        return Ok(found.clone());
    }
    let known = catalogue.plugins.iter().map(|plugin| plugin.manifest.id.as_str());
    let names = known.chain(others.iter().map(|(_, manifest)| manifest.id.as_str()));
    let missing = Diagnostic::usage(format!("there is no plugin `{name}`"));
    Err(match nearest(name, names) {
        Some(nearest) => missing.help(format!("did you mean `{nearest}`?")),
        None => missing.help("`ratchet plugins list` shows those there are"),
    })
}

fn text(file: &Path, manifest: &Manifest) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{} {}", manifest.id, manifest.version);
    if !manifest.summary.is_empty() {
        let _ = writeln!(text, "{}", manifest.summary);
    }
    let _ = writeln!(text, "\nfile       {}", file.display());
    let _ = writeln!(text, "api        {}", manifest.api);
    let _ = writeln!(text, "built      {} for {}", manifest.compiler, manifest.target);
    for offer in &manifest.provides {
        let instance = match offer.instance.as_str() {
            "" => String::new(),
            instance => format!(" as {instance}"),
        };
        let _ = writeln!(text, "provides   {} {}{instance}", offer.service, offer.version);
    }
    let mut needs = |verb: &str, needs: &[Requirement]| {
        for need in needs {
            let _ = writeln!(text, "{verb:<10} {} {}", need.service, need.version);
        }
    };
    needs("requires", &manifest.requires);
    needs("wants", &manifest.wants);
    if let Some(concurrency) = manifest.concurrency {
        let _ = writeln!(text, "calls      {concurrency} at once in each instance");
    }
    for command in &manifest.commands {
        let _ = writeln!(text, "\nratchet {}\n    {}", command.name, command.summary);
        keys(&command.arguments, "--", 1, &mut text);
    }
    if schema::properties(&manifest.config).next().is_some() {
        text.push_str("\nconfiguration\n");
        keys(&manifest.config, "", 1, &mut text);
    }
    text
}

/// The keys of an object, with what they want and what they are for.
fn keys(schema: &Value, prefix: &str, depth: usize, text: &mut String) {
    let indent = "    ".repeat(depth);
    let required = schema["required"].as_array();
    for (key, value) in schema::properties(schema) {
        let prefix = if value["x-positional"] == true { "" } else { prefix };
        let _ = write!(text, "{indent}{prefix}{key}");
        if let Some(section) = value["x-section"].as_str() {
            let _ = write!(text, " (the section `{section}`)");
        } else if value["properties"].is_null() && value["items"]["properties"].is_null() {
            let _ = write!(text, ": {}", schema::describe(value));
        }
        if let Some(default) = value.get("default").filter(|default| **default != *"") {
            let _ = write!(text, " [default: {default}]");
        } else if required.is_some_and(|names| names.iter().any(|name| name == key)) {
            let _ = write!(text, " [required]");
        }
        let _ = writeln!(text, "\n{indent}    {}", schema::text(value, "description"));
        keys(value, prefix, depth + 1, text);
        keys(&value["items"], prefix, depth + 1, text);
    }
}
