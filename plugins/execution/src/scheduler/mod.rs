//! Makes jobs at their time.
