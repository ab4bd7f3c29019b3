//! Why a worker process ended, told from its exit status and its last words.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use ratchet_plugin_api::{Code, Error};

/// What a Rust program writes when an allocation fails, before it aborts.
const OUT_OF_MEMORY: &str = "memory allocation of";

/// What it writes when the stack of a thread it knows is used up.
const STACK_OVERFLOW: &str = "has overflowed its stack";

/// The signal of a touch at memory that is not there. In a thread of a plugin, whose copy of std
/// has no handler, that is all there is to see of a used-up stack; safe Rust knows no other cause.
const SIGSEGV: i32 = 11;

/// What it writes when it panics, before less telling lines.
const PANIC: &str = "panicked at";

/// The error of the calls a worker was answering when it ended.
pub(super) fn explain(status: Option<ExitStatus>, last_words: &[String]) -> Error {
    let said = |what: &str| last_words.iter().any(|line| line.contains(what));
    if said(OUT_OF_MEMORY) {
        return Error::new(Code::LimitExceeded, "the worker reached its memory limit")
            .with_reason("limit.memory");
    }
    if said(STACK_OVERFLOW) || status.and_then(|it| it.signal()) == Some(SIGSEGV) {
        return Error::new(Code::LimitExceeded, "the worker's stack was used up")
            .with_reason("limit.recursion");
    }
    let how = match status {
        None => "ended".to_owned(),
        Some(status) => match (status.signal(), status.code()) {
            (Some(signal), _) => format!("was ended by {}", signal_name(signal)),
            (None, Some(code)) => format!("ended with exit code {code}"),
            (None, None) => "ended".to_owned(),
        },
    };
    let mut error =
        Error::unavailable(format!("the worker process {how}")).with_reason("run.worker_lost");
    let telling = last_words.iter().rev().find(|line| line.contains(PANIC));
    let last = last_words.iter().rev().find(|line| !line.trim().is_empty());
    if let Some(line) = telling.or(last) {
        error.chain.push(format!("it last said: {line}"));
    }
    error
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_tell_the_limit() {
        let words = vec!["memory allocation of 1073741824 bytes failed".to_owned()];
        let error = explain(Some(ExitStatus::from_raw(6)), &words);
        assert_eq!(error.code, Code::LimitExceeded);
        assert_eq!(error.reason.as_deref(), Some("limit.memory"));
    }

    #[test]
    fn a_segmentation_fault_is_a_used_up_stack() {
        let error = explain(Some(ExitStatus::from_raw(11)), &[]);
        assert_eq!(error.reason.as_deref(), Some("limit.recursion"));
    }

    #[test]
    fn a_signal_is_named() {
        let error = explain(Some(ExitStatus::from_raw(9)), &[]);
        assert_eq!(error.message, "the worker process was ended by SIGKILL");
        assert_eq!(error.reason.as_deref(), Some("run.worker_lost"));
    }
}
