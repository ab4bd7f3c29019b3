//! Subcommand: cargo xtask run [--release] ARGS…

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::Subcommand;
use crate::build;
use crate::failure::{Failure, Result};
use crate::project::{Package, Project};

pub(crate) const SUBCOMMAND: Subcommand = Subcommand {
    name: "run",
    usage: "[--release] ARGS…",
    summary: "Builds what `ratchet ARGS…` needs, then becomes it",
    run,
};

fn run(project: &Project, mut arguments: Vec<String>) -> Result {
    let release = arguments.first().is_some_and(|first| first == "--release");
    if release {
        arguments.remove(0);
    }
    let configured = ["RATCHET_CONFIG", "RATCHET_PROFILE"].map(std::env::var_os);
    let plugins = needed(project, &arguments, configured.iter().any(Option::is_some))?;
    build::host_with(project, &plugins, release)?;
    let ratchet = project.artifacts(release).join("ratchet");
    // Replacing this process hands over its exit code, signals, input and output untouched.
    let error = Command::new(&ratchet).args(&arguments).exec();
    Err(Failure::new(format!("{} cannot be run: {error}", ratchet.display())))
}

/// The plugins that this command line of `ratchet` loads, as their Cargo.toml says; all of them
/// where that cannot be known, because a configuration may name any.
fn needed<'a>(
    project: &'a Project,
    arguments: &[String],
    configured: bool,
) -> Result<Vec<&'a Package>> {
    if arguments.iter().any(|argument| matches!(argument.as_str(), "--version" | "-V")) {
        return Ok(Vec::new());
    }
    let configures =
        |argument: &String| argument.starts_with("--config") || argument.starts_with("--profile");
    if configured || arguments.iter().any(configures) {
        return Ok(project.plugins().collect());
    }
    let command = arguments.iter().find(|argument| !argument.starts_with('-'));
    let provider = project.plugins().find(|plugin| {
        command.is_some_and(|command| plugin.commands.iter().any(|name| name == command))
    });
    let Some(provider) = provider else {
        return Ok(project.plugins().collect());
    };
    let mut plugins = vec![provider];
    for name in &provider.needs {
        plugins.push(project.plugin(name)?);
    }
    if let Some(engine) = engine(project, arguments)
        && !plugins.iter().any(|plugin| plugin.name == engine.name)
    {
        plugins.push(engine);
    }
    Ok(plugins)
}

/// The plugin of the JavaScript engine that `--runtime` names: `js-quickjs` for `quickjs`. One
/// there is not is left for `ratchet` to complain about.
fn engine<'a>(project: &'a Project, arguments: &[String]) -> Option<&'a Package> {
    let names = |argument: &str| argument == "--runtime" || argument.starts_with("--runtime=");
    let at = arguments.iter().position(|argument| names(argument))?;
    let name = match arguments[at].split_once('=') {
        Some((_, name)) => name,
        None => arguments.get(at + 1)?,
    };
    project.plugin(&format!("js-{name}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(line: &str) -> Vec<String> {
        let project = Project::load().expect("this workspace can be read");
        let arguments: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        let plugins = needed(&project, &arguments, false).expect("needs name known plugins");
        plugins.iter().map(|plugin| plugin.short_name().to_owned()).collect()
    }

    #[test]
    fn a_known_command_builds_what_it_loads_and_no_more() {
        for command in ["run-once", "test", "validate", "replay", "generate"] {
            assert_eq!(names(command), ["taskkit", "js-boa", "http-fetch"], "{command}");
        }
    }

    #[test]
    fn an_engine_that_is_asked_for_is_built_too() {
        for line in ["run-once --runtime quickjs x", "test --runtime=quickjs"] {
            assert_eq!(names(line), ["taskkit", "js-boa", "http-fetch", "js-quickjs"], "{line}");
        }
        for line in ["run-once --runtime boa", "run-once --runtime none", "test --runtime"] {
            assert_eq!(names(line), ["taskkit", "js-boa", "http-fetch"], "{line}");
        }
    }

    #[test]
    fn options_before_the_command_do_not_hide_it() {
        assert_eq!(names("--log-level=debug run-once --from-fs x").len(), 3);
    }

    #[test]
    fn the_version_needs_no_plugin() {
        assert!(names("--version").is_empty());
    }

    #[test]
    fn everything_is_built_where_the_needs_cannot_be_known() {
        let project = Project::load().expect("this workspace can be read");
        for line in ["", "plugins list", "run-once --config x.yaml", "--config=x.yaml run-once"] {
            assert_eq!(names(line).len(), project.plugins().count(), "{line}");
        }
    }
}
