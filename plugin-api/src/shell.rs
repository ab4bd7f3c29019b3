//! Shell commands of a plugin.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use serde::de::DeserializeOwned;

use crate::guard::BoxFuture;
use crate::model::Json;
use crate::schema::Described;
use crate::service::Declaration;
use crate::services::{Command, Invocation};
use crate::{Error, Result};

/// The arguments of a shell command; implemented by `#[command]`.
pub trait CommandArguments: Described + DeserializeOwned + Send + 'static {
    /// The command's words, such as `run-once` or `repo init`.
    const NAME: &'static str;
    /// What it does, in one line.
    const SUMMARY: &'static str;
    /// Contracts it needs beyond those its plugin requires.
    const NEEDS: &'static [Declaration];
    /// Whether it runs until told to stop, with every configured plugin loaded.
    const SERVES: bool;
}

/// A shell command of the plugin `P`: the struct is its arguments, this is what it does.
pub trait ShellCommand<P>: CommandArguments {
    /// Runs the command; the result is the exit code.
    fn run(self, plugin: &P, shell: Shell) -> impl Future<Output = Result<u8>> + Send;
}

/// What a command knows about the shell it was typed into.
#[derive(Clone, Debug)]
pub struct Shell {
    /// Whether standard error is a terminal, so progress may be drawn.
    pub interactive: bool,
    /// Whether standard output is a terminal, so it may be coloured.
    pub stdout_is_terminal: bool,
    globals: Json,
}

impl Shell {
    /// The value of a global option such as `record`, if it was given.
    pub fn global(&self, name: &str) -> Option<String> {
        let globals: serde_json::Value = self.globals.to().ok()?;
        globals.get(name)?.as_str().map(str::to_owned)
    }
}

/// How one command is called.
pub type Runner<P> = fn(Arc<P>, Invocation) -> BoxFuture<Result<u8>>;

/// Calls the command `C` of a plugin.
pub fn run_command<P, C>(plugin: Arc<P>, invocation: Invocation) -> BoxFuture<Result<u8>>
where
    P: Send + Sync + 'static,
    C: ShellCommand<P>,
{
    Box::pin(async move {
        let command: C = invocation.arguments.to().map_err(|error| {
            error.context(format!("the arguments of `{}` do not fit", invocation.command))
        })?;
        let shell = Shell {
            interactive: invocation.interactive,
            stdout_is_terminal: invocation.stdout_is_terminal,
            globals: invocation.globals,
        };
        command.run(&plugin, shell).await
    })
}

/// Answers for all commands of a plugin.
pub struct CommandRouter<P: 'static> {
    plugin: Arc<P>,
    commands: &'static [(&'static str, Runner<P>)],
}

impl<P: 'static> CommandRouter<P> {
    /// Routes to these commands.
    pub fn new(plugin: Arc<P>, commands: &'static [(&'static str, Runner<P>)]) -> Self {
        Self { plugin, commands }
    }
}

#[async_trait]
impl<P: Send + Sync + 'static> Command for CommandRouter<P> {
    async fn run(&self, invocation: Invocation) -> Result<u8> {
        let found = self.commands.iter().find(|(name, _)| *name == invocation.command);
        match found {
            Some((_, run)) => run(Arc::clone(&self.plugin), invocation).await,
            None => Err(Error::not_found(format!("no command `{}` here", invocation.command))),
        }
    }
}
