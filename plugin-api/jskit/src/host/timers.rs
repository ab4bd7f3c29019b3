//! When timers are due. What they call is known to JavaScript alone.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use super::milliseconds;

/// Pending timers, by due time and then by the order they were started in.
#[derive(Default)]
pub(crate) struct Timers {
    due: BTreeSet<(Instant, u32)>,
    by_id: HashMap<u32, Instant>,
    last: u32,
}

impl Timers {
    /// Starts a timer that is due after `wait` milliseconds, and gives its number.
    pub(crate) fn start(&mut self, wait: f64) -> u32 {
        self.last = self.last.wrapping_add(1);
        let due = Instant::now() + milliseconds(wait);
        self.due.insert((due, self.last));
        self.by_id.insert(self.last, due);
        self.last
    }

    pub(crate) fn clear(&mut self, id: u32) {
        if let Some(due) = self.by_id.remove(&id) {
            self.due.remove(&(due, id));
        }
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Removes the next one.
    pub(crate) fn take(&mut self) -> Option<u32> {
        let (_, id) = self.due.pop_first()?;
        self.by_id.remove(&id);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_due_in_order_and_can_be_cleared() {
        let mut timers = Timers::default();
        let late = timers.start(50.0);
        let soon = timers.start(1.0);
        let cleared = timers.start(0.0);
        timers.clear(cleared);
        assert_eq!(timers.take(), Some(soon));
        assert_eq!(timers.take(), Some(late));
        assert_eq!(timers.take(), None);
        assert!(timers.next().is_none());
    }

    #[test]
    fn absurd_waits_are_held_to_a_range() {
        assert_eq!(milliseconds(f64::NAN).as_millis(), 0);
        assert_eq!(milliseconds(-5.0).as_millis(), 0);
        assert_eq!(milliseconds(f64::INFINITY).as_millis(), i32::MAX as u128);
    }
}
