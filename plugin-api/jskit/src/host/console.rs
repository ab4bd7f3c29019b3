//! What a run has logged.

use ratchet_plugin_api::model::{Limits, LogLevel, LogLine, Timestamp};

/// The kept lines of log and how much of the limits they use.
#[derive(Default)]
pub(crate) struct LogBook {
    pub(crate) lines: Vec<LogLine>,
    pub(crate) dropped: u64,
    count: u32,
    bytes: u64,
}

impl LogBook {
    /// Whether a further line would be kept.
    pub(crate) fn is_open(&mut self, limits: &Limits) -> bool {
        let open = self.count < limits.log_lines && self.bytes < limits.log_bytes;
        self.dropped += u64::from(!open);
        open
    }

    /// Keeps a line if the limits allow, and gives a copy of it.
    pub(crate) fn write(&mut self, level: &str, message: &str, limits: &Limits) -> Option<LogLine> {
        let bytes = message.len() as u64;
        if self.count >= limits.log_lines || self.bytes.saturating_add(bytes) > limits.log_bytes {
            self.dropped += 1;
            return None;
        }
        self.count += 1;
        self.bytes += bytes;
        let level = match level {
            "error" => LogLevel::Error,
            "warn" => LogLevel::Warn,
            "debug" => LogLevel::Debug,
            "trace" => LogLevel::Trace,
            _ => LogLevel::Info,
        };
        let line = LogLine { time: Timestamp::now(), level, message: message.to_owned() };
        self.lines.push(line.clone());
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_over_a_limit_are_counted_and_dropped() {
        let limits = Limits { log_lines: 3, log_bytes: 10, ..Limits::default() };
        let mut log = LogBook::default();
        assert!(log.write("warn", "12345678", &limits).is_some());
        assert!(log.write("info", "123", &limits).is_none(), "over the bytes");
        assert!(log.write("info", "1", &limits).is_some());
        assert!(log.write("info", "1", &limits).is_some());
        assert!(!log.is_open(&limits));
        assert!(log.write("info", "", &limits).is_none(), "over the lines");
        assert_eq!((log.lines.len(), log.dropped), (3, 3));
        assert_eq!(log.lines[0].level, LogLevel::Warn);
    }
}
