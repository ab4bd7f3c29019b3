//! What every store of tasks must do.

use ratchet_plugin_api::Code;
use ratchet_plugin_api::model::{
    FilterOp, Id, Key, ListQuery, OfferedTask, Task, TaskDefinition, TaskProblem,
};
use ratchet_plugin_api::services::{Offer, PutTask};

use super::world::{Checked, World, definition};
use super::{MakeStores, Report, expect, fails, succeeds};

/// Checks a store of tasks; `make` is called for a database of its own for each check.
///
/// # Panics
/// Outside of a tokio runtime.
pub async fn task_store(make: MakeStores) -> Report {
    let mut report = Report::new("ratchet.task-store");
    report.on(&make, "finds a task by id, number and name", find).await;
    report.on(&make, "keeps every version of a task", versions).await;
    report.on(&make, "refuses a change of what the caller has not seen", changed).await;
    report.on(&make, "keeps names apart, and frees those of removed tasks", names).await;
    report.on(&make, "lists tasks without what is long", lists).await;
    report.on(&make, "filters and sorts tasks", filters).await;
    report.on(&make, "brings the tasks of a source up to date", sync).await;
    report.on(&make, "recognises tasks by id, or by source and path", recognise).await;
    report.on(&make, "lets no problem of one task hide another", problems).await;
    report.on(&make, "removes what a source no longer has, and only that", gone).await;
    report
}

async fn put(world: &World, put: PutTask) -> ratchet_plugin_api::Result<Task> {
    world.stores.tasks.put(put).await
}

fn change(task: &Task, definition: TaskDefinition) -> PutTask {
    let key = Some(Key::Id(task.id));
    PutTask { task: key, definition, enabled: None, if_checksum: None, note: Some("why".into()) }
}

async fn find(world: World) -> Checked {
    let task = world.task("addition").await?;
    expect("its checksum", &task.checksum, &task.definition.checksum())?;
    for key in [Key::Id(task.id), Key::Number(task.number), Key::Name("addition".into())] {
        expect("the task", &succeeds(world.stores.tasks.get(key).await)?, &task)?;
    }
    let wrong = world.stores.tasks.get(Key::Name("additon".into())).await;
    let message = wrong.as_ref().err().map(|error| error.message.clone()).unwrap_or_default();
    fails(wrong, Code::NotFound)?;
    expect("whether it names the nearest", message.contains("`addition`"), true)?;
    fails(world.stores.tasks.get(Key::Id(Id::new())).await, Code::NotFound)
}

async fn versions(world: World) -> Checked {
    let first = world.task("versions").await?;
    succeeds(world.stores.tasks.validated(first.id.into()).await)?;
    world.pass_ms(1_000);
    let mut definition = first.definition.clone();
    let same = succeeds(put(&world, change(&first, definition.clone())).await)?;
    expect("the time of its change", same.updated_at, first.updated_at)?;
    definition.program.source = "(input) => 2".into();
    let second = succeeds(put(&world, change(&first, definition.clone())).await)?;
    expect("the task", (second.id, second.number), (first.id, first.number))?;
    expect("its definition", &second.definition, &definition)?;
    expect("its checksum", &second.checksum, &definition.checksum())?;
    expect("when it was found sound", second.validated_at, None)?;
    let versions = world.stores.tasks.versions(first.id.into(), ListQuery::default()).await;
    let versions = succeeds(versions)?.items;
    let seen: Vec<_> = versions.iter().map(|it| (it.revision, it.checksum.clone())).collect();
    expect("the versions", seen, vec![(2, second.checksum), (1, first.checksum)])?;
    expect("the note", versions[0].note.as_deref(), Some("why"))
}

async fn changed(world: World) -> Checked {
    let task = world.task("changed").await?;
    let mut definition = task.definition.clone();
    definition.version = "2.0.0".into();
    let wrong = PutTask { if_checksum: Some("0".into()), ..change(&task, definition.clone()) };
    fails(put(&world, wrong).await, Code::Conflict)?;
    let right = PutTask { if_checksum: Some(task.checksum.clone()), ..change(&task, definition) };
    expect("its version", succeeds(put(&world, right).await)?.definition.version.as_str(), "2.0.0")
}

