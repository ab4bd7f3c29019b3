//! Tells the one cause that keeps a job from running.
