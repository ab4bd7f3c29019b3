//! What JavaScript engine plugins share.