async fn names(world: World) -> Checked {
    let (one, other) = (world.task("one").await?, world.task("other").await?);
    let new = |name: &str| PutTask { task: None, ..change(&one, definition(name)) };
    fails(put(&world, new("one")).await, Code::Conflict)?;
    let mut taken = other.definition.clone();
    taken.name = "one".into();
    fails(put(&world, change(&other, taken.clone())).await, Code::Conflict)?;
    succeeds(world.stores.tasks.remove(one.id.into()).await)?;
    fails(world.stores.tasks.get(one.id.into()).await, Code::NotFound)?;
    let renamed = succeeds(put(&world, change(&other, taken)).await)?;
    expect("the task", (renamed.id, renamed.definition.name.as_str()), (other.id, "one"))
}

async fn lists(world: World) -> Checked {
    for name in ["a", "b", "c"] {
        world.task(name).await?;
    }
    let query = ListQuery { limit: 2, offset: 1, ..ListQuery::default() };
    let short = succeeds(world.stores.tasks.list(query.clone(), false).await)?;
    expect("the total", short.total, Some(3))?;
    let names: Vec<_> = short.items.iter().map(|task| task.definition.name.as_str()).collect();
    expect("the names", names, vec!["b", "c"])?;
    expect("the program", short.items[0].definition.program.source.as_str(), "")?;
    let whole = succeeds(world.stores.tasks.list(query, true).await)?;
    let source = whole.items[0].definition.program.source.as_str();
    expect("the whole program", source, "(input) => input")
}

async fn filters(world: World) -> Checked {
    let (one, two) = (world.task("Addition").await?, world.task("weather").await?);
    let mut tagged = two.definition.clone();
    tagged.tags = vec!["http".into(), "daily".into()];
    succeeds(put(&world, change(&two, tagged)).await)?;
    succeeds(world.stores.tasks.enable(one.id.into(), false).await)?;
    for (field, op, value, wanted) in [
        ("name", FilterOp::Contains, "addi", one.id),
        ("name", FilterOp::Eq, "weather", two.id),
        ("enabled", FilterOp::Eq, "false", one.id),
        ("tag", FilterOp::Eq, "daily", two.id),
        ("number", FilterOp::Gt, &one.number.to_string(), two.id),
        ("id", FilterOp::Eq, &one.id.to_string(), one.id),
    ] {
        let query = ListQuery::default().filter(field, op, value);
        let found = succeeds(world.stores.tasks.list(query, false).await)?;
        let ids: Vec<Id> = found.items.iter().map(|task| task.id).collect();
        expect(&format!("tasks with {field} {op} {value}"), ids, vec![wanted])?;
    }
    let wrong = ListQuery::default().filter("nmae", FilterOp::Eq, "x");
    fails(world.stores.tasks.list(wrong, false).await, Code::Invalid)?;
    let query = ListQuery::default().sort_by("name", true);
    let found = succeeds(world.stores.tasks.list(query, false).await)?;
    let ids: Vec<Id> = found.items.iter().map(|task| task.id).collect();
    expect("tasks by name, descending", ids, vec![two.id, one.id])
}

fn offered(name: &str, source: &str) -> OfferedTask {
    let mut definition = definition(name);
    definition.program.source = source.to_owned();
    OfferedTask { definition, path: format!("tasks/{name}"), revision: None }
}

fn offer(tasks: Vec<OfferedTask>) -> Offer {
    Offer { repository: "main".into(), tasks, problems: Vec::new(), complete: true }
}

