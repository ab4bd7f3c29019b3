//! How a record becomes a line.

use std::fmt::Write as _;
use std::time::SystemTime;

use jiff::Timestamp;
use ratchet_plugin_api::abi::LogRecord;
use ratchet_plugin_api::model::Id;
use serde_json::{Map, Value};

use super::Style;
use crate::config::plugin_name;
use crate::config::settings::LogFormat;

const LEVELS: [&str; 6] = ["OFF", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"];

/// Writes the record as one line with its line feed.
pub(super) fn line(style: Style, time: SystemTime, record: &LogRecord, line: &mut String) {
    // A clock before 1677 or after 2262 is no reason to lose a record.
    let time = Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH);
    match style.format {
        LogFormat::Json => json(style, time, record, line),
        _ => text(style, time, record, line),
    }
    line.push('\n');
}

fn level(record: &LogRecord) -> &'static str {
    LEVELS.get(usize::from(record.level)).copied().unwrap_or("TRACE")
}

fn fields(record: &LogRecord) -> Map<String, Value> {
    match serde_json::from_str(&record.fields) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

fn json(style: Style, time: Timestamp, record: &LogRecord, line: &mut String) {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("timestamp", format!("{time:.6}").into());
    put("level", level(record).to_ascii_lowercase().into());
    put("target", record.target.clone().into());
    put("plugin", record.plugin.clone().into());
    if style.location && !record.file.is_empty() {
        put("location", location(record).into());
    }
    let fields = fields(record);
    if style.structured {
        put("message", record.message.clone().into());
        if !fields.is_empty() {
            put("fields", fields.into());
        }
    } else {
        put("message", folded(&record.message, &fields).into());
    }
    if style.context {
        if !record.spans.is_empty() {
            put("spans", record.spans.clone().into());
        }
        if record.trace != 0 {
            put("trace_id", format!("{:032x}", record.trace).into());
        }
        if record.execution != 0 {
            put("execution_id", Id::from_u128(record.execution).to_string().into());
        }
    }
    line.push_str(&Value::Object(object).to_string());
}

/// The message with its fields in brackets behind it.
fn folded(message: &str, fields: &Map<String, Value>) -> String {
    let mut text = message.to_owned();
    for (index, (key, value)) in fields.iter().enumerate() {
        text.push_str(if index == 0 { " (" } else { ", " });
        let _ = write!(text, "{key}: {}", plain(value));
    }
    if !fields.is_empty() {
        text.push(')');
    }
    text
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn text(style: Style, time: Timestamp, record: &LogRecord, line: &mut String) {
    // Writing to a string cannot fail.
    let dim =
        |text: &str| if style.colored { format!("\x1b[2m{text}\x1b[0m") } else { text.into() };
    match style.format {
        LogFormat::Pretty => {
            let time = format!("{time:.3}");
            let time_of_day = time.split_once('T').map_or(time.as_str(), |(_, time)| time);
            let _ = write!(line, "{} ", dim(time_of_day.trim_end_matches('Z')));
        }
        LogFormat::Text => {
            let _ = write!(line, "{} ", dim(&format!("{time:.6}")));
        }
        _ => {}
    }
    let _ = match (style.colored, color(record.level)) {
        (true, color) => write!(line, "\x1b[{color}m{:>5}\x1b[0m ", level(record)),
        (false, _) => write!(line, "{:>5} ", level(record)),
    };
    let _ = write!(line, "{}", dim(&plugin_name(&record.plugin)));
    if style.location {
        let _ = write!(line, " {}", dim(&location(record)));
    }
    let fields = fields(record);
    line.push_str(": ");
    if style.structured {
        one_line(&record.message, line);
        for (key, value) in &fields {
            let _ = write!(line, " {}", dim(&format!("{key}=")));
            quoted(value, line);
        }
    } else {
        one_line(&folded(&record.message, &fields), line);
    }
    if style.context {
        context(record, line, dim);
    }
}

fn context(record: &LogRecord, line: &mut String, dim: impl Fn(&str) -> String) {
    if !record.spans.is_empty() {
        let _ = write!(line, " {}", dim(&format!("in {}", record.spans)));
    }
    if record.execution != 0 {
        let id = Id::from_u128(record.execution);
        let _ = write!(line, " {}", dim(&format!("execution={id}")));
    } else if record.trace != 0 {
        let _ = write!(line, " {}", dim(&format!("trace={:032x}", record.trace)));
    }
}

/// Where in the source a record is written, as far as it says.
fn location(record: &LogRecord) -> String {
    if record.file.is_empty() {
        return record.target.clone();
    }
    format!("{}:{}", record.file, record.line)
}

fn color(level: u8) -> u8 {
    match level {
        1 => 31,
        2 => 33,
        3 => 32,
        4 => 34,
        _ => 35,
    }
}

/// Text with control characters made visible, so that nothing logged can forge a line or speak to
/// the terminal.
fn one_line(text: &str, line: &mut String) {
    for letter in text.chars() {
        if letter.is_control() {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
}

fn quoted(value: &Value, line: &mut String) {
    let text = plain(value);
    let bare = |c: char| !c.is_whitespace() && !c.is_control() && c != '"' && c != '=';
    if !text.is_empty() && text.chars().all(bare) {
        line.push_str(&text);
    } else {
        let _ = write!(line, "{text:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_shows_the_record() {
        let record = LogRecord {
            level: 3,
            plugin: "ratchet.http.fetch".into(),
            target: "ratchet_http_fetch::client".into(),
            file: "src/client.rs".into(),
            line: 7,
            message: "answered\nFORGED".into(),
            fields: r#"{"status":200,"url":"http://a b"}"#.into(),
            spans: "run".into(),
            trace: 0xabc,
            execution: 0x0190_0000_0000_7000_8000_0000_0000_0001,
        };
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_700_000_000_123);
        let mut text = String::new();
        let plain = Style {
            format: LogFormat::Text,
            colored: false,
            structured: true,
            location: false,
            context: true,
        };
        for format in [LogFormat::Pretty, LogFormat::Text, LogFormat::Compact, LogFormat::Json] {
            line(Style { format, ..plain }, time, &record, &mut text);
        }
        line(Style { location: true, context: false, ..plain }, time, &record, &mut text);
        line(Style { structured: false, ..plain }, time, &record, &mut text);
        let folded = Style { structured: false, context: false, format: LogFormat::Json, ..plain };
        line(folded, time, &record, &mut text);
        line(
            Style { colored: true, format: LogFormat::Compact, ..plain },
            time,
            &record,
            &mut text,
        );
        insta::assert_snapshot!(text.replace('\x1b', "ESC"));
    }
}
