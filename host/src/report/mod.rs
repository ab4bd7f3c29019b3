//! Carries out the host's own commands. None of them loads a plugin.

mod graph;
mod inspect;
mod list;
mod table;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::cli::commands::{ConfigGenerate, PluginsLock};
use crate::cli::{self, Globals, HostCommand};
use crate::config::{self, Configuration, Resolved, sources};
use crate::diagnostic::{self, Diagnostic};
use crate::discovery::{self, Catalogue};
use crate::plan::{self, Goal, Plan};
use crate::trust;

/// Carries out one of the host's commands. The text is for standard output.
///
/// # Errors
/// What is wrong with the configuration or the plugins, where the command needs them right.
pub fn run(
    command: &HostCommand,
    globals: &Globals,
    configuration: &Configuration,
    catalogue: &Catalogue,
) -> Result<String, Vec<Diagnostic>> {
    match command {
        HostCommand::PluginsList(options) => {
            Ok(list::render(configuration, catalogue, options.json))
        }
        HostCommand::PluginsGraph(options) => {
            let plan = whole_plan(configuration, catalogue)?;
            Ok(if options.dot { graph::dot(&plan) } else { graph::text(&plan) })
        }
        HostCommand::PluginsInspect(options) => {
            inspect::render(&options.plugin, options.json, configuration, catalogue)
        }
        HostCommand::PluginsCheck(_) => check(configuration, catalogue),
        HostCommand::PluginsLock(options) => lock(options, configuration, catalogue),
        HostCommand::ConfigValidate(options) => {
            let (name, checked) = with_file(options.config_file.as_deref(), globals)?;
            let (configuration, catalogue) = checked;
            validate(&configuration, &catalogue)?;
            Ok(format!("{name} is valid\n"))
        }
        HostCommand::ConfigShow(options) => {
            let (_, (configuration, catalogue)) =
                with_file(options.config_file.as_deref(), globals)?;
            let resolved = config::resolve(&configuration, &catalogue)?;
            Ok(resolved.show(options.format, options.origins, options.mcp_only))
        }
        HostCommand::ConfigGenerate(options) => generate(options).map_err(|error| vec![error]),
        HostCommand::ConfigSchema(_) => Ok(format!("{:#}\n", config::published_schema(catalogue))),
        HostCommand::Completions(options) => Ok(cli::completions(options.shell, catalogue)),
    }
}

/// The configuration in this file, or the one in use, with the plugins it names.
fn with_file(
    file: Option<&str>,
    globals: &Globals,
) -> Result<(String, (Configuration, Catalogue)), Vec<Diagnostic>> {
    let mut globals = globals.clone();
    if let Some(file) = file {
        globals.config = Some(PathBuf::from(file));
    }
    let configuration = config::load(&globals)?;
    let catalogue = discovery::catalogue(&configuration);
    let name = match &globals.config {
        Some(path) => path.display().to_string(),
        None => "the built-in configuration".to_owned(),
    };
    Ok((name, (configuration, catalogue)))
}

/// Checks the configuration, that of each enabled plugin included.
fn validate(
    configuration: &Configuration,
    catalogue: &Catalogue,
) -> Result<Resolved, Vec<Diagnostic>> {
    let mut problems = catalogue.problems.clone();
    match config::resolve(configuration, catalogue) {
        Ok(resolved) => {
            for plugin in catalogue.enabled() {
                let config = resolved.of_plugin(&plugin.entry.name, &plugin.manifest);
                problems.extend(config.err().into_iter().flatten());
            }
            if problems.is_empty() { Ok(resolved) } else { Err(problems) }
        }
        Err(more) => {
            problems.extend(more);
            Err(problems)
        }
    }
}

fn whole_plan(
    configuration: &Configuration,
    catalogue: &Catalogue,
) -> Result<Plan, Vec<Diagnostic>> {
    let resolved = config::resolve(configuration, catalogue)?;
    plan::plan(catalogue, &resolved, Goal::Everything)
}

fn check(configuration: &Configuration, catalogue: &Catalogue) -> Result<String, Vec<Diagnostic>> {
    let plan = whole_plan(configuration, catalogue)?;
    let untrusted = |plugin| trust::open(plugin, &configuration.settings).err();
    let problems: Vec<_> = plan.plugins.iter().filter_map(untrusted).collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut text = String::new();
    if !plan.warnings.is_empty() {
        text = format!("{}\n", diagnostic::render(&plan.warnings));
    }
    text.push_str(&format!("{} can be loaded; none was\n", counted(plan.plugins.len())));
    Ok(text)
}

fn counted(plugins: usize) -> String {
    if plugins == 1 { "1 plugin".into() } else { format!("{plugins} plugins") }
}

fn lock(
    options: &PluginsLock,
    configuration: &Configuration,
    catalogue: &Catalogue,
) -> Result<String, Vec<Diagnostic>> {
    if !catalogue.problems.is_empty() {
        return Err(catalogue.problems.clone());
    }
    let plugins: Vec<_> = catalogue.enabled().collect();
    let text = trust::lock(&plugins).map_err(|error| vec![error])?;
    let path = match &options.output {
        Some(path) => PathBuf::from(path),
        None => trust::lock_file(&configuration.settings.trust),
    };
    std::fs::write(&path, text).map_err(|error| {
        let headline = format!("the lock cannot be written: {error}");
        vec![Diagnostic::error(headline).file(&path).help("say where with `--output`")]
    })?;
    Ok(format!("{} pinned in {}\n", counted(plugins.len()), path.display()))
}

fn generate(options: &ConfigGenerate) -> Result<String, Diagnostic> {
    let name = options.config_type.as_str();
    let (_, text) = sources::PROFILES
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| Diagnostic::error(format!("there is no profile `{name}`")))?;
    if options.output == "-" {
        return Ok((*text).to_owned());
    }
    let path = Path::new(&options.output);
    let mut how = OpenOptions::new();
    how.write(true).create(true).truncate(true).create_new(!options.force);
    how.open(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        let failed = Diagnostic::usage(format!("the file cannot be written: {error}")).file(path);
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => failed.help("replace it with --force"),
            _ => failed.help("name a file in an existing folder with --output"),
        }
    })?;
    Ok(format!("wrote {}\n", path.display()))
}
