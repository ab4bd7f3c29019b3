//! Text, bytes, randomness and digests.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::{Arguments, OpError, OpResult};
use crate::engine::{ErrorClass, FromJs, ToJs};
use crate::json::check_nesting;

/// What `crypto.getRandomValues` gives at most at once (Web Cryptography API, section 10.1.1).
const MOST_RANDOM: f64 = 65_536.0;

/// `atob` accepts base64 with or without padding (WHATWG Infra, forgiving-base64 decode).
const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

pub(crate) fn operate(group: &str, name: &str, arguments: Arguments<'_>) -> OpResult {
    match (group, name) {
        ("utf8", "encode") => Ok(ToJs::Bytes(arguments.text(0)?.as_bytes().to_vec())),
        ("utf8", "decode") => decode(arguments.bytes(0)?, arguments.flag(1), arguments.flag(2)),
        ("base64", "encode") => encode_base64(arguments.any(0)),
        ("base64", "decode") => decode_base64(arguments.text(0)?),
        ("random", "bytes") => random(arguments.number(0)?),
        ("random", "uuid") => Ok(ToJs::Text(uuid::Uuid::new_v4().to_string())),
        ("json", "parse") => parse_json(arguments.text(0)?),
        ("digest", algorithm) => digest(algorithm, arguments.bytes(0)?),
        _ => Err(OpError::type_error(format!("there is no host operation `{group}.{name}`"))),
    }
}

fn parse_json(text: &str) -> OpResult {
    check_nesting(text).map_err(|reason| OpError::Throw(ErrorClass::Syntax, reason))?;
    Ok(ToJs::Json(text.to_owned()))
}

fn decode(bytes: &[u8], fatal: bool, keep_mark: bool) -> OpResult {
    let bytes = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) if !keep_mark => rest,
        _ => bytes,
    };
    if fatal {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            OpError::type_error(format!("the bytes are not valid UTF-8: {error}"))
        })?;
        return Ok(ToJs::Text(text.to_owned()));
    }
    Ok(ToJs::Text(String::from_utf8_lossy(bytes).into_owned()))
}

/// Takes bytes, or a string each of whose characters stands for one byte.
fn encode_base64(value: &FromJs) -> OpResult {
    let encoded = match value {
        FromJs::Bytes(bytes) => FORGIVING.encode(bytes),
        FromJs::Text(text) => {
            let bytes: Result<Vec<u8>, _> =
                text.chars().map(|c| u8::try_from(u32::from(c))).collect();
            let bytes = bytes.map_err(|_| {
                let message = "btoa takes characters up to U+00FF only; encode other text as \
                               UTF-8 bytes first";
                OpError::Throw(ErrorClass::Error, message.into())
            })?;
            FORGIVING.encode(bytes)
        }
        _ => return Err(OpError::type_error("neither text nor bytes")),
    };
    Ok(ToJs::Text(encoded))
}

fn decode_base64(text: &str) -> OpResult {
    let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = FORGIVING.decode(compact.trim_end_matches('=')).map_err(|error| {
        OpError::Throw(ErrorClass::Error, format!("the text is not valid base64: {error}"))
    })?;
    Ok(ToJs::Text(bytes.into_iter().map(char::from).collect()))
}

fn random(count: f64) -> OpResult {
    if !(0.0..=MOST_RANDOM).contains(&count) {
        let message = format!("at most {MOST_RANDOM} random bytes can be had at once");
        return Err(OpError::Throw(ErrorClass::Range, message));
    }
    let count = count as usize;
    let mut bytes = Vec::with_capacity(count + 16);
    while bytes.len() < count {
        // A version 4 UUID has six fixed bits, in bytes 6 and 8; the others are random.
        let block = uuid::Uuid::new_v4().into_bytes();
        bytes.extend(block[..6].iter().chain(&block[9..]));
    }
    bytes.truncate(count);
    Ok(ToJs::Bytes(bytes))
}

fn digest(algorithm: &str, bytes: &[u8]) -> OpResult {
    Ok(ToJs::Bytes(match algorithm.to_ascii_uppercase().as_str() {
        "SHA-1" => Sha1::digest(bytes).to_vec(),
        "SHA-256" => Sha256::digest(bytes).to_vec(),
        "SHA-384" => Sha384::digest(bytes).to_vec(),
        "SHA-512" => Sha512::digest(bytes).to_vec(),
        _ => {
            return Err(OpError::Throw(
                ErrorClass::Error,
                format!(
                    "there is no digest `{algorithm}`; there is SHA-1, SHA-256, SHA-384, SHA-512"
                ),
            ));
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: OpResult) -> String {
        match value.unwrap() {
            ToJs::Text(text) => text,
            other => panic!("{other:?} is not text"),
        }
    }

    #[test]
    fn base64_is_forgiving_as_in_browsers() {
        assert_eq!(text(decode_base64(" aGk= ")), "hi");
        assert_eq!(text(decode_base64("aGk")), "hi");
        assert!(decode_base64("a*b").is_err());
        assert_eq!(text(encode_base64(&FromJs::Text("h\u{ff}".into()))), "aP8=");
        assert!(encode_base64(&FromJs::Text("€".into())).is_err());
    }

    #[test]
    fn random_bytes_come_in_the_number_asked_for() {
        for count in [0, 1, 12, 13, 26, 65_536] {
            let ToJs::Bytes(bytes) = random(f64::from(count)).unwrap() else { panic!() };
            assert_eq!(bytes.len(), count as usize);
        }
        assert!(random(65_537.0).is_err());
        assert!(random(f64::NAN).is_err());
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        let ToJs::Bytes(bytes) = digest("sha-256", b"abc").unwrap() else { panic!() };
        assert_eq!(bytes[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert!(digest("MD5", b"").is_err());
    }

    #[test]
    fn the_byte_order_mark_is_removed_unless_kept() {
        assert_eq!(text(decode(b"\xef\xbb\xbfa", false, false)), "a");
        assert_eq!(text(decode(b"\xef\xbb\xbfa", true, true)), "\u{feff}a");
        assert_eq!(text(decode(b"a\xff", false, false)), "a\u{fffd}");
        assert!(decode(b"a\xff", true, false).is_err());
    }
}
