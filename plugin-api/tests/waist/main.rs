//! What the waist promises, shown on a service that is exported, called as a remote one and made
//! to misbehave in every way a provider can.

#![allow(clippy::unwrap_used)]

mod calls;
mod cancellation;
mod clerk;
mod panics;
mod slots;
mod streams;
mod versions;
