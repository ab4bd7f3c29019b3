//! JSON given to a command: as text, in a file, or on standard input.

use std::io::Read;
use std::path::PathBuf;

use ratchet_plugin_api::model::Json;
use ratchet_plugin_api::{Error, Result};

/// Stands for standard input.
const STDIN: &str = "-";

/// Bytes a document may have.
const MAX_BYTES: u64 = 64 << 20;

/// The input given by `--input-json` or `--input-file`; none if there is none.
///
/// # Errors
/// `Invalid`, naming the option.
pub(super) async fn optional(json: Option<String>, file: Option<PathBuf>) -> Result<Option<Json>> {
    match (json, file) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            Err(Error::invalid("both --input-json and --input-file are given; give one"))
        }
        (Some(text), None) if text != STDIN => parse("--input-json", text).map(Some),
        (Some(_), None) => parse("standard input", text_of(PathBuf::from(STDIN)).await?).map(Some),
        (None, Some(file)) => {
            let what = format!("`{}`", file.display());
            parse(&what, text_of(file).await?).map(Some)
        }
    }
}

/// The same, `{}` if there is none.
pub(super) async fn or_empty(json: Option<String>, file: Option<PathBuf>) -> Result<Json> {
    Ok(optional(json, file).await?.unwrap_or_else(|| Json::from_trusted("{}")))
}

/// The text of a file; `-` is standard input.
///
/// # Errors
/// `Invalid`, naming the file.
pub(super) async fn text_of(file: PathBuf) -> Result<String> {
    let read = move || {
        if file.as_os_str() == STDIN {
            return limited("standard input", std::io::stdin().lock());
        }
        let shown = format!("`{}`", file.display());
        let opened = std::fs::File::open(&file)
            .map_err(|error| Error::invalid(format!("cannot read {shown}: {error}")))?;
        limited(&shown, opened)
    };
    tokio::task::spawn_blocking(read)
        .await
        .unwrap_or_else(|error| Err(Error::internal(format!("reading was broken off: {error}"))))
}

fn limited(what: &str, source: impl Read) -> Result<String> {
    let mut text = String::new();
    source
        .take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| Error::invalid(format!("cannot read {what}: {error}")))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(Error::invalid(format!("{what} is larger than 64 MiB")));
    }
    Ok(text)
}

fn parse(what: &str, text: String) -> Result<Json> {
    Json::parse(text).map_err(|error| {
        let hint = "an input is JSON such as '{\"num1\": 5}'";
        Error::invalid(format!("{what} is {}; {hint}", error.message))
    })
}
