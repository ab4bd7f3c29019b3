//! The one error type of every call.
//!
//! Where errors come from: a provider returns one, the waist makes one (a panic, a deadline, a
//! withdrawn provider), or a boundary (HTTP, shell) maps one to its own status. There is a single
//! list of codes, it only grows, and each surface renders it through the table in [`Code`], so a
//! failure reads the same over REST, GraphQL, MCP and the shell.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What every fallible function of the waist returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, http $http:literal, exit $exit:literal;)*) => {
        /// What kind of failure happened. Stable: a code is never renamed, and callers must expect
        /// codes newer than themselves (they decode as [`Code::Internal`]).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The stable name used on the wire and in every API, such as `not_found`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// The HTTP status a REST surface answers with.
            pub const fn http_status(self) -> u16 {
                match self { $(Code::$name => $http,)* }
            }

            /// The exit code of a shell command that ends with this error.
            pub const fn exit_code(self) -> u8 {
                match self { $(Code::$name => $exit,)* }
            }

            /// The code named `text`; an unknown name is a code of a newer version: `Internal`.
            pub fn from_name(text: &str) -> Code {
                match text { $($text => Code::$name,)* _ => Code::Internal }
            }
        }
    };
}

codes! {
    /// The request itself is wrong; sending it again cannot help.
    Invalid = "invalid", http 422, exit 2;
    /// The thing named does not exist.
    NotFound = "not_found", http 404, exit 1;
    /// The request contradicts the present state, such as a version that moved on.
    Conflict = "conflict", http 409, exit 1;
    /// Something this needs cannot be reached now; trying later may help.
    Unavailable = "unavailable", http 503, exit 1;
    /// The deadline passed first.
    Timeout = "timeout", http 504, exit 1;
    /// The caller, or an operator, gave the work up.
    Cancelled = "cancelled", http 499, exit 1;
    /// The provider of the service was withdrawn.
    Gone = "gone", http 503, exit 1;
    /// The provider does not offer this operation.
    Unsupported = "unsupported", http 501, exit 1;
    /// Policy or permission forbids it.
    Denied = "denied", http 403, exit 1;
    /// A limit on size, rate, memory or depth was reached.
    LimitExceeded = "limit_exceeded", http 429, exit 1;
    /// A plugin panicked; the panic was contained and cost this call only.
    Panicked = "panicked", http 500, exit 1;
    /// A fault of ours.
    Internal = "internal", http 500, exit 1;
    /// The configuration is wrong; nothing was started.
    Configuration = "configuration", http 500, exit 78;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Code::from_name(&String::deserialize(deserializer)?))
    }
}

/// A failure: what kind, what happened in words, and what caused it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    /// What kind of failure this is.
    pub code: Code,
    /// One sentence for a person: what was wrong, where, and what would be right.
    pub message: String,
    /// A stable identifier finer than the code, such as `limit.memory`, for programs that react
    /// to one cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The messages of the underlying causes, nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<String>,
    /// When set, trying again after this many milliseconds may succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Error {
    /// An error of kind `code` that reads `message`.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            reason: None,
            chain: Vec::new(),
            retry_after_ms: None,
        }
    }

    /// Shorthand for [`Code::Invalid`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::Invalid, message)
    }

    /// Shorthand for [`Code::NotFound`].
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    /// Shorthand for [`Code::Unavailable`].
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, message)
    }

    /// Shorthand for [`Code::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, message)
    }

    /// Names the exact cause for programs, such as `limit.memory`.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Says that trying again after `milliseconds` may succeed.
    #[must_use]
    pub fn retry_after_ms(mut self, milliseconds: u64) -> Self {
        self.retry_after_ms = Some(milliseconds);
        self
    }

    /// Puts `message` in front, keeping the present message as the cause.
    #[must_use]
    pub fn context(mut self, message: impl Into<String>) -> Self {
        self.chain.insert(0, std::mem::replace(&mut self.message, message.into()));
        self
    }

    /// Wraps any error as `code` under `message`, keeping its whole chain of causes.
    pub fn wrap(code: Code, message: impl Into<String>, cause: &dyn std::error::Error) -> Self {
        let mut error = Self::new(code, message);
        let mut next = Some(cause);
        while let Some(cause) = next {
            error.chain.push(cause.to_string());
            next = cause.source();
        }
        error
    }

    /// Message and causes on one line, for logs and terminals.
    pub fn full_message(&self) -> String {
        let mut text = self.message.clone();
        let mut last = self.message.as_str();
        for cause in &self.chain {
            if !last.ends_with(cause.as_str()) {
                text.push_str(": ");
                text.push_str(cause);
            }
            last = cause;
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full_message())
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        let code = match error.kind() {
            std::io::ErrorKind::NotFound => Code::NotFound,
            std::io::ErrorKind::PermissionDenied => Code::Denied,
            std::io::ErrorKind::AlreadyExists => Code::Conflict,
            std::io::ErrorKind::TimedOut => Code::Timeout,
            _ => Code::Unavailable,
        };
        Self::new(code, error.to_string())
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::invalid(error.to_string())
    }
}
