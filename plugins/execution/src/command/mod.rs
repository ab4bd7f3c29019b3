//! The shell commands, one file each, and what they share.
