//! The body of an answer, decoded, up to a limit.

use bytes::Bytes;
use ratchet_plugin_api::{Code, Error, Result};

use crate::exchange::Deadline;
use crate::failure;

/// Most bytes set aside on the word of a server before it has sent them.
const MOST_RESERVED: u64 = 1 << 20;

/// Reads a body piece by piece. What a compressed body unfolds into is counted as it unfolds, so a
/// small answer that would become a huge one is cut off at the limit.
pub(crate) struct BodyReader {
    response: reqwest::Response,
    origin: String,
    read: u64,
    most: u64,
    deadline: Deadline,
}

impl BodyReader {
    /// # Errors
    /// `LimitExceeded` when the server announces more than `most` bytes.
    pub(crate) fn new(response: reqwest::Response, most: u64, deadline: Deadline) -> Result<Self> {
        let origin = failure::origin(response.url());
        let reader = Self { response, origin, read: 0, most, deadline };
        match reader.response.content_length() {
            Some(announced) if announced > most => Err(reader.too_large()),
            _ => Ok(reader),
        }
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// `Timeout`, `LimitExceeded`, or `Unavailable` when the body breaks off or cannot be decoded.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>> {
        let Self { response, origin, deadline, .. } = self;
        let chunk =
            async { response.chunk().await.map_err(|error| failure::of_body(origin, error)) };
        let Some(chunk) = deadline.limit(origin, chunk).await? else {
            return Ok(None);
        };
        self.read += chunk.len() as u64;
        if self.read > self.most {
            return Err(self.too_large());
        }
        Ok(Some(chunk))
    }

    /// All of it.
    ///
    /// # Errors
    /// Those of [`BodyReader::next`].
    pub(crate) async fn collect(&mut self) -> Result<Bytes> {
        let Some(first) = self.next().await? else {
            return Ok(Bytes::new());
        };
        let Some(second) = self.next().await? else {
            return Ok(first);
        };
        let announced = self.response.content_length().unwrap_or_default();
        let mut body = Vec::with_capacity(announced.min(MOST_RESERVED) as usize);
        body.extend_from_slice(&first);
        body.extend_from_slice(&second);
        while let Some(chunk) = self.next().await? {
            body.extend_from_slice(&chunk);
        }
        Ok(body.into())
    }

    fn too_large(&self) -> Error {
        let (origin, most) = (&self.origin, self.most);
        let message = format!("the answer of {origin} has more than the {most} bytes allowed");
        Error::new(Code::LimitExceeded, message).with_reason("http.body")
    }
}
