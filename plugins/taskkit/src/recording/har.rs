//! The shape of an HTTP archive: HAR 1.2 (<http://www.softwareishard.com/blog/har-12-spec/>). Names
//! beginning with `_` are ours, as the format allows.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A whole archive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Har {
    pub(super) log: Log,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Log {
    pub(super) version: String,
    #[serde(default)]
    pub(super) creator: Value,
    pub(super) entries: Vec<Entry>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    #[serde(default)]
    pub(super) started_date_time: String,
    /// Milliseconds, as all times of the format.
    #[serde(default)]
    pub(super) time: f64,
    pub(super) request: Request,
    pub(super) response: Response,
    #[serde(default)]
    pub(super) cache: Value,
    #[serde(default)]
    pub(super) timings: Value,
    /// Why there is no response.
    #[serde(rename = "_error", default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    /// The URL that answered, if it is not the one asked.
    #[serde(rename = "_finalUrl", default, skip_serializing_if = "Option::is_none")]
    pub(super) final_url: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) url: String,
    #[serde(default)]
    pub(super) http_version: String,
    #[serde(default)]
    pub(super) cookies: Vec<Value>,
    #[serde(default)]
    pub(super) headers: Vec<Pair>,
    #[serde(default)]
    pub(super) query_string: Vec<Pair>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) post_data: Option<PostData>,
    #[serde(default)]
    pub(super) headers_size: i64,
    #[serde(default)]
    pub(super) body_size: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    /// 0 when there was none.
    pub(super) status: u16,
    #[serde(default)]
    pub(super) status_text: String,
    #[serde(default)]
    pub(super) http_version: String,
    #[serde(default)]
    pub(super) cookies: Vec<Value>,
    #[serde(default)]
    pub(super) headers: Vec<Pair>,
    #[serde(default)]
    pub(super) content: Content,
    #[serde(rename = "redirectURL", default)]
    pub(super) redirect_url: String,
    #[serde(default)]
    pub(super) headers_size: i64,
    #[serde(default)]
    pub(super) body_size: i64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Content {
    #[serde(default)]
    pub(super) size: i64,
    #[serde(default)]
    pub(super) mime_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    /// `base64` where `text` is that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) encoding: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PostData {
    #[serde(default)]
    pub(super) mime_type: String,
    #[serde(default)]
    pub(super) text: String,
    #[serde(rename = "_encoding", default, skip_serializing_if = "Option::is_none")]
    pub(super) encoding: Option<String>,
}

/// A header or a parameter of a query.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) value: String,
}
