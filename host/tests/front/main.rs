//! The front half of the host as its users see it: from files, variables and arguments to a plan
//! or to words. No plugin is loaded here; their manifests are written out.

mod arguments;
mod configuration;
mod documentation;
mod files;
mod log;
mod plans;
mod taken;
mod world;
