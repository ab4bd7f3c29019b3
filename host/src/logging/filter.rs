//! Which records are logged: a level, or a level for each target.

use ratchet_plugin_api::abi::LogRecord;
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

/// Which records are logged.
#[derive(Clone, Debug)]
pub(super) struct Filter(Targets);

impl Filter {
    /// Reads `info`, or `info,ratchet_http_fetch=debug`. A plugin's id stands for its code.
    pub(super) fn parse(directives: &str) -> Result<Self, String> {
        let mut read = Vec::new();
        for directive in directives.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            read.push(match directive.split_once('=') {
                Some((target, level)) => {
                    let target = target.replace(['.', '-'], "_");
                    format!("{target}={}", known_level(level, directives)?)
                }
                None if directive.contains("::") => directive.to_owned(),
                None => known_level(directive, directives)?,
            });
        }
        if read.is_empty() {
            return Err("`logging.level` is empty; write a level such as `info`".into());
        }
        let targets: Targets = read
            .join(",")
            .parse()
            .map_err(|error| format!("`{directives}` is no log level: {error}"))?;
        Ok(Self(targets))
    }

    /// The most verbose level (1 to 5) that any target has; 0 for none.
    pub(super) fn most_verbose(&self) -> u8 {
        let levels = self.0.iter().map(|(_, level)| number(level));
        levels.chain(self.0.default_level().map(number)).max().unwrap_or(0)
    }

    pub(super) fn passes(&self, record: &LogRecord) -> bool {
        level(record.level).is_some_and(|level| self.0.would_enable(&record.target, &level))
    }
}

/// A level's name as the filter wants it: `Targets` would take any other word for a target.
fn known_level(word: &str, directives: &str) -> Result<String, String> {
    let lower = word.trim().to_ascii_lowercase();
    match lower.as_str() {
        "error" | "warn" | "info" | "debug" | "trace" | "off" => Ok(lower),
        "warning" => Ok("warn".into()),
        _ => Err(format!(
            "`{word}` in `{directives}` is no log level; there are error, warn, info, debug, \
             trace and off"
        )),
    }
}

fn number(level: LevelFilter) -> u8 {
    level.into_level().map_or(0, |level| match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    })
}

fn level(number: u8) -> Option<Level> {
    [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE]
        .get(usize::from(number).checked_sub(1)?)
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(level: u8, target: &str) -> LogRecord {
        LogRecord {
            level,
            plugin: String::new(),
            target: target.into(),
            file: "src/client.rs".into(),
            line: 7,
            message: String::new(),
            fields: String::new(),
            spans: String::new(),
            trace: 0,
            execution: 0,
        }
    }

    #[test]
    fn lets_through_what_its_directives_say() {
        let filter = Filter::parse("warn,ratchet.http-fetch=debug").expect("directives");
        assert_eq!(filter.most_verbose(), 4);
        assert!(filter.passes(&record(2, "anything")));
        assert!(!filter.passes(&record(3, "anything")));
        assert!(filter.passes(&record(4, "ratchet_http_fetch::policy")));
        assert!(!filter.passes(&record(5, "ratchet_http_fetch::policy")));
        assert_eq!(Filter::parse("off").expect("a level").most_verbose(), 0);
    }

    #[test]
    fn refuses_words_that_are_no_levels() {
        let wrong = Filter::parse("verbose").expect_err("no level");
        assert!(wrong.starts_with("`verbose` in `verbose` is no log level"), "{wrong}");
        assert!(Filter::parse("info,x=loud").is_err());
        assert!(Filter::parse("").is_err());
    }
}