async fn sync(world: World) -> Checked {
    let all = || vec![offered("a", "() => 1"), offered("b", "() => 1")];
    let first = succeeds(world.stores.tasks.sync(offer(all())).await)?;
    expect("the tasks added", first.added, vec!["a".to_owned(), "b".to_owned()])?;
    let again = succeeds(world.stores.tasks.sync(offer(all())).await)?;
    expect("the tasks unchanged", (again.unchanged, again.added.len()), (2, 0))?;
    let mut newer = all();
    newer[1].definition.program.source = "() => 2".into();
    let before = succeeds(world.stores.tasks.get(Key::Name("b".into())).await)?;
    let report = succeeds(world.stores.tasks.sync(offer(newer)).await)?;
    expect("the tasks updated", report.updated, vec!["b".to_owned()])?;
    let after = succeeds(world.stores.tasks.get(Key::Name("b".into())).await)?;
    expect("the task", after.id, before.id)?;
    expect("its program", after.definition.program.source.as_str(), "() => 2")?;
    let origin = after.origin.map(|from| (from.repository, from.path));
    expect("its origin", origin, Some(("main".to_owned(), "tasks/b".to_owned())))
}

async fn recognise(world: World) -> Checked {
    let mut with_id = offered("named", "() => 1");
    with_id.definition.id = Some(Id::new());
    let without = offered("nameless", "() => 1");
    let first = offer(vec![with_id.clone(), without.clone()]);
    succeeds(world.stores.tasks.sync(first).await)?;
    let nameless = succeeds(world.stores.tasks.get(Key::Name("nameless".into())).await)?;
    with_id.definition.name = "renamed".into();
    with_id.path = "elsewhere".into();
    let mut moved = without;
    moved.definition.name = "also-renamed".into();
    let report = succeeds(world.stores.tasks.sync(offer(vec![with_id.clone(), moved])).await)?;
    expect("the tasks added and removed", (report.added.len(), report.removed.len()), (0, 0))?;
    let renamed = succeeds(world.stores.tasks.get(Key::Name("renamed".into())).await)?;
    expect("its id", Some(renamed.id), with_id.definition.id)?;
    let also = succeeds(world.stores.tasks.get(Key::Name("also-renamed".into())).await)?;
    expect("the other's id", also.id, nameless.id)
}

async fn problems(world: World) -> Checked {
    world.task("taken").await?;
    let report = offer(vec![offered("taken", "() => 1"), offered("fine", "() => 1")]);
    let report = succeeds(world.stores.tasks.sync(report).await)?;
    expect("the tasks added", report.added, vec!["fine".to_owned()])?;
    let paths: Vec<_> = report.problems.iter().map(|problem| problem.path.as_str()).collect();
    expect("the problems", paths, vec!["tasks/taken"])?;
    let broken = TaskProblem { path: "tasks/fine".into(), message: "no main.js".into() };
    let broken = Offer { problems: vec![broken], ..offer(Vec::new()) };
    let report = succeeds(world.stores.tasks.sync(broken).await)?;
    expect("the tasks removed", report.removed.len(), 0)?;
    expect("the problems", report.problems.len(), 1)?;
    succeeds(world.stores.tasks.get(Key::Name("fine".into())).await).map(drop)
}

async fn gone(world: World) -> Checked {
    world.task("by-hand").await?;
    let all = vec![offered("a", "() => 1"), offered("b", "() => 1")];
    succeeds(world.stores.tasks.sync(offer(all.clone())).await)?;
    let part = Offer { complete: false, ..offer(all[..1].to_vec()) };
    let report = succeeds(world.stores.tasks.sync(part).await)?;
    expect("the tasks removed by a part", report.removed.len(), 0)?;
    let elsewhere = Offer { repository: "other".into(), ..offer(Vec::new()) };
    let report = succeeds(world.stores.tasks.sync(elsewhere).await)?;
    expect("the tasks removed by another source", report.removed.len(), 0)?;
    let old = succeeds(world.stores.tasks.get(Key::Name("b".into())).await)?;
    let report = succeeds(world.stores.tasks.sync(offer(all[..1].to_vec())).await)?;
    expect("the tasks removed", report.removed, vec!["b".to_owned()])?;
    fails(world.stores.tasks.get(old.id.into()).await, Code::NotFound)?;
    succeeds(world.stores.tasks.get(Key::Name("by-hand".into())).await)?;
    let report = succeeds(world.stores.tasks.sync(offer(all)).await)?;
    expect("the tasks that are back", report.added, vec!["b".to_owned()])?;
    succeeds(world.stores.tasks.get(Key::Name("b".into())).await).map(drop)
}
