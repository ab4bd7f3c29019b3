//! Cases.
use super::Case;
pub(super) fn cases() -> Vec<Case> {
    Vec::new()
}
/// x
pub struct Uncontained;
/// x
pub fn uncontained() -> Vec<Uncontained> {
    Vec::new()
}
