//! How much memory a worker process holds, and whether that leaves the next call its share.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

/// A worker may keep one part in so many of the memory it had left when it started. What a call
/// leaves behind beyond that would be missed by the next one.
const KEPT_SHARE: u64 = 4;

/// Bytes that hold all of `/proc/PID/statm`: seven numbers.
const STATM_BYTES: usize = 160;

/// What a process holds, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// In memory now, text and what is shared included.
    pub(super) resident: u64,
    /// Given to it for data, touched or not: what `RLIMIT_DATA` counts.
    pub(super) data: u64,
}

/// Watches the memory of one process.
pub(super) struct Meter {
    /// Kept open, so that it stays this process's whoever is given its number later.
    statm: Option<File>,
    /// Bytes of data it may hold.
    limit: u64,
    /// Bytes of data it held when it had started.
    at_start: AtomicU64,
}

impl Meter {
    /// Watches a process that may hold `limit` bytes of data.
    pub(super) fn new(pid: u32, limit: u64) -> Self {
        // Fails when it has ended already; then there is nothing to watch.
        let statm = File::open(format!("/proc/{pid}/statm")).ok();
        Self { statm, limit, at_start: AtomicU64::new(0) }
    }

    /// What it holds now; none once it has ended.
    pub(super) fn held(&self) -> Option<Held> {
        let mut text = [0; STATM_BYTES];
        let length = self.statm.as_ref()?.read_at(&mut text, 0).ok()?;
        parse(&text[..length])
    }

    /// Takes what it holds now for what it needs to be there at all.
    pub(super) fn started(&self) {
        let data = self.held().map_or(0, |held| held.data);
        self.at_start.store(data, Ordering::Relaxed);
    }

    /// Whether it holds more than it may keep from one call to the next: more than its share of
    /// its limit, or more than `resident_max` bytes in memory, if that is not 0.
    pub(super) fn is_overgrown(&self, resident_max: u64) -> bool {
        let Some(held) = self.held() else { return false };
        let at_start = self.at_start.load(Ordering::Relaxed);
        let grown = held.data.saturating_sub(at_start);
        grown > self.limit.saturating_sub(at_start) / KEPT_SHARE
            || resident_max > 0 && held.resident > resident_max
    }
}

fn parse(statm: &[u8]) -> Option<Held> {
    let text = std::str::from_utf8(statm).ok()?;
    let page = rustix::param::page_size() as u64;
    let mut fields = text.split_ascii_whitespace().skip(1);
    let mut pages = |skipped: usize| fields.nth(skipped)?.parse::<u64>().ok();
    // Total, resident, shared, text, lib, data, dt.
    Some(Held { resident: pages(0)? * page, data: pages(3)? * page })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_numbers_are_read() {
        let page = rustix::param::page_size() as u64;
        let held = parse(b"9 8 7 6 5 4 3\n");
        assert_eq!(held, Some(Held { resident: 8 * page, data: 4 * page }));
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn growth_is_measured_from_the_start() {
        let meter = Meter::new(std::process::id(), u64::MAX);
        meter.started();
        assert!(!meter.is_overgrown(0));
        assert!(meter.is_overgrown(1), "a byte in memory is more than none");
        let held = meter.held().expect("this process lives").data;
        let full = Meter::new(std::process::id(), held);
        assert!(full.is_overgrown(0), "it had nothing at first and holds its limit");
        full.started();
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert!(full.is_overgrown(0), "nothing was left at its start, and it grew");
        drop(block);
    }
}
