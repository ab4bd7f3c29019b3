//! Makes jobs at their time.

mod cron;
mod field;
mod timing;
