//! Decides what becomes of a schedule whose time has come: a pure function.

use std::time::Duration;

use ratchet_plugin_api::model::{CatchUp, Overlap, Schedule, Timestamp};

use super::timing::Clockwork;

/// Runs made up for at once at most.
pub(super) const MOST_RUNS: usize = 1_000;

/// A run that is later than this was missed. Less is how long a busy or restarting host takes.
const GRACE: Duration = Duration::from_secs(60);

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The times for which jobs are made, oldest first.
    pub(super) runs: Vec<Timestamp>,
    /// The last time that has come, made up for or left out.
    pub(super) last: Timestamp,
    /// The next time to come.
    pub(super) next: Option<Timestamp>,
    /// How the jobs stand to those of earlier runs.
    pub(super) order: Order,
}

/// How new jobs of a schedule stand to those of it that have not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// They run at the same time.
    Beside,
    /// Each waits for the one before it to end, however it does.
    After,
    /// It waits for the others, which are cancelled.
    Instead,
}

/// Decides about a schedule that was due at `due`, at the time `now`; `open` says whether a job of
/// it has not ended.
pub(super) fn plan(
    schedule: &Schedule,
    clockwork: &Clockwork,
    due: Timestamp,
    now: Timestamp,
    open: bool,
) -> Plan {
    let spec = &schedule.spec;
    let last = clockwork.last(due, now);
    let next = clockwork.next(due, last);
    let most = match spec.max_runs {
        Some(all) => usize::try_from(all.saturating_sub(schedule.runs)).unwrap_or(MOST_RUNS),
        None => MOST_RUNS,
    };
    let mut runs: Vec<Timestamp> = match spec.catch_up {
        CatchUp::Skip if now.since(last) > GRACE => Vec::new(),
        CatchUp::Skip | CatchUp::Once => vec![last],
        CatchUp::All => std::iter::successors(Some(due), |time| clockwork.next(due, *time))
            .take_while(|time| *time <= last)
            .take(MOST_RUNS)
            .collect(),
    };
    let order = match spec.overlap {
        Overlap::Allow => Order::Beside,
        Overlap::Skip => {
            // Several at once would overlap each other.
            runs = runs.pop().filter(|_| !open).into_iter().collect();
            Order::Beside
        }
        Overlap::Queue => Order::After,
        Overlap::Replace => {
            runs = runs.pop().into_iter().collect();
            Order::Instead
        }
    };
    runs.truncate(most);
    Plan { runs, last, next, order }
}

#[cfg(test)]
mod tests {
    use ratchet_plugin_api::model::{Id, Json, ScheduleSpec, Timing};

    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-24T{text}Z").parse().unwrap()
    }

    fn schedule(catch_up: CatchUp, overlap: Overlap) -> Schedule {
        let spec = ScheduleSpec {
            name: "hourly".to_owned(),
            description: None,
            task: Id::from_u128(1),
            input: Json::null(),
            timing: Timing::Cron("0 * * * *".to_owned()),
            timezone: "UTC".to_owned(),
            enabled: true,
            priority: None,
            max_runs: None,
            catch_up,
            overlap,
            outputs: Vec::new(),
            metadata: Json::null(),
        };
        Schedule {
            id: Id::from_u128(2),
            number: 1,
            spec,
            task_name: "addition".to_owned(),
            next_run_at: Some(at("01:00:00")),
            last_run_at: None,
            last_job: None,
            runs: 0,
            created_at: at("00:10:00"),
            updated_at: at("00:10:00"),
        }
    }

    fn decide(schedule: &Schedule, now: &str, open: bool) -> Plan {
        let clockwork = Clockwork::new(&schedule.spec.timing, &schedule.spec.timezone).unwrap();
        plan(schedule, &clockwork, at("01:00:00"), at(now), open)
    }

    #[test]
    fn missed_runs_are_made_up_for_as_the_policy_says() {
        let runs = |catch_up, now| {
            let plan = decide(&schedule(catch_up, Overlap::Allow), now, true);
            assert!(plan.last <= at(now) && plan.next.unwrap() > at(now));
            assert_eq!(plan.order, Order::Beside);
            plan.runs
        };
        let table = [
            (CatchUp::Skip, "01:00:00.02", vec![at("01:00:00")]),
            (CatchUp::Skip, "01:00:59", vec![at("01:00:00")]),
            (CatchUp::Skip, "01:01:01", vec![]),
            (CatchUp::Skip, "04:30:00", vec![]),
            (CatchUp::Skip, "04:00:01", vec![at("04:00:00")]),
            (CatchUp::Once, "01:59:59", vec![at("01:00:00")]),
            (CatchUp::Once, "04:30:00", vec![at("04:00:00")]),
            (CatchUp::All, "01:00:00", vec![at("01:00:00")]),
            (CatchUp::All, "03:30:00", vec![at("01:00:00"), at("02:00:00"), at("03:00:00")]),
        ];
        for (catch_up, now, expected) in table {
            assert_eq!(runs(catch_up, now), expected, "{catch_up} at {now}");
        }
    }

    #[test]
    fn overlapping_runs_are_treated_as_the_policy_says() {
        let runs = |overlap, open| {
            let plan = decide(&schedule(CatchUp::All, overlap), "03:30:00", open);
            assert_eq!(plan.last, at("03:00:00"));
            (plan.runs.len(), plan.order)
        };
        assert_eq!(runs(Overlap::Allow, true), (3, Order::Beside));
        assert_eq!(runs(Overlap::Skip, true), (0, Order::Beside));
        assert_eq!(runs(Overlap::Skip, false), (1, Order::Beside));
        assert_eq!(runs(Overlap::Queue, true), (3, Order::After));
        assert_eq!(runs(Overlap::Replace, true), (1, Order::Instead));
    }

    #[test]
    fn runs_have_an_end_and_catching_up_has_a_limit() {
        let mut all = schedule(CatchUp::All, Overlap::Allow);
        all.spec.max_runs = Some(5);
        all.runs = 3;
        assert_eq!(decide(&all, "09:30:00", false).runs, [at("01:00:00"), at("02:00:00")]);
        all.runs = 5;
        assert_eq!(decide(&all, "09:30:00", false).runs, []);
        all.spec.max_runs = None;
        all.spec.timing = Timing::EveryMs(1_000);
        let plan = decide(&all, "09:30:00.5", false);
        assert_eq!((plan.runs.len(), plan.runs[0]), (MOST_RUNS, at("01:00:00")));
        assert_eq!((plan.last, plan.next), (at("09:30:00"), Some(at("09:30:01"))));
    }
}
