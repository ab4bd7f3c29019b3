//! `ratchet schedule …`.

use super::*;
use crate::command::*;

#[tokio::test]
async fn a_schedule_is_made_changed_triggered_and_removed() {
    let world = World::new().await;
    let add = json!({
        "name": "reports", "task": "addition", "cron": "0 9 * * MON", "timezone": "Europe/Berlin",
        "input-json": "{\"num1\": 1}", "max-runs": 5, "catch-up": "all", "overlap": "queue",
    });
    let text = world.text::<ScheduleAdd>(add).await;
    assert!(text.starts_with("the schedule `reports` is made; it is due 2"), "{text}");
    assert!(text.ends_with(" (0 9 * * MON)\n"), "{text}");
    let text = world.text::<ScheduleList>(json!({"task": "addition"})).await;
    assert!(text.contains("reports  addition  0 9 * * MON  Europe/Berlin  enabled"), "{text}");
    assert!(text.contains("  0/5"), "{text}");
    let text = world.text::<ScheduleShow>(json!({"schedule": "reports"})).await;
    assert!(text.contains("\nmissed runs       are all made up for\n"), "{text}");
    assert!(text.contains("\noverlapping runs  wait for the one before\n"), "{text}");
    let next = world.json::<ScheduleNext>(json!({"schedule": "reports", "count": 99})).await;
    assert_eq!(next["times"].as_array().unwrap().len(), 5);

    let text = world.text::<ScheduleTrigger>(json!({"schedule": "reports"})).await;
    assert!(text.starts_with("job 1 of `addition` is accepted"), "{text}");
    assert_eq!(world.job(1).await.input.as_str(), "{\"num1\": 1}");

    let update = json!({"schedule": "reports", "every": "15m", "max-runs": 0});
    let changed = world.json::<ScheduleUpdate>(update).await;
    assert_eq!(changed["spec"]["timing"], json!({"every_ms": 900_000}));
    assert_eq!(changed["spec"]["max_runs"], Value::Null);
    let text = world.text::<ScheduleDisable>(json!({"schedule": "reports"})).await;
    assert_eq!(text, "the schedule `reports` is disabled\n");
    let text = world.text::<ScheduleEnable>(json!({"schedule": "reports"})).await;
    assert!(text.contains("is enabled; it is due") && text.contains("(every 15m)"), "{text}");
    let text = world.text::<ScheduleRemove>(json!({"schedule": "reports"})).await;
    assert_eq!(text, "the schedule `reports` is removed\n");
    assert_eq!(world.text::<ScheduleList>(json!({})).await, "no schedules\n");
}

#[tokio::test]
async fn mistakes_are_named_with_what_would_be_right() {
    let world = World::new().await;
    world.text::<ScheduleAdd>(json!({"name": "a", "task": "addition", "every": "1h"})).await;
    let add = |more: Value| {
        let mut arguments = json!({"name": "b", "task": "addition"});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.wrong::<ScheduleAdd>(arguments)
    };
    let table = [
        (add(json!({})).await, "give --cron such as"),
        (add(json!({"cron": "@daily", "every": "1h"})).await, "give one"),
        (add(json!({"every": "hourly"})).await, "--every is `hourly`"),
        (add(json!({"cron": "0 9 * * FRIDAY"})).await, "the weekday `FRIDAY` is wrong"),
        (add(json!({"every": "1h", "overlap": "skp"})).await, "did you mean `skip`?"),
        (add(json!({"every": "1h", "catch-up": "al"})).await, "did you mean `all`?"),
        (add(json!({"every": "1h", "timezone": "Berlin"})).await, "no time zone `Berlin`"),
        (
            world.wrong::<ScheduleUpdate>(json!({"schedule": "a"})).await,
            "nothing is given that would change",
        ),
        (world.wrong::<ScheduleShow>(json!({"schedule": "aa"})).await, "did you mean `a`?"),
        (world.wrong::<ScheduleNext>(json!({})).await, "say either which schedule"),
    ];
    for (error, expected) in table {
        assert!(error.contains(expected), "{error} does not say: {expected}");
    }
}
