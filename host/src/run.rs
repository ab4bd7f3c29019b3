//! From a command line to an exit code.

use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use ratchet_plugin_api::model::Json;
use ratchet_plugin_api::raw::Remote;
use ratchet_plugin_api::services::{Command, Invocation};
use ratchet_plugin_api::{Call, Error, Result, Service};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{self, Globals, PluginCommand, Request};
use crate::config::{self, Configuration};
use crate::diagnostic::{self, Diagnostic};
use crate::discovery::{self, Catalogue};
use crate::lifecycle::{Outlets, Purpose, Running};
use crate::logging::{self, Logging};
use crate::plan::{self, Goal};
use crate::{placement, report, stdio};

/// Threads of the host's own runtime: it only passes things on.
const WORKER_THREADS: usize = 2;

/// Exit codes of a program that a signal ended are this much above the signal's number.
const SIGNAL_EXIT: u8 = 128;

/// Does what `args` (without the program's name) ask for.
pub fn run(args: &[OsString]) -> ExitCode {
    // Before anything else, because a worker wants nothing that follows.
    if args.first().is_some_and(|first| first == "--worker") {
        return placement::worker_main();
    }
    match try_run(args) {
        Ok(code) => ExitCode::from(code),
        Err(diagnostics) => {
            eprint!("{}", diagnostic::render(&diagnostics));
            ExitCode::from(diagnostic::exit_code(&diagnostics))
        }
    }
}

fn try_run(args: &[OsString]) -> Result<u8, Vec<Diagnostic>> {
    let globals = Globals::scan(args)?;
    stdio::take_over().map_err(|error| {
        vec![Diagnostic::error(format!("standard output cannot be taken over: {error}"))]
    })?;
    if globals.version {
        return print(concat!("ratchet ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    let configuration = match config::load(&globals) {
        Ok(configuration) => configuration,
        // Help is for those who need it, so a broken configuration does not withhold it.
        Err(_) if asks_for_help(args) => {
            return match cli::parse(args, &Catalogue::default()) {
                Request::Print { text, .. } => print(&text),
                _ => Ok(0),
            };
        }
        Err(diagnostics) => return Err(diagnostics),
    };
    let catalogue = discovery::catalogue(&configuration);
    match cli::parse(args, &catalogue) {
        Request::Print { text, to_stderr: false, code } => print(&text).map(|_| code),
        Request::Print { text, to_stderr: true, code } => {
            eprint!("{text}");
            Ok(code)
        }
        Request::Host(command) => {
            print(&report::run(&command, &globals, &configuration, &catalogue)?)
        }
        Request::Plugin(command) => {
            let logging = logging::start(&configuration.settings.logging, globals.color)?;
            let code = run_plugin(command, &configuration, &catalogue, &logging);
            logging.flush();
            code
        }
    }
}

fn asks_for_help(args: &[OsString]) -> bool {
    args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--help" || arg == "-h")
}

/// Prints a result. A reader that has gone away is its own business: the shell's convention is to
/// end quietly as if by SIGPIPE.
fn print(text: &str) -> Result<u8, Vec<Diagnostic>> {
    match stdio::print(text.as_bytes()) {
        Ok(()) => Ok(0),
        Err(error) if error.reason.as_deref() == Some("stdout.closed") => Ok(SIGNAL_EXIT + 13),
        Err(error) => Err(vec![Diagnostic::error(error.full_message())]),
    }
}

fn run_plugin(
    command: PluginCommand,
    configuration: &Configuration,
    catalogue: &Catalogue,
    logging: &Logging,
) -> Result<u8, Vec<Diagnostic>> {
    let resolved = config::resolve(configuration, catalogue)?;
    let goal = if command.serves {
        Goal::Everything
    } else {
        Goal::Command { plugin: &command.plugin, command: &command.command }
    };
    let plan = plan::plan(catalogue, &resolved, goal)?;
    for warning in &plan.warnings {
        eprint!("{}", diagnostic::render(std::slice::from_ref(warning)));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .thread_name("rt-host")
        .enable_all()
        .build()
        .map_err(|error| vec![Diagnostic::error(format!("no threads can be started: {error}"))])?;
    let outlets = Outlets {
        log: Arc::clone(&logging.sink),
        log_gate: logging.gate,
        program: PathBuf::from("/proc/self/exe"),
        purpose: Purpose { command: command.command.clone(), serves: command.serves },
    };
    let code = runtime.block_on(async {
        let running = Running::start(&plan, &configuration.settings, outlets).await?;
        let code = invoke(&running, command).await;
        running.stop().await;
        Ok(code)
    });
    runtime.shutdown_background();
    code
}

/// Runs the command until it ends or a signal ends it. The first signal asks everything to stop;
/// a second one does not wait for that.
async fn invoke(running: &Running, command: PluginCommand) -> u8 {
    let (name, serves) = (command.command.clone(), command.serves);
    let work = async {
        if command.serves {
            running.settled().await?;
        }
        let binding = running.registry().bind(
            <dyn Command as Service>::DECLARATION.id,
            <dyn Command as Service>::DECLARATION.major,
            Some(&command.plugin),
        )?;
        let commands = <dyn Command as Service>::client(Remote::new(binding.service));
        let invocation = Invocation {
            command: command.command,
            arguments: Json::of(&command.arguments)?,
            globals: Json::of(&command.globals)?,
            interactive: rustix::termios::isatty(rustix::stdio::stderr()),
            stdout_is_terminal: stdio::is_terminal(),
        };
        Call::root().scope(commands.run(invocation)).await
    };
    tokio::select! {
        result = work => exit_code(&name, result),
        number = signalled() => {
            tokio::spawn(async {
                leave_at_once(signalled().await);
            });
            // To be told to stop is how what serves comes to its end.
            if serves { 0 } else { SIGNAL_EXIT + number }
        }
    }
}

fn exit_code(command: &str, result: Result<u8>) -> u8 {
    match result {
        Ok(code) => code,
        Err(error) if error.reason.as_deref() == Some("stdout.closed") => SIGNAL_EXIT + 13,
        Err(error) => {
            eprintln!("error: {}", describe(&error));
            tracing::debug!(command, code = %error.code, "the command failed");
            error.code.exit_code()
        }
    }
}

fn describe(error: &Error) -> String {
    let mut text = error.full_message();
    if let Some(reason) = &error.reason {
        text.push_str(&format!(" [{reason}]"));
    }
    text
}

/// Waits for SIGINT or SIGTERM; gives its number.
fn signalled() -> impl Future<Output = u8> {
    let interrupts = signal(SignalKind::interrupt());
    let terminations = signal(SignalKind::terminate());
    async move {
        let (Ok(mut interrupts), Ok(mut terminations)) = (interrupts, terminations) else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupts.recv() => 2,
            _ = terminations.recv() => 15,
        }
    }
}

#[allow(clippy::exit, reason = "the user has asked twice, so nothing is waited for")]
fn leave_at_once(signal: u8) {
    std::process::exit((SIGNAL_EXIT + signal).into());
}
