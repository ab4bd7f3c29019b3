//! Why a subcommand did not succeed.

use std::fmt::Display;

/// A failure, told to the person at the terminal, and the process's exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Empty where everything was said already.
    pub(crate) message: String,
    pub(crate) exit_code: u8,
}

pub(crate) type Result<T = ()> = std::result::Result<T, Failure>;

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit_code: 1 }
    }

    /// The command line is not understood.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit_code: 2 }
    }
}

/// Says what was being done when an error happened.
pub(crate) trait While<T> {
    fn while_doing(self, what: impl Display) -> Result<T>;
}

impl<T, E: Display> While<T> for std::result::Result<T, E> {
    fn while_doing(self, what: impl Display) -> Result<T> {
        self.map_err(|error| Failure::new(format!("{what}: {error}")))
    }
}
