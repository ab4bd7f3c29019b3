//! `ratchet task …`.

use super::*;
use crate::command::*;

#[tokio::test]
async fn tasks_are_listed_shown_and_switched() {
    let world = World::new().await;
    world.put_task("other").await;
    let text = world.text::<TaskList>(json!({})).await;
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("TASK  NAME      VERSION  STATUS "), "{text}");
    assert!(lines[1].starts_with("1     addition  1.0.0    enabled"), "{text}");
    let text = world.text::<TaskDisable>(json!({"task": "addition"})).await;
    assert_eq!(text, "the task `addition` is disabled\n");
    let text = world.text::<TaskList>(json!({"enabled": true})).await;
    assert!(text.contains("other") && !text.contains("addition"), "{text}");
    let text = world.text::<TaskEnable>(json!({"task": "1"})).await;
    assert_eq!(text, "the task `addition` is enabled\n");
    let pause = json!({"task": "addition", "for": "2h", "reason": "the API is down"});
    let text = world.text::<TaskPause>(pause).await;
    assert!(text.starts_with("the jobs of `addition` are paused until "), "{text}");
    let text = world.text::<TaskShow>(json!({"task": "addition"})).await;
    assert!(text.contains("\nbecause       the API is down\n"), "{text}");
    let text = world.text::<TaskResume>(json!({"task": "addition"})).await;
    assert_eq!(text, "the jobs of `addition` go on\n");
    let text = world.text::<TaskShow>(json!({"task": "addition", "source": true})).await;
    assert_eq!(text, "({num1, num2}) => ({sum: num1 + num2})\n");
    let text = world.text::<TaskVersions>(json!({"task": "addition"})).await;
    assert!(text.lines().nth(1).unwrap().starts_with("1         1.0.0"), "{text}");
    let error = world.wrong::<TaskShow>(json!({"task": "additon"})).await;
    assert!(error.ends_with("did you mean `addition`?"), "{error}");
}
