//! URLs, as the WHATWG URL standard has them.

use serde_json::json;
use url::{Position, Url, form_urlencoded, quirks};

use super::{Arguments, OpError, OpResult};
use crate::engine::ToJs;

pub(crate) fn operate(name: &str, arguments: Arguments<'_>) -> OpResult {
    match name {
        "parse" => {
            let url = parse(arguments.text(0)?, arguments.optional_text(1))?;
            Ok(parts(&url))
        }
        "decode" => {
            let pairs: Vec<(String, String)> =
                form_urlencoded::parse(arguments.text(0)?.as_bytes()).into_owned().collect();
            Ok(ToJs::Json(json!(pairs).to_string()))
        }
        "encode" => {
            let pairs: Vec<(String, String)> = serde_json::from_str(arguments.text(0)?)
                .map_err(|error| OpError::type_error(error.to_string()))?;
            let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            Ok(ToJs::Text(text))
        }
        "set" => set(arguments.text(0)?, arguments.text(1)?, arguments.text(2)?),
        _ => Err(OpError::type_error(format!("there is no host operation `url.{name}`"))),
    }
}

fn parse(text: &str, base: Option<&str>) -> Result<Url, OpError> {
    let invalid = |what: &str, error: url::ParseError| {
        OpError::type_error(format!("Invalid URL: `{what}` ({error})"))
    };
    match base {
        Some(base) => {
            let base = Url::parse(base).map_err(|error| invalid(base, error))?;
            base.join(text).map_err(|error| invalid(text, error))
        }
        None => Url::parse(text).map_err(|error| invalid(text, error)),
    }
}

fn parts(url: &Url) -> ToJs {
    let parts = json!({
        "href": url.as_str(),
        "origin": quirks::origin(url),
        "protocol": quirks::protocol(url),
        "username": url.username(),
        "password": url.password().unwrap_or_default(),
        "host": quirks::host(url),
        "hostname": quirks::hostname(url),
        "port": quirks::port(url),
        "pathname": &url[Position::BeforePath..Position::AfterPath],
        "search": quirks::search(url),
        "hash": quirks::hash(url),
    });
    ToJs::Json(parts.to_string())
}

/// Sets one part of the URL `href`; a value that does not fit leaves it as it is, as the standard
/// says, except for `href` itself.
fn set(href: &str, part: &str, value: &str) -> OpResult {
    let mut url = parse(href, None)?;
    match part {
        "href" => url = parse(value, None)?,
        "protocol" => drop(quirks::set_protocol(&mut url, value)),
        "username" => drop(quirks::set_username(&mut url, value)),
        "password" => drop(quirks::set_password(&mut url, value)),
        "host" => drop(quirks::set_host(&mut url, value)),
        "hostname" => drop(quirks::set_hostname(&mut url, value)),
        "port" => drop(quirks::set_port(&mut url, value)),
        "pathname" => quirks::set_pathname(&mut url, value),
        "search" => quirks::set_search(&mut url, value),
        _ => quirks::set_hash(&mut url, value),
    }
    Ok(parts(&url))
}
