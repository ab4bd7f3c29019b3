//! Bringing the tasks of a source up to date.

use std::collections::{BTreeSet, HashMap};

use ratchet_plugin_api::model::{Id, OfferedTask, SyncReport, TaskOrigin, TaskProblem};
use ratchet_plugin_api::services::{Change, Offer};
use ratchet_plugin_api::{Code, Error, Result};

use super::write::{Known, alone, insert, name_taken, origin_values, remove, renew};
use crate::db::{Tx, execute, query};
use crate::jobs::hold::task_changed;
use crate::row::{column, id};

/// A task that is known, removed ones too.
struct Entry {
    known: Known,
    name: String,
    repository: Option<String>,
    path: Option<String>,
    source_revision: Option<String>,
    removed: bool,
}

/// All tasks there are, by what they are recognised by.
struct Index {
    entries: Vec<Entry>,
    by_id: HashMap<Id, usize>,
    /// Names of tasks that were not removed.
    by_name: HashMap<String, usize>,
}

/// What taking one task did.
enum Taken {
    Added,
    Updated,
    Unchanged,
}

/// Brings the tasks of one source up to date.
pub(super) async fn sync(tx: &Tx, offer: &Offer) -> Result<SyncReport> {
    alone(tx).await?;
    let mut index = Index::read(tx).await?;
    let mut report = SyncReport { problems: offer.problems.clone(), ..SyncReport::default() };
    let broken: BTreeSet<&str> =
        offer.problems.iter().map(|problem| problem.path.as_str()).collect();
    let mut kept: BTreeSet<i64> = BTreeSet::new();
    for offered in &offer.tasks {
        let name = offered.definition.name.clone();
        let place = index.recognise(&offer.repository, offered);
        kept.extend(place.map(|place| index.entries[place].known.number));
        if let Err(error) = index.examine(&offer.repository, offered, place) {
            let (path, message) = (offered.path.clone(), error.to_string());
            report.problems.push(TaskProblem { path, message });
            continue;
        }
        match index.take(tx, &offer.repository, offered, place, &mut kept).await? {
            Taken::Added => report.added.push(name),
            Taken::Updated => report.updated.push(name),
            Taken::Unchanged => report.unchanged += 1,
        }
    }
    if offer.complete {
        for entry in &index.entries {
            let own = entry.repository.as_deref() == Some(offer.repository.as_str());
            let path = entry.path.as_deref().unwrap_or_default();
            let stays = kept.contains(&entry.known.number) || broken.contains(path);
            if own && !entry.removed && !stays {
                remove(tx, entry.known.number).await?;
                report.removed.push(entry.name.clone());
            }
        }
    }
    if !(report.added.is_empty() && report.updated.is_empty() && report.removed.is_empty()) {
        tx.tell(Change::Tasks);
    }
    Ok(report)
}

impl Index {
    async fn read(tx: &Tx) -> Result<Self> {
        let sql = "SELECT number, id, checksum, revision, name, repository, path, \
            source_revision, removed_at FROM tasks ORDER BY number";
        let mut index =
            Self { entries: Vec::new(), by_id: HashMap::new(), by_name: HashMap::new() };
        for row in query(tx, sql, []).await? {
            index.add(Entry {
                known: Known {
                    number: column(&row, "number")?,
                    id: id(&row, "id")?,
                    checksum: column(&row, "checksum")?,
                    revision: column(&row, "revision")?,
                },
                name: column(&row, "name")?,
                repository: column(&row, "repository")?,
                path: column(&row, "path")?,
                source_revision: column(&row, "source_revision")?,
                removed: column::<Option<i64>>(&row, "removed_at")?.is_some(),
            });
        }
        Ok(index)
    }

    fn add(&mut self, entry: Entry) {
        let place = self.entries.len();
        self.by_id.insert(entry.known.id, place);
        if !entry.removed {
            self.by_name.insert(entry.name.clone(), place);
        }
        self.entries.push(entry);
    }

