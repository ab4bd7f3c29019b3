//! The host: loads, binds, supervises and stops plugins, and knows none of them by name.
//!
//! Read in this order: a command line ([`cli`]) and layers of configuration ([`config`]) say which
//! plugins there are; [`discovery`] finds their files and [`manifest`] reads what they declare;
//! [`plan`] decides what is loaded and who provides what to whom; [`trust`] opens the files.

#![allow(clippy::result_large_err, reason = "a diagnostic ends the program, whatever its size")]

pub mod cli;
pub mod config;
pub mod diagnostic;
pub mod discovery;
pub mod latent;
pub mod lifecycle;
pub mod load;
pub mod logging;
pub mod manifest;
pub mod placement;
pub mod plan;
pub mod registry;
pub mod report;
pub mod run;
pub mod stdio;
pub mod trust;
pub mod view;
