//! The binary form in which arguments, results and errors cross the waist: MessagePack with named
//! fields (<https://github.com/msgpack/msgpack/blob/master/spec.md>). A reader skips fields it does
//! not know and fills in defaults for those it misses, so both sides may be of different versions.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Code, Error, Result};

/// The binary form of `value`.
///
/// # Errors
/// `Internal` if `value` refuses to be serialised, `LimitExceeded` if memory runs out.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    rmp_serde::to_vec_named(value).map_err(|error| {
        if is_out_of_memory(&error) {
            let message = "there is not enough memory left to encode a value";
            return Error::new(Code::LimitExceeded, message).with_reason("limit.memory");
        }
        Error::wrap(Code::Internal, "a value could not be encoded", &error)
    })
}

/// Whether memory that was not there is the cause of `error`: the buffer that values are written to
/// says so instead of ending the process.
fn is_out_of_memory(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.is_some_and(|io| io.kind() == std::io::ErrorKind::OutOfMemory)
    })
}

/// Reads a `T`.
///
/// # Errors
/// `Invalid` if `bytes` are not the binary form of a `T`.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    rmp_serde::from_slice(bytes).map_err(|error| {
        let what = std::any::type_name::<T>();
        Error::wrap(Code::Invalid, format!("not the binary form of {what}"), &error)
    })
}

pub(crate) fn encode_error(error: &Error) -> Vec<u8> {
    encode(error).unwrap_or_else(|_| error.message.clone().into_bytes())
}

pub(crate) fn decode_error(bytes: &[u8]) -> Error {
    decode(bytes).unwrap_or_else(|_| Error::internal(String::from_utf8_lossy(bytes).into_owned()))
}