    /// The task that an offered one is: by its id, without one by its source and path.
    fn recognise(&self, repository: &str, offered: &OfferedTask) -> Option<usize> {
        if let Some(id) = offered.definition.id {
            return self.by_id.get(&id).copied();
        }
        let same = |entry: &Entry| {
            entry.repository.as_deref() == Some(repository)
                && entry.path.as_deref() == Some(offered.path.as_str())
        };
        let present = self.entries.iter().position(|entry| !entry.removed && same(entry));
        present.or_else(|| self.entries.iter().rposition(same))
    }

    /// Finds out why a task cannot be taken.
    fn examine(&self, repository: &str, offered: &OfferedTask, known: Option<usize>) -> Result<()> {
        let name = &offered.definition.name;
        if let Some(other) = self.by_name.get(name).filter(|other| Some(**other) != known) {
            return Err(name_taken(name, self.entries[*other].known.id));
        }
        let Some(entry) = known.map(|place| &self.entries[place]) else {
            return Ok(());
        };
        if entry.removed || entry.repository.as_deref() == Some(repository) {
            return Ok(());
        }
        let owner = match &entry.repository {
            Some(name) => format!("comes from the source `{name}`"),
            None => "was made through an API".to_owned(),
        };
        let message = format!("the task {} {owner} already", entry.known.id);
        Err(Error::new(Code::Conflict, message).with_reason("task.exists"))
    }

    async fn take(
        &mut self,
        tx: &Tx,
        repository: &str,
        offered: &OfferedTask,
        known: Option<usize>,
        kept: &mut BTreeSet<i64>,
    ) -> Result<Taken> {
        let origin = TaskOrigin {
            repository: repository.to_owned(),
            path: offered.path.clone(),
            revision: offered.revision.clone(),
        };
        let definition = &offered.definition;
        let Some(place) = known else {
            let id = definition.id.unwrap_or_else(Id::new);
            let definition =
                ratchet_plugin_api::model::TaskDefinition { id: Some(id), ..definition.clone() };
            let number = insert(tx, &definition, Some(&origin), None, true).await?;
            let checksum = definition.checksum();
            kept.insert(number);
            self.add(Entry {
                known: Known { number, id, checksum, revision: 1 },
                name: definition.name,
                repository: Some(origin.repository),
                path: Some(origin.path),
                source_revision: origin.revision,
                removed: false,
            });
            return Ok(Taken::Added);
        };
        let entry = &self.entries[place];
        let was_removed = entry.removed;
        let changed = renew(tx, &entry.known, definition, Some(&origin), None).await?;
        let moved = entry.repository.as_ref() != Some(&origin.repository)
            || entry.path.as_ref() != Some(&origin.path)
            || entry.source_revision != origin.revision;
        if moved || was_removed {
            let sql = "UPDATE tasks SET repository = $2, path = $3, source_revision = $4, \
                removed_at = NULL WHERE number = $1";
            let mut values = vec![entry.known.number.into()];
            values.extend(origin_values(Some(&origin)));
            execute(tx, sql, values).await?;
        }
        if was_removed {
            task_changed(tx, entry.known.number).await?;
        }
        self.replace(place, offered, origin, changed);
        Ok(match (was_removed, changed) {
            (true, _) => Taken::Added,
            (false, true) => Taken::Updated,
            (false, false) => Taken::Unchanged,
        })
    }

    /// Notes what a task is now.
    fn replace(&mut self, place: usize, offered: &OfferedTask, origin: TaskOrigin, changed: bool) {
        let entry = &mut self.entries[place];
        if self.by_name.get(&entry.name) == Some(&place) {
            self.by_name.remove(&entry.name);
        }
        entry.name.clone_from(&offered.definition.name);
        entry.repository = Some(origin.repository);
        entry.path = Some(origin.path);
        entry.source_revision = origin.revision;
        entry.removed = false;
        if changed {
            entry.known.checksum = offered.definition.checksum();
            entry.known.revision += 1;
        }
        self.by_name.insert(entry.name.clone(), place);
    }
}
