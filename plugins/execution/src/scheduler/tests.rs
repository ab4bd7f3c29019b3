//! Schedules on the store in memory, whose clock the tests move.

use std::collections::BTreeSet;
use std::time::Duration;

use ratchet_plugin_api::model::{
    CatchUp, Id, Job, JobStatus, Json, ListQuery, Overlap, Program, Task, TaskDefinition,
};
use ratchet_plugin_api::services::{
    Change, ExecutionStore, JobStore, PutTask, ResultStore, ScheduleStore, TaskStore,
};
use ratchet_testkit::TestHost;
use ratchet_testkit::memory::{Clock, MemoryStore};
use serde_json::Value;

use super::fire::LOOK_AT_LEAST;
use super::*;

/// A store and a host that has it.
struct World {
    host: TestHost,
    store: MemoryStore,
    schedules: Schedules,
}

/// Decides what a job is as simply as can be, and finds the input `"bad"` bad.
struct Plainly(Stores);

impl Prepare for Plainly {
    fn prepare(&self, request: JobRequest) -> BoxFuture<'_, Result<NewJob>> {
        Box::pin(async move {
            if request.input.as_str() == "\"bad\"" {
                return Err(Error::invalid("the input is bad").with_reason("task.invalid_input"));
            }
            let key = request.task.parse().unwrap_or(Key::Name(request.task));
            let task = self.0.tasks()?.get(key).await?;
            Ok(NewJob {
                id: Id::new(),
                task: task.id,
                input: request.input,
                priority: request.priority.unwrap_or(ratchet_plugin_api::model::Priority::Normal),
                delay_ms: 0,
                not_before: None,
                lifetime_ms: None,
                timeout_ms: None,
                retry: Default::default(),
                unique: None,
                limiter: None,
                depends_on: Vec::new(),
                runs_after_failure: false,
                batch: None,
                schedule: None,
                outputs: request.outputs.unwrap_or_default(),
                metadata: request.metadata,
            })
        })
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

impl World {
    /// One with the task `report`, at this time.
    async fn at(now: &str) -> Self {
        Self::on(MemoryStore::with_clock(Clock::stopped_at(at(now)))).await
    }

    async fn on(store: MemoryStore) -> Self {
        let all = Arc::new(store.clone());
        let host = TestHost::new()
            .with::<dyn TaskStore>("", all.clone())
            .with::<dyn JobStore>("", all.clone())
            .with::<dyn ExecutionStore>("", all.clone())
            .with::<dyn ScheduleStore>("", all.clone())
            .with::<dyn ResultStore>("", all);
        let stores = Stores::new(&host.context("ratchet.execution"));
        let schedules = Schedules::new(stores.clone(), Arc::new(Plainly(stores)));
        let world = Self { host, store, schedules };
        world.put_task("report").await;
        world
    }

    async fn put_task(&self, name: &str) -> Task {
        let definition = TaskDefinition {
            id: None,
            name: name.to_owned(),
            label: None,
            version: "1.0.0".to_owned(),
            description: None,
            tags: Vec::new(),
            program: Program {
                entry: "main.js".to_owned(),
                source: "() => 1".to_owned(),
                modules: Default::default(),
            },
            schemas: Default::default(),
            policy: Default::default(),
            tests: Default::default(),
            metadata: Json::null(),
        };
        let put = PutTask { task: None, definition, enabled: None, if_checksum: None, note: None };
        TaskStore::put(&self.store, put).await.unwrap()
    }

    async fn make(&self, change: impl FnOnce(&mut ScheduleRequest)) -> Schedule {
        self.schedules.create(request(change)).await.unwrap()
    }

    fn pass(&self, seconds: u64) {
        self.store.advance(Duration::from_secs(seconds));
    }

    /// Looks as one host does.
    async fn look(&self) -> Duration {
        self.schedules.look_once().await.unwrap()
    }

    async fn schedule(&self, key: &str) -> Schedule {
        ScheduleStore::get(&self.store, key.parse().unwrap()).await.unwrap()
    }

    async fn jobs(&self) -> Vec<Job> {
        let query = ListQuery { limit: 1000, ..ListQuery::default() }.sort_by("number", false);
        JobStore::list(&self.store, query).await.unwrap().items
    }

