//! Doing as another store did, where the contract leaves it the choice.

use std::collections::BTreeSet;

use ratchet_plugin_api::model::{Hold, Id, Job};
use ratchet_plugin_api::services::ClaimedJob;

use super::MemoryStore;
use super::state::{Row, State};

impl MemoryStore {
    /// Gives these jobs to a host as another store gave them, the best first. `max` is how many
    /// were asked for; none when they were given as they were accepted.
    ///
    /// # Errors
    /// What the other store may not have done: given what is held, exceeded a limit, left out a
    /// better job, or given less than there is.
    pub fn follow(
        &self,
        host: Id,
        jobs: &[Id],
        max: Option<u32>,
    ) -> Result<Vec<ClaimedJob>, String> {
        self.with(|state| state.follow(host, jobs, max))
    }

    /// Every job there is.
    pub fn jobs(&self) -> Vec<Job> {
        self.with(|state| {
            let all = state.open.values().chain(state.ended.values());
            all.map(|row| row.job.clone()).collect()
        })
    }
}

impl State {
    fn follow(
        &mut self,
        host: Id,
        jobs: &[Id],
        max: Option<u32>,
    ) -> Result<Vec<ClaimedJob>, String> {
        if !jobs.is_empty() && self.pause.is_some() {
            return Err(format!("the paused queue gave {jobs:?}"));
        }
        let given: BTreeSet<Id> = jobs.iter().copied().collect();
        if given.len() != jobs.len() {
            return Err(format!("a job was given twice: {jobs:?}"));
        }
        let mut last = None;
        for job in jobs {
            let row = self.open.get(job).ok_or_else(|| format!("{job} has ended"))?;
            if row.had() {
                return Err(format!("{job} was given, but {:?} has it", row.job.host));
            }
            let obstacle = self.obstacle(row);
            if obstacle != Hold::None {
                return Err(format!("{job} was given, but is held: {obstacle}"));
            }
            if max.is_some() && last.is_some_and(|last| last > row.rank()) {
                return Err(format!("{jobs:?} were given in the wrong order"));
            }
            last = Some(row.rank());
        }
        if let Some(max) = max.filter(|_| self.pause.is_none()) {
            self.check_nothing_left(&given, max as usize, last)?;
        }
        let keys: BTreeSet<String> = jobs
            .iter()
            .filter_map(|job| self.open.get(job)?.job.limiter.as_ref())
            .map(|limiter| limiter.key.clone())
            .collect();
        // The other store may have let others through first.
        for row in self.open.values_mut().filter(|row| !row.had()) {
            row.admitted &= row.job.limiter.as_ref().is_none_or(|own| !keys.contains(&own.key));
        }
        let mut claimed = Vec::new();
        for job in jobs {
            claimed.extend(self.give(*job, host));
            if let Some(row) = self.open.get_mut(job) {
                row.admitted = true;
            }
        }
        for key in &keys {
            let most = self.limiters.get(key).and_then(|row| row.limiter.concurrency);
            let running = self.running(key);
            if most.is_some_and(|most| running > most as usize) {
                return Err(format!("{running} jobs of `{key}` run; {most:?} is the limit"));
            }
        }
        Ok(claimed)
    }

    /// Jobs of a limiter that hosts have.
    fn running(&self, key: &str) -> usize {
        let of_it = |row: &&Row| row.job.limiter.as_ref().is_some_and(|own| own.key == key);
        self.open.values().filter(of_it).filter(|row| row.had()).count()
    }

    /// Checks that nothing better than what was given was left, or nothing at all where there was
    /// room for more.
    fn check_nothing_left(
        &self,
        given: &BTreeSet<Id>,
        max: usize,
        last: Option<(i64, i64)>,
    ) -> Result<(), String> {
        if given.len() > max {
            return Err(format!("{} jobs were given; {max} were asked for", given.len()));
        }
        let left = |row: &&Row| {
            !row.had() && !given.contains(&row.job.id) && self.obstacle(row) == Hold::None
        };
        for row in self.open.values().filter(left) {
            let better = last.is_some_and(|last| row.rank() < last);
            let room = given.len() < max;
            let blocked = match &row.job.limiter {
                None => false,
                // Which jobs of a limiter go first is decided when there is room, and a rate
                // depends on when that was.
                Some(own) => {
                    let limits = self.limiters.get(&own.key).map(|row| &row.limiter);
                    let most = limits.and_then(|limiter| limiter.concurrency);
                    let now_given = given.iter().filter_map(|job| self.open.get(job));
                    let same = |row: &&Row| row.job.limiter.as_ref() == Some(own);
                    let running = self.running(&own.key) + now_given.filter(same).count();
                    let rated = limits.is_some_and(|limiter| limiter.rate.is_some());
                    rated || !room || most.is_some_and(|most| running >= most as usize)
                }
            };
            if !blocked && (room || better) {
                let job = row.job.id;
                return Err(format!("{job} is ready and was not given; {given:?} were"));
            }
        }
        Ok(())
    }
}
