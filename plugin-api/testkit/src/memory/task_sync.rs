//! Bringing the tasks of a source up to date.

use std::collections::BTreeSet;

use ratchet_plugin_api::model::{Id, OfferedTask, SyncReport, TaskOrigin, TaskProblem};
use ratchet_plugin_api::services::{Change, Offer};
use ratchet_plugin_api::{Code, Error, Result};

use super::state::{State, TaskRow};

/// What taking one task did.
enum Taken {
    Added,
    Updated,
    Unchanged,
}

impl State {
    pub(super) fn sync(&mut self, offer: Offer) -> SyncReport {
        let mut report = SyncReport { problems: offer.problems, ..SyncReport::default() };
        let mut kept: BTreeSet<Id> = BTreeSet::new();
        let broken: BTreeSet<String> =
            report.problems.iter().map(|problem| problem.path.clone()).collect();
        for offered in offer.tasks {
            let (name, path) = (offered.definition.name.clone(), offered.path.clone());
            let known = self.recognise(&offer.repository, &offered);
            kept.extend(known);
            match self.take_task(&offer.repository, offered, known, &mut kept) {
                Ok(Taken::Added) => report.added.push(name),
                Ok(Taken::Updated) => report.updated.push(name),
                Ok(Taken::Unchanged) => report.unchanged += 1,
                Err(error) => {
                    report.problems.push(TaskProblem { path, message: error.to_string() });
                }
            }
        }
        if offer.complete {
            let gone = |row: &&TaskRow| {
                let from = row.task.origin.as_ref().filter(|it| it.repository == offer.repository);
                !row.removed
                    && !kept.contains(&row.task.id)
                    && from.is_some_and(|origin| !broken.contains(&origin.path))
            };
            let gone: Vec<_> =
                self.tasks.values().filter(gone).map(|row| row.task.clone()).collect();
            for task in gone {
                self.remove_task(task.id);
                report.removed.push(task.definition.name);
            }
        }
        if !(report.added.is_empty() && report.updated.is_empty() && report.removed.is_empty()) {
            self.news.push(Change::Tasks);
        }
        report
    }

    /// The task that an offered one is: by its id, without one by its source and path.
    fn recognise(&self, repository: &str, offered: &OfferedTask) -> Option<Id> {
        if let Some(id) = offered.definition.id {
            return self.tasks.get(&id).map(|row| row.task.id);
        }
        let same = |row: &&TaskRow| {
            let origin = row.task.origin.as_ref();
            origin.is_some_and(|from| from.repository == repository && from.path == offered.path)
        };
        self.tasks.values().find(same).map(|row| row.task.id)
    }

    fn take_task(
        &mut self,
        repository: &str,
        offered: OfferedTask,
        known: Option<Id>,
        kept: &mut BTreeSet<Id>,
    ) -> Result<Taken> {
        let OfferedTask { definition, path, revision } = offered;
        self.check_name(&definition.name, known)?;
        let origin = TaskOrigin { repository: repository.to_owned(), path, revision };
        let Some(id) = known else {
            kept.insert(self.insert_task(definition, Some(origin), None, true).id);
            return Ok(Taken::Added);
        };
        let Some(row) = self.tasks.get_mut(&id) else {
            return Ok(Taken::Unchanged);
        };
        let elsewhere = row.task.origin.as_ref().is_none_or(|from| from.repository != repository);
        if !row.removed && elsewhere {
            let owner = row.task.origin.as_ref().map(|from| from.repository.as_str());
            let owner = owner.map_or("was made through an API".to_owned(), |name| {
                format!("comes from the source `{name}`")
            });
            let message = format!("the task {id} {owner} already");
            return Err(Error::new(Code::Conflict, message).with_reason("task.exists"));
        }
        let was_removed = std::mem::take(&mut row.removed);
        let changed = self.renew_version(id, definition, Some(origin), None);
        Ok(match (was_removed, changed) {
            (true, _) => Taken::Added,
            (false, true) => Taken::Updated,
            (false, false) => Taken::Unchanged,
        })
    }
}