    /// The times for which jobs were made, in the order they were.
    async fn due(&self) -> Vec<String> {
        self.jobs().await.iter().map(|job| due(job).to_string()).collect()
    }
}

/// The time a job was made for.
fn due(job: &Job) -> Timestamp {
    let metadata: Value = job.metadata.to().unwrap();
    metadata["schedule"]["due"].as_str().unwrap().parse().unwrap()
}

fn request(change: impl FnOnce(&mut ScheduleRequest)) -> ScheduleRequest {
    let mut request = ScheduleRequest {
        name: Some("hourly".to_owned()),
        task: Some("report".to_owned()),
        timing: Some(Timing::Cron("0 * * * *".to_owned())),
        overlap: Some(Overlap::Allow),
        ..ScheduleRequest::default()
    };
    change(&mut request);
    request
}

#[tokio::test]
async fn what_cannot_be_a_schedule_is_refused_with_what_would_be_right() {
    let world = World::at("2026-11-24T10:10:00Z").await;
    world.make(|_| ()).await;
    type Change = fn(&mut ScheduleRequest);
    let table: &[(Change, &str)] = &[
        (|it| it.name = None, "a new schedule needs a name"),
        (|it| it.name = Some(" ".into()), "it is 1 to 100 characters long"),
        (|it| it.name = Some("42".into()), "reads as a number or an id"),
        (|it| it.name = Some("hourly".into()), "there is a schedule `hourly` already"),
        (|it| it.task = None, "a new schedule needs a task"),
        (|it| it.task = Some("raport".into()), "did you mean `report`?"),
        (|it| it.timing = None, "a new schedule needs a timing"),
        (|it| it.timing = Some(Timing::EveryMs(999)), "1 second to 3650 days"),
        (|it| it.timing = Some(Timing::Cron("0 25 * * *".into())), "the hour `25` is wrong"),
        (|it| it.timing = Some(Timing::Cron("0 0 31 2 *".into())), "`0 0 31 2 *` never comes"),
        (|it| it.timezone = Some("Europe/Berln".into()), "did you mean `Europe/Berlin`?"),
        (|it| it.input = Some(Json::from_trusted("\"bad\"")), "the input is bad"),
    ];
    for (change, expected) in table {
        let other = request(|it| {
            it.name = Some("other".to_owned());
            change(it);
        });
        let error = world.schedules.create(other).await.unwrap_err();
        assert!(error.message.contains(expected), "{error} does not say: {expected}");
    }
    let error = world.schedules.next_runs(Key::Number(1), 0).await.unwrap_err();
    assert!(error.message.contains("1 to 1000"), "{error}");
}

#[tokio::test]
async fn a_new_schedule_is_what_was_asked_for_and_usual_otherwise() {
    let world = World::at("2026-11-24T10:10:00Z").await;
    let made = world
        .make(|it| {
            it.overlap = None;
            it.timezone = Some("europe/berlin".to_owned());
            it.max_runs = Some(0);
        })
        .await;
    let spec = &made.spec;
    assert_eq!((spec.timezone.as_str(), spec.enabled), ("Europe/Berlin", true));
    assert_eq!((spec.catch_up, spec.overlap), (CatchUp::Once, Overlap::Skip));
    assert_eq!((spec.input.as_str(), spec.max_runs), ("{}", None));
    assert_eq!(made.next_run_at, Some(at("2026-11-24T11:00:00Z")));
    let disabled = world
        .make(|it| {
            it.name = Some("later".to_owned());
            it.enabled = Some(false);
        })
        .await;
    assert_eq!(disabled.next_run_at, None);
}

#[tokio::test]
async fn a_schedule_makes_a_job_at_each_of_its_times() {
    let world = World::at("2026-11-24T10:10:00Z").await;
    let made = world
        .make(|it| {
            it.input = Some(Json::from_trusted("{\"a\":1}"));
            it.metadata = Some(Json::from_trusted("{\"team\":\"x\"}"));
        })
        .await;
    assert_eq!(world.look().await, LOOK_AT_LEAST);
    world.pass(49 * 60 + 50);
    assert_eq!(world.look().await, Duration::from_secs(10));
    assert_eq!(world.due().await, [""; 0]);
    world.pass(10);
    world.look().await;
    world.look().await;
    world.pass(3_600);
    world.look().await;
    assert_eq!(world.due().await, ["2026-11-24T11:00:00Z", "2026-11-24T12:00:00Z"]);
    let job = world.jobs().await.remove(0);
    assert_eq!((job.schedule, job.input.as_str()), (Some(made.id), "{\"a\":1}"));
    let metadata: Value = job.metadata.to().unwrap();
    assert_eq!((&metadata["team"], &metadata["schedule"]["name"]), (&"x".into(), &"hourly".into()));
    let schedule = world.schedule("hourly").await;
    assert_eq!(schedule.runs, 2);
    assert_eq!(schedule.last_run_at, Some(at("2026-11-24T12:00:00Z")));
    assert_eq!(schedule.next_run_at, Some(at("2026-11-24T13:00:00Z")));
}

#[tokio::test]
async fn three_hosts_take_each_time_once_through_every_change_of_clocks() {
    let zones = [
        "Europe/Berlin",
        "Europe/London",
        "Europe/Dublin",
        "Atlantic/Azores",
        "America/New_York",
        "America/St_Johns",
        "America/Havana",
        "America/Santiago",
        "America/Nuuk",
        "America/Scoresbysund",
        "America/Los_Angeles",
        "America/Halifax",
        "Africa/Casablanca",
        "Africa/Cairo",
        "Asia/Beirut",
        "Asia/Gaza",
        "Australia/Lord_Howe",
        "Australia/Adelaide",
        "Pacific/Chatham",
        "Pacific/Auckland",
        "Antarctica/Troll",
        "Asia/Kolkata",
    ];
    let mut changes = 0;
    for zone in zones {
        let clocks = jiff::tz::TimeZone::get(zone).unwrap();
        let from = timing::inner(at("2026-01-01T00:00:00Z"));
        let moments: Vec<jiff::Timestamp> =
            clocks.following(from).map(|change| change.timestamp()).take(2).collect();
        changes += moments.len();
        for moment in moments {
            let start = Timestamp::from_microseconds(moment.as_microsecond() - 14 * 3_600_000_000);
            let world = World::on(MemoryStore::with_clock(Clock::stopped_at(start))).await;
            for (name, expression) in [("fixed", "30 0-3 * * *"), ("wild", "*/15 * * * *")] {
                world
                    .make(|it| {
                        it.name = Some(name.to_owned());
                        it.timing = Some(Timing::Cron(expression.to_owned()));
                        it.timezone = Some(zone.to_owned());
                    })
                    .await;
            }
            let end = start.after(Duration::from_secs(28 * 3_600));
            let mut expected = BTreeSet::new();
            for name in ["fixed", "wild"] {
                let times =
                    world.schedules.next_runs(Key::Name(name.to_owned()), 1000).await.unwrap();
                expected
                    .extend(times.into_iter().filter(|time| *time <= end).map(|time| (name, time)));
            }
            let hosts: [Schedules; 3] = std::array::from_fn(|_| world.schedules.clone());
            while world.store.clock().now() < end {
                world.pass(5 * 60);
                let looks = hosts.iter().map(Schedules::look_once);
                for look in futures_util::future::join_all(looks).await {
                    look.unwrap();
                }
            }
            let (fixed, wild) = (world.schedule("fixed").await.id, world.schedule("wild").await.id);
            let jobs = world.jobs().await;
            let made: BTreeSet<(&str, Timestamp)> = jobs
                .iter()
                .map(|job| (if job.schedule == Some(fixed) { "fixed" } else { "wild" }, due(job)))
                .collect();
            assert!(jobs.iter().all(|job| [Some(fixed), Some(wild)].contains(&job.schedule)));
            assert_eq!(made, expected, "in {zone} around {moment}");
            assert_eq!(jobs.len(), made.len(), "in {zone} around {moment} a time was taken twice");
        }
    }
    assert!(changes >= 40, "only {changes} changes were looked at");
}

#[tokio::test]
async fn a_clock_that_is_set_does_no_harm() {
    let world = World::at("2026-11-24T10:10:00Z").await;
    world.make(|it| it.timing = Some(Timing::Cron("*/20 * * * *".to_owned()))).await;
    let step = async |seconds: u64| {
        for _ in 0..seconds / 60 {
            world.pass(60);
            world.look().await;
        }
    };
    step(3_600).await;
    world.store.clock().set_back(Duration::from_secs(3_600));
    step(7_200).await;
    // One run makes up for what was jumped over.
    world.pass(3_600);
    world.look().await;
    step(1_800).await;
    let due = world.due().await;
    let times = ["10:20", "10:40", "11:00", "11:20", "11:40", "12:00", "13:00", "13:20", "13:40"];
    assert_eq!(due, times.map(|time| format!("2026-11-24T{time}:00Z")));
}

#[tokio::test]
async fn runs_missed_in_an_outage_are_made_up_for() {
    let world = World::at("2026-11-24T10:10:00Z").await;
    for (name, policy) in [("skip", CatchUp::Skip), ("once", CatchUp::Once), ("all", CatchUp::All)]
    {
        world
            .make(|it| {
                it.name = Some(name.to_owned());
                it.catch_up = Some(policy);
            })
            .await;
    }
    world.pass(3 * 3_600);
    world.look().await;
    let mut runs = Vec::new();
    for name in ["skip", "once", "all"] {
        let schedule = world.schedule(name).await;
        assert_eq!(schedule.next_run_at, Some(at("2026-11-24T14:00:00Z")));
        assert_eq!(schedule.last_run_at, Some(at("2026-11-24T13:00:00Z")));
        runs.push(schedule.runs);
    }
    assert_eq!(runs, [0, 1, 3]);
}

#[tokio::test]
async fn runs_that_overlap_are_treated_as_their_policy_says() {
    let world = World::at("2026-11-24T10:10:00Z").await;
    let policies = [
        ("allow", Overlap::Allow),
        ("skip", Overlap::Skip),
        ("queue", Overlap::Queue),
        ("replace", Overlap::Replace),
    ];
    let mut ids = Vec::new();
    for (name, policy) in policies {
        let made = world.make(|it| {
            it.name = Some(name.to_owned());
            it.overlap = Some(policy);
        });
        ids.push(made.await.id);
    }
    for _ in 0..3 {
        world.pass(3_600);
        world.look().await;
    }
    let jobs = world.jobs().await;
    let of = |index: usize| -> Vec<&Job> {
        jobs.iter().filter(|job| job.schedule == Some(ids[index])).collect()
    };
    let waits = |jobs: &[&Job]| jobs.iter().map(|job| job.waits_for.clone()).collect::<Vec<_>>();
    assert_eq!(waits(&of(0)), [vec![], vec![], vec![]]);
    assert_eq!(waits(&of(1)), [vec![]; 1]);
    let queued = of(2);
    assert_eq!(waits(&queued), [vec![], vec![queued[0].id], vec![queued[0].id, queued[1].id]]);
    let replaced: Vec<JobStatus> = of(3).iter().map(|job| job.status).collect();
    assert_eq!(replaced, [JobStatus::Cancelled, JobStatus::Cancelled, JobStatus::Queued]);
}

#[tokio::test]
async fn a_schedule_ends_with_its_last_run() {
    let world = World::at("2026-11-24T10:10:00Z").await;
    world.make(|it| it.max_runs = Some(2)).await;
    let left = world.schedules.next_runs(Key::Name("hourly".to_owned()), 10).await.unwrap();
    assert_eq!(left.len(), 2);
    for _ in 0..4 {
        world.pass(3_600);
        world.look().await;
    }
    assert_eq!(world.due().await.len(), 2);
    let schedule = world.schedule("hourly").await;
    assert_eq!((schedule.next_run_at, schedule.runs), (None, 2));
    // More runs are more runs from now on.
    let more = ScheduleRequest { max_runs: Some(3), ..ScheduleRequest::default() };
    let schedule = world.schedules.update(Key::Number(1), more).await.unwrap();
    assert_eq!(schedule.next_run_at, Some(at("2026-11-24T15:00:00Z")));
}

#[tokio::test]
async fn changes_take_effect_at_once_and_forget_no_time() {
    let world = World::at("2026-11-24T10:10:00Z").await;
    world.make(|_| ()).await;
    let update = async |change: ScheduleRequest| {
        world.schedules.update(Key::Name("hourly".to_owned()), change).await.unwrap()
    };
    let usual = ScheduleRequest::default;
    // A time that has come when the schedule is changed is taken, and not twice.
    world.pass(50 * 60);
    let described = update(ScheduleRequest { description: Some("x".into()), ..usual() }).await;
    assert_eq!(described.next_run_at, Some(at("2026-11-24T12:00:00Z")));
    world.look().await;
    assert_eq!(world.due().await, ["2026-11-24T11:00:00Z"]);
    // Nothing but a name keeps the time.
    let named = update(ScheduleRequest { name: Some("hourly".into()), ..usual() }).await;
    assert_eq!(named.next_run_at, described.next_run_at);
    let timing = Some(Timing::Cron("30 * * * *".into()));
    let changed = update(ScheduleRequest { timing, ..usual() }).await;
    assert_eq!(changed.next_run_at, Some(at("2026-11-24T11:30:00Z")));
    let disabled = update(ScheduleRequest { enabled: Some(false), ..usual() }).await;
    assert_eq!(disabled.next_run_at, None);
    world.pass(7_200);
    world.look().await;
    assert_eq!(world.due().await.len(), 1);
    let error = world.schedules.trigger(Key::Number(1)).await.unwrap_err();
    assert_eq!((error.code, error.reason.as_deref()), (Code::Conflict, Some("schedule.disabled")));
    let enabled = update(ScheduleRequest { enabled: Some(true), ..usual() }).await;
    assert_eq!(enabled.next_run_at, Some(at("2026-11-24T13:30:00Z")));
    let every = update(ScheduleRequest { timing: Some(Timing::EveryMs(60_000)), ..usual() }).await;
    assert_eq!(every.next_run_at, Some(at("2026-11-24T13:01:00Z")));
}

#[tokio::test]
async fn a_job_can_be_made_by_hand() {
    let world = World::at("2026-11-24T10:10:00Z").await;
    let made = world.make(|_| ()).await;
    let job = world.schedules.trigger(Key::Name("hourly".to_owned())).await.unwrap();
    assert_eq!((job.schedule, job.status), (Some(made.id), JobStatus::Queued));
    assert_eq!(world.schedule("hourly").await.next_run_at, made.next_run_at);
}

#[tokio::test]
async fn one_bad_schedule_keeps_no_other_from_its_time() {
    let world = World::at("2026-11-24T10:10:00Z").await;
    let gone = world.put_task("gone").await;
    world
        .make(|it| {
            it.name = Some("bad".to_owned());
            it.task = Some("gone".to_owned());
        })
        .await;
    world.make(|_| ()).await;
    let broken = ScheduleStore::get(&world.store, Key::Name("bad".to_owned())).await.unwrap();
    let spec = ratchet_plugin_api::model::ScheduleSpec {
        name: "broken".to_owned(),
        timezone: "Atlantis/Capital".to_owned(),
        ..broken.spec
    };
    ScheduleStore::create(&world.store, spec, Some(at("2026-11-24T10:30:00Z"))).await.unwrap();
    TaskStore::remove(&world.store, Key::Id(gone.id)).await.unwrap();
    world.pass(3_600);
    world.look().await;
    assert_eq!(world.due().await, ["2026-11-24T11:00:00Z"]);
    assert_eq!(world.schedule("bad").await.next_run_at, Some(at("2026-11-24T12:00:00Z")));
    assert_eq!(world.schedule("broken").await.next_run_at, None);
}

#[tokio::test]
async fn a_disabled_task_costs_no_run_of_a_schedule_that_has_few() {
    let world = World::at("2026-11-24T10:10:00Z").await;
    world.make(|it| it.max_runs = Some(1)).await;
    TaskStore::enable(&world.store, Key::Name("report".to_owned()), false).await.unwrap();
    world.pass(3_600);
    world.look().await;
    TaskStore::enable(&world.store, Key::Name("report".to_owned()), true).await.unwrap();
    world.pass(3_600);
    world.look().await;
    assert_eq!(world.due().await, ["2026-11-24T12:00:00Z"]);
    assert_eq!(world.schedule("hourly").await.next_run_at, None);
}

#[tokio::test]
async fn a_host_acts_on_what_another_changes_without_being_asked() {
    let world = World::at("2026-11-24T10:10:00Z").await;
    world.make(|_| ()).await;
    let mut changes = JobStore::changes(&world.store).await.unwrap();
    let running = tokio::spawn(world.schedules.clone().run(world.host.context("another")));
    // Whichever comes first, the look of the new host or the news of the change, the job is made.
    world.pass(3_600);
    let request = ScheduleRequest { description: Some("x".into()), ..ScheduleRequest::default() };
    ScheduleStore::update(
        &world.store,
        Key::Number(1),
        world.schedules.changed_spec(&world.schedule("hourly").await, request).await.unwrap(),
        Some(at("2026-11-24T11:00:00Z")),
    )
    .await
    .unwrap();
    while !matches!(changes.next().await.unwrap().unwrap(), Change::Ready) {}
    assert_eq!(world.due().await, ["2026-11-24T11:00:00Z"]);
    world.host.stop();
    running.await.unwrap();
}

#[tokio::test]
async fn times_can_be_seen_before_there_is_a_schedule() {
    let world = World::at("2026-03-28T20:00:00Z").await;
    let times = world
        .schedules
        .preview(Timing::Cron("30 2 * * *".into()), "Europe/Berlin".into(), 3, None)
        .await
        .unwrap();
    let times: Vec<String> = times.iter().map(ToString::to_string).collect();
    // At 02:00 of the 29th clocks go to 03:00.
    assert_eq!(times, ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z"]);
    let every = Timing::EveryMs(90_000);
    let times = world.schedules.preview(every, "UTC".into(), 2, None).await.unwrap();
    assert_eq!(times[1], at("2026-03-28T20:03:00Z"));
}
