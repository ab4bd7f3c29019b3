//! `ratchet.http-fetcher`: HTTP on behalf of tasks, under an egress policy.

use crate::model::{FetchPart, FetchRequest, FetchResponse};
use crate::{Result, Stream, service};

/// Makes HTTP requests for tasks.
///
/// Errors: `Denied` when the egress policy forbids the address, `Invalid` for a request that
/// cannot be made, `Timeout`, `LimitExceeded` for a body over the cap or too many redirects, and
/// `Unavailable` when the connection fails. An answer of any status is not an error.
#[service(id = "ratchet.http-fetcher", version = "1.0")]
pub trait HttpFetcher {
    /// Makes the request and collects the whole body.
    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse>;

    /// Makes the request and hands the body over as it arrives.
    async fn open(&self, request: FetchRequest) -> Result<Stream<FetchPart>>;
}
