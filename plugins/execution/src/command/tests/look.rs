//! How things look to people, at a time that stands still.

use ratchet_plugin_api::model::{
    CatchUp, Execution as Run, ExecutionStatus, Hold, JobStatus, Listing, Overlap, Pause, Priority,
    Progress, RetryPolicy, Schedule, ScheduleSpec, StackFrame, Timing, Violation,
};
use ratchet_plugin_api::services::{DatabaseStatus, SourceStatus};

use super::*;
use crate::command::clock::Clock;
use crate::command::serve::{Ready, line};
use crate::command::style::Style;
use crate::command::{View, job, show};

fn at(text: &str) -> Timestamp {
    format!("2026-11-24T{text}Z").parse().unwrap()
}

fn view(world: &World) -> View {
    View {
        context: world.host.context("test"),
        style: Style::PLAIN,
        clock: Clock::fixed("2026-11-24T10:00:00Z", "Europe/Berlin").unwrap(),
        json: false,
    }
}

fn id(number: u128) -> Id {
    Id::from_u128(number)
}

/// A job as it was added.
fn added(number: i64) -> Job {
    Job {
        id: id(number as u128),
        number,
        task: id(100),
        task_name: "addition".to_owned(),
        status: JobStatus::Queued,
        hold: Hold::None,
        priority: Priority::Normal,
        input: Json::from_trusted("{\"num1\": 1}"),
        execution: id(200),
        attempt: 0,
        crashes: 0,
        retry: RetryPolicy::default(),
        timeout_ms: None,
        limiter: None,
        unique_key: None,
        waits_for: Vec::new(),
        batch: None,
        schedule: None,
        host: None,
        cancelling: false,
        error: None,
        output: None,
        outputs: Vec::new(),
        metadata: Json::null(),
        queued_at: at("09:30:00"),
        run_at: at("09:30:00"),
        expires_at: None,
        started_at: None,
        finished_at: None,
    }
}

fn failure() -> TaskError {
    TaskError {
        stack: vec![StackFrame {
            function: String::new(),
            file: "main.js".to_owned(),
            line: 3,
            column: 7,
        }],
        violations: vec![Violation {
            path: "/num1".to_owned(),
            schema_path: "/type".to_owned(),
            message: "\"x\" is not a number".to_owned(),
        }],
        causes: vec!["NetworkError: refused".to_owned()],
        ..error("x is undefined\nand more \u{1b}[2J")
    }
}

#[tokio::test]
async fn jobs() {
    let world = World::new().await;
    let view = view(&world);
    let items = vec![
        Job {
            status: JobStatus::Completed,
            attempt: 1,
            started_at: Some(at("09:59:00")),
            finished_at: Some(at("09:59:01")),
            output: Some(Json::from_trusted("{\"sum\": 3}")),
            ..added(1)
        },
        Job {
            status: JobStatus::Retrying,
            hold: Hold::NotBefore,
            attempt: 2,
            crashes: 1,
            run_at: at("12:30:00"),
            error: Some(failure()),
            ..added(2)
        },
        Job { priority: Priority::Critical, waits_for: vec![id(1), id(2)], ..added(30) },
    ];
    let shown = show::job(&items[1], &view);
    let some = show::jobs(&Listing { items, total: Some(123) }, &view);
    let none = show::jobs(&Listing { items: Vec::new(), total: Some(123) }, &view);
    insta::assert_snapshot!(format!("{some}\n{none}\n{shown}"));
}

#[tokio::test]
async fn executions() {
    let world = World::new().await;
    let view = view(&world);
    let failed = Run {
        id: id(9),
        number: 9,
        job: Some(id(2)),
        task: id(100),
        task_name: "addition".to_owned(),
        task_version: Some("1.0.0".to_owned()),
        status: ExecutionStatus::Failed,
        attempt: 2,
        input: Json::from_trusted("{}"),
        output: None,
        error: Some(failure()),
        http: Vec::new(),
        progress: Some(Progress { fraction: 0.5, message: Some("half".to_owned()) }),
        host: None,
        queued_at: at("09:30:00"),
        started_at: Some(at("09:59:58")),
        finished_at: Some(at("09:59:59.5")),
        duration_us: Some(1_500_000),
        logs_dropped: 0,
        metadata: Json::null(),
    };
    let shown = show::execution(&failed, &view);
    let some = show::executions(&Listing { items: vec![failed], total: Some(1) }, &view);
    insta::assert_snapshot!(format!("{some}\n{shown}"));
}

