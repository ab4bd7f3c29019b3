//! The commands as the host runs them.
