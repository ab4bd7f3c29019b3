//! What crosses between the host and a worker process: length-prefixed frames.
//!
//! A frame is four bytes of length, least significant first, and that many bytes of MessagePack.
//! Both ends are the same binary, so the form needs no versions.

use bytes::{Buf, Bytes, BytesMut};
use ratchet_plugin_api::abi::LogRecord;
use ratchet_plugin_api::{Call, Code, Error, Result};
use serde::{Deserialize, Serialize};

use super::WorkerSetup;

/// The largest frame either end accepts.
const FRAME_BYTES_MAX: usize = 256 << 20;

/// One message. Both ends speak all of it unless noted.
#[derive(Serialize, Deserialize)]
pub(super) enum Frame {
    /// Host to worker, first and once: what to be.
    Setup(Box<WorkerSetup>),
    /// Worker to host, once: the plugin has started, with what the sandbox lacks, or why not.
    Started(Result<Vec<String>, Error>),
    /// Call a method of a target that returns a value.
    Call { id: u64, target: u32, method: String, call: Call, arguments: Bytes },
    /// Call one that returns a stream, perhaps giving it one.
    Open { id: u64, target: u32, method: String, call: Call, arguments: Bytes, input: Option<u64> },
    /// Answers `Call`; also acknowledges a `Cancel`.
    Reply { id: u64, result: Result<Bytes, Error> },
    /// Answers `Open` with the stream's number.
    Opened { id: u64, result: Result<u64, Error> },
    /// Give up a request. It is still answered, when its work has truly ended.
    Cancel { id: u64 },
    /// Pull items of a stream.
    Next { id: u64, stream: u64, most: u32 },
    /// Answers `Next`; the flag says that nothing follows.
    Batch { id: u64, result: Result<(Vec<Bytes>, bool), Error> },
    /// Drop a stream; answered by an empty `Reply` when its work has truly ended.
    Close { id: u64, stream: u64 },
    /// Worker to host: an event for the log.
    Log(Record),
    /// Worker to host: text for standard output.
    Print(Bytes),
    /// Are you there?
    Ping,
    /// I am.
    Pong,
    /// Host to worker: stop the plugin and end.
    Stop,
}

impl Frame {
    /// The number of the call this asks for, if it does.
    pub(super) fn asks(&self) -> Option<u64> {
        match self {
            Self::Call { id, .. } | Self::Open { id, .. } => Some(*id),
            _ => None,
        }
    }
}

/// A [`LogRecord`] in the form in which it crosses.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    level: u8,
    plugin: String,
    target: String,
    file: String,
    line: u32,
    message: String,
    fields: String,
    spans: String,
    trace: (u64, u64),
    execution: (u64, u64),
}

fn split(bits: u128) -> (u64, u64) {
    ((bits >> 64) as u64, bits as u64)
}

fn join((high, low): (u64, u64)) -> u128 {
    (u128::from(high) << 64) | u128::from(low)
}

impl From<LogRecord> for Record {
    fn from(record: LogRecord) -> Self {
        Self {
            level: record.level,
            plugin: record.plugin,
            target: record.target,
            file: record.file,
            line: record.line,
            message: record.message,
            fields: record.fields,
            spans: record.spans,
            trace: split(record.trace),
            execution: split(record.execution),
        }
    }
}

impl From<Record> for LogRecord {
    fn from(record: Record) -> Self {
        Self {
            level: record.level,
            plugin: record.plugin,
            target: record.target,
            file: record.file,
            line: record.line,
            message: record.message,
            fields: record.fields,
            spans: record.spans,
            trace: join(record.trace),
            execution: join(record.execution),
        }
    }
}

/// The bytes of `frame`, length first.
pub(super) fn encode(frame: &Frame) -> Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    // Named fields, because errors leave out what is empty.
    rmp_serde::encode::write_named(&mut bytes, frame)
        .map_err(|error| Error::wrap(Code::Internal, "a frame could not be encoded", &error))?;
    let length = bytes.len() - 4;
    if length > FRAME_BYTES_MAX {
        return Err(Error::new(
            Code::LimitExceeded,
            format!("{length} bytes do not fit a frame of at most {FRAME_BYTES_MAX}"),
        ));
    }
    bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(bytes)
}

/// Takes one whole frame off the front of `buffer`, if there is one.
///
/// # Errors
/// `Invalid` when the bytes are not frames; nothing after them can be read then.
pub(super) fn decode(buffer: &mut BytesMut) -> Result<Option<Frame>> {
    let Some(head) = buffer.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*head) as usize;
    if length > FRAME_BYTES_MAX {
        return Err(Error::invalid(format!("a frame claims {length} bytes")));
    }
    if buffer.len() < 4 + length {
        buffer.reserve(4 + length - buffer.len());
        return Ok(None);
    }
    buffer.advance(4);
    let body = buffer.split_to(length);
    rmp_serde::from_slice(&body)
        .map(Some)
        .map_err(|error| Error::wrap(Code::Invalid, "a frame cannot be read", &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_survives_the_trip_in_pieces() {
        let frame = Frame::Reply { id: 7, result: Ok(Bytes::from_static(b"answer")) };
        let bytes = encode(&frame).unwrap();
        let mut buffer = BytesMut::new();
        for (index, byte) in bytes.iter().enumerate() {
            assert!(decode(&mut buffer).unwrap().is_none(), "complete after {index} bytes");
            buffer.extend_from_slice(&[*byte]);
        }
        match decode(&mut buffer).unwrap() {
            Some(Frame::Reply { id: 7, result: Ok(answer) }) => assert_eq!(&answer[..], b"answer"),
            _ => panic!("another frame came out"),
        }
        assert!(buffer.is_empty());
    }

    #[test]
    fn an_error_with_empty_parts_survives() {
        let error = Error::invalid("wrong");
        let bytes = encode(&Frame::Reply { id: 1, result: Err(error.clone()) }).unwrap();
        match decode(&mut BytesMut::from(&bytes[..])).unwrap() {
            Some(Frame::Reply { result: Err(found), .. }) => assert_eq!(found, error),
            _ => panic!("another frame came out"),
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_it_is_awaited() {
        let mut buffer = BytesMut::from(&u32::MAX.to_le_bytes()[..]);
        assert!(decode(&mut buffer).is_err());
    }
}
