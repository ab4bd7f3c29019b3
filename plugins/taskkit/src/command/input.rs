//! The input of a task, from where the command line says it is.

use std::io::Read;
use std::path::Path;

use ratchet_plugin_api::model::Json;
use ratchet_plugin_api::{Error, Result};

use super::blocking;

/// Stands for standard input.
const STDIN: &str = "-";

/// Bytes an input may have.
const MAX_BYTES: u64 = 64 << 20;

/// The input given as text (`--input-json`) or as a file (`--input-file`), `-` being standard
/// input for both; `{}` if there is none.
pub(super) async fn read(json: Option<String>, file: Option<std::path::PathBuf>) -> Result<Json> {
    match (json, file) {
        (None, None) => Ok(Json::from_trusted("{}")),
        (Some(_), Some(_)) => {
            Err(Error::invalid("both --input-json and --input-file are given; give one"))
        }
        (Some(text), None) if text != STDIN => parse("--input-json", text),
        (None, Some(file)) if file.as_os_str() != STDIN => {
            blocking(move || parse(&format!("`{}`", file.display()), read_file(&file)?)).await
        }
        (_, _) => {
            blocking(|| {
                let what = "standard input";
                parse(what, limited(what, std::io::stdin().lock())?)
            })
            .await
        }
    }
}

fn read_file(file: &Path) -> Result<String> {
    let shown = file.display();
    let opened = std::fs::File::open(file)
        .map_err(|error| Error::invalid(format!("--input-file cannot read `{shown}`: {error}")))?;
    limited(&format!("`{shown}`"), opened)
}

fn limited(what: &str, source: impl Read) -> Result<String> {
    let mut bytes = Vec::new();
    source
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::invalid(format!("cannot read {what}: {error}")))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::invalid(format!(
            "{what} is larger than 64 MiB, too large for an input"
        )));
    }
    String::from_utf8(bytes).map_err(|_| Error::invalid(format!("{what} is not UTF-8 text")))
}

fn parse(what: &str, text: String) -> Result<Json> {
    Json::parse(text).map_err(|error| {
        let hint = "an input is JSON such as '{\"num1\": 5}'";
        Error::invalid(format!("{what} is {}; {hint}", error.message))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_input_is_text_or_a_file_or_nothing() {
        assert_eq!(read(None, None).await.unwrap().as_str(), "{}");
        assert_eq!(read(Some("[1]".into()), None).await.unwrap().as_str(), "[1]");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("input.json");
        std::fs::write(&file, "{\"a\": 1}\n").unwrap();
        let json = read(None, Some(file)).await.unwrap();
        assert_eq!(json.as_str().trim_end(), "{\"a\": 1}");
    }

    #[tokio::test]
    async fn what_is_wrong_is_said() {
        let error = read(Some("{num1: 5}".into()), None).await.unwrap_err();
        assert!(error.message.starts_with("--input-json is not valid JSON: "), "{error}");
        assert!(error.message.contains("line 1 column 2"), "{error}");
        let error = read(None, Some("no/such.json".into())).await.unwrap_err();
        assert!(error.message.contains("`no/such.json`"), "{error}");
        let error = read(Some("1".into()), Some("x".into())).await.unwrap_err();
        assert!(error.message.contains("give one"), "{error}");
    }
}
