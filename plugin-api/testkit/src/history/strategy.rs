//! Making histories up.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use ratchet_plugin_api::model::Priority;

use super::command::{Command, Draft, Ending, History, LIMITERS, TASKS};

/// Histories of up to so many commands.
pub fn histories(longest: usize) -> impl Strategy<Value = History> {
    vec(command(), 1..=longest)
}

/// The history of this seed: the same one each time.
pub fn generate(seed: u64, longest: usize) -> History {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    histories(longest).new_tree(&mut runner).map(|tree| tree.current()).unwrap_or_default()
}

fn priority() -> impl Strategy<Value = Priority> {
    prop_oneof![
        Just(Priority::Low),
        Just(Priority::Normal),
        Just(Priority::High),
        Just(Priority::Critical)
    ]
}

/// Mostly none.
fn seldom<S: Strategy>(some: S) -> impl Strategy<Value = Option<S::Value>> {
    option::weighted(0.2, some)
}

fn draft() -> impl Strategy<Value = Draft> {
    let when = prop_oneof![4 => Just(0_u8), 1 => 1..5_u8];
    let needs = prop_oneof![3 => Just(Vec::new()), 1 => vec(0..40_usize, 1..3)];
    let limiter = option::weighted(0.4, 0..LIMITERS.len() as u8);
    let key = (seldom(0..3_u8), option::of(1..6_u8));
    (0..TASKS, priority(), when, key, limiter, needs, any::<bool>()).prop_map(
        |(task, priority, minutes, (key, window), limiter, depends_on, runs_after_failure)| Draft {
            task,
            priority,
            minutes,
            key,
            window,
            limiter,
            depends_on,
            runs_after_failure,
        },
    )
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        4 => Just(Ending::Completed),
        2 => Just(Ending::Failed),
        2 => (0..4_u8).prop_map(Ending::Retry),
        2 => Just(Ending::Crash),
        1 => Just(Ending::Cancelled),
        1 => Just(Ending::Released),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let accept = (vec(draft(), 1..5), any::<bool>(), seldom(0..4_usize), seldom(0..12_u64));
    let accept = accept.prop_map(|(jobs, atomic, claim_for, max_waiting)| Command::Accept {
        jobs,
        atomic,
        claim_for,
        max_waiting,
    });
    let abandoned = (vec(draft(), 1..3), any::<u8>())
        .prop_map(|(jobs, patience)| Command::AcceptAbandoned { jobs, patience });
    let pauses = || option::of(1..4_u8);
    prop_oneof![
        12 => accept,
        1 => abandoned,
        12 => (0..4_usize, 0..6_u32).prop_map(|(host, max)| Command::Claim { host, max }),
        12 => vec((0..60_usize, ending()), 1..5).prop_map(Command::Settle),
        1 => (0..60_usize, any::<u8>())
            .prop_map(|(attempt, patience)| Command::SettleAbandoned { attempt, patience }),
        3 => (0..40_usize).prop_map(Command::Cancel),
        2 => (0..40_usize).prop_map(Command::Replay),
        2 => (0..40_usize, priority(), option::of(0..4_u8))
            .prop_map(|(job, priority, minutes)| Command::Patch { job, priority, minutes }),
        1 => pauses().prop_map(Command::Pause),
        1 => Just(Command::Resume),
        1 => (0..TASKS, pauses()).prop_map(|(task, minutes)| Command::PauseTask(task, minutes)),
        1 => (0..TASKS).prop_map(Command::ResumeTask),
        2 => (0..TASKS, option::weighted(0.7, Just(())))
            .prop_map(|(task, on)| Command::Enable(task, on.is_some())),
        4 => Just(Command::Enter),
        5 => (0..4_usize).prop_map(Command::Renew),
        1 => (0..4_usize).prop_map(Command::Leave),
        5 => (1..4_u8).prop_map(Command::Pass),
        1 => Just(Command::Restart),
    ]
}