#[tokio::test]
async fn schedules() {
    let world = World::new().await;
    let view = view(&world);
    let spec = ScheduleSpec {
        name: "reports".to_owned(),
        description: Some("Sends the reports".to_owned()),
        task: id(100),
        input: Json::from_trusted("{}"),
        timing: Timing::Cron("0 9 * * MON".to_owned()),
        timezone: "Europe/Berlin".to_owned(),
        enabled: true,
        priority: Some(Priority::High),
        max_runs: Some(10),
        catch_up: CatchUp::Once,
        overlap: Overlap::Skip,
        outputs: Vec::new(),
        metadata: Json::null(),
    };
    let weekly = Schedule {
        id: id(3),
        number: 3,
        spec: spec.clone(),
        task_name: "addition".to_owned(),
        next_run_at: Some("2026-11-30T08:00:00Z".parse().unwrap()),
        last_run_at: Some("2026-11-23T08:00:00Z".parse().unwrap()),
        last_job: Some(id(2)),
        runs: 4,
        created_at: at("01:00:00"),
        updated_at: at("01:00:00"),
    };
    let often = Schedule {
        number: 4,
        spec: ScheduleSpec {
            name: "often".to_owned(),
            timing: Timing::EveryMs(90_000),
            timezone: "UTC".to_owned(),
            enabled: false,
            max_runs: None,
            ..spec
        },
        next_run_at: None,
        last_run_at: None,
        ..weekly.clone()
    };
    let shown = show::schedule(&weekly, &view);
    let some = show::schedules(&Listing { items: vec![weekly, often], total: Some(2) }, &view);
    insta::assert_snapshot!(format!("{some}\n{shown}"));
}

#[tokio::test]
async fn counts() {
    let world = World::new().await;
    let stats = ratchet_plugin_api::model::JobStats {
        queued: 12,
        completed: 100_000,
        waiting_by_priority: [("high".to_owned(), 2), ("normal".to_owned(), 10)].into(),
        waiting_by_hold: [("none".to_owned(), 11), ("limit".to_owned(), 1)].into(),
        average_wait_ms: Some(12.5),
        longest_wait_ms: Some(95_000),
        paused: Some(Pause {
            since: None,
            until: Some(at("11:00:00")),
            reason: Some("maintenance".to_owned()),
        }),
        ..Default::default()
    };
    insta::assert_snapshot!(job::stats_text(&stats, &view(&world)));
}

#[test]
fn the_ready_line() {
    let source = |name: &str, problems: usize, error: Option<&str>| SourceStatus {
        name: name.to_owned(),
        uri: "file://./tasks".to_owned(),
        kind: "filesystem".to_owned(),
        watching: true,
        writable: false,
        tasks: 3,
        synced_at: None,
        problems: (0..problems)
            .map(|_| ratchet_plugin_api::model::TaskProblem {
                path: "x".to_owned(),
                message: "y".to_owned(),
            })
            .collect(),
        error: error.map(str::to_owned),
    };
    let full = Ready {
        ready: true,
        database: Some(DatabaseStatus {
            url: "sqlite:ratchet.db".to_owned(),
            backend: "sqlite".to_owned(),
            server_version: "3.53.0".to_owned(),
            schema: None,
            pending: Vec::new(),
            unknown: Vec::new(),
            bytes: 0,
        }),
        slots: 2,
        workers: vec!["js-boa/1".to_owned(), "js-boa/2".to_owned()],
        sources: vec![
            source("main", 0, None),
            source("other", 1, None),
            source("gone", 0, Some("no such folder")),
        ],
        started_in_ms: 85,
    };
    let bare = Ready {
        ready: true,
        database: None,
        slots: 1,
        workers: Vec::new(),
        sources: Vec::new(),
        started_in_ms: 0,
    };
    insta::assert_snapshot!(format!("{}{}", line(&full), line(&bare)));
}
