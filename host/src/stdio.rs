//! The process's standard output, which only the host writes to.
//!
//! At start the real standard output is moved to a descriptor of the host's own and descriptor 1 is
//! pointed at standard error. A stray `println!` in a plugin, or in a library it uses, so cannot
//! corrupt a result or a protocol.

use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, OnceLock, PoisonError};

use ratchet_plugin_api::{Code, Error, Result};

static OUTPUT: OnceLock<Mutex<File>> = OnceLock::new();

/// Takes standard output over. Call once, before anything is printed.
///
/// # Errors
/// When no descriptor is left.
pub fn take_over() -> std::io::Result<()> {
    let kept = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    // A second call finds the first one's descriptor in place, and drops its own.
    let _ = OUTPUT.set(Mutex::new(File::from(kept)));
    Ok(())
}

/// Whether the real standard output is a terminal.
pub fn is_terminal() -> bool {
    let output = OUTPUT.get().map(|output| output.lock().unwrap_or_else(PoisonError::into_inner));
    output.is_some_and(|output| rustix::termios::isatty(&*output))
}

/// Writes to the real standard output.
///
/// # Errors
/// `Cancelled` when the reader has closed it, else `Unavailable`.
pub fn print(text: &[u8]) -> Result<()> {
    let Some(output) = OUTPUT.get() else {
        return Err(Error::internal("standard output was not taken over"));
    };
    let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
    output.write_all(text).map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => {
            Error::new(Code::Cancelled, "the reader of standard output has gone")
                .with_reason("stdout.closed")
        }
        _ => Error::wrap(Code::Unavailable, "standard output cannot be written", &error),
    })
}
