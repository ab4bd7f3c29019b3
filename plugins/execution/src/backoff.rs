//! Trying again with growing pauses, where a store or a worker is away for a while.

use std::time::Duration;

/// The first pause.
const FIRST: Duration = Duration::from_millis(50);

/// The longest pause: what comes back is noticed within a second.
const LONGEST: Duration = Duration::from_secs(1);

/// Failures in a row.
#[derive(Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// How many there were.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// It went well.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Counts a failure; gives how long to pause.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        pause
    }

    /// Counts a failure and pauses.
    pub(crate) async fn pause(&mut self) {
        let pause = self.next();
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::default();
        let pauses: Vec<u128> = (0..7).map(|_| backoff.next().as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1_000, 1_000]);
        backoff.reset();
        assert_eq!(backoff.next(), FIRST);
    }
}
