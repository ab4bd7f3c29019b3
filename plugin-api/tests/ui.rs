//! What the macros say to an author who made a mistake.
//!
//! `TRYBUILD=overwrite cargo test -p ratchet-plugin-api --test ui` accepts new wording.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
