//! Hosts: who lives, and what happens with the jobs of those who do not.

use ratchet_plugin_api::model::Id;
use ratchet_plugin_api::services::{ClaimJobs, Claims, HostInfo, HostState, Renewal};
use ratchet_plugin_api::{Code, Error, Result};

use super::state::{HostRow, Row, State};

impl State {
    pub(super) fn claim(&mut self, request: ClaimJobs) -> Result<Claims> {
        if !self.lives(request.host) {
            let message = format!("the host {} has not entered or counts as dead", request.host);
            return Err(Error::new(Code::Conflict, message).with_reason("host.expired"));
        }
        let mut ready = if self.pause.is_some() { Vec::new() } else { self.ready() };
        ready.truncate(request.max as usize);
        let jobs: Vec<_> =
            ready.into_iter().filter_map(|job| self.give(job, request.host)).collect();
        // What is given makes room under a rate.
        self.bring_up_to_date();
        let until = |time: ratchet_plugin_api::model::Timestamp| {
            u64::try_from(time.since(self.now).as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
        };
        Ok(Claims { jobs, next_due_ms: self.next_due().map(until) })
    }

    pub(super) fn enter(&mut self, info: HostInfo, lease_ms: u64) {
        let (now, expires_at) = (self.now, self.after_ms(lease_ms));
        let row = HostRow { info, started_at: now, seen_at: now, expires_at };
        self.hosts.insert(row.info.id, row);
    }

    pub(super) fn renew(&mut self, host: Id, lease_ms: u64) -> Renewal {
        let rescued = self.rescue_all();
        let (now, expires_at) = (self.now, self.after_ms(lease_ms));
        let Some(row) = self.hosts.get_mut(&host) else {
            return Renewal { cancel: Vec::new(), rescued, expired: true };
        };
        (row.seen_at, row.expires_at) = (now, expires_at);
        let asked = |row: &&Row| row.job.host == Some(host) && row.job.cancelling;
        let cancel = self.open.values().filter(asked).map(|row| row.job.execution).collect();
        Renewal { cancel, rescued, expired: false }
    }

    /// Lets the jobs and deliveries of dead hosts wait again; gives the number of jobs that do.
    fn rescue_all(&mut self) -> u64 {
        let dead: Vec<Id> = self.hosts.keys().copied().filter(|host| !self.lives(*host)).collect();
        let mut rescued = 0;
        for host in dead {
            self.hosts.remove(&host);
            for job in self.jobs_of(host) {
                rescued += u64::from(self.rescue(job));
            }
            self.release_deliveries(host);
        }
        rescued
    }

    pub(super) fn leave(&mut self, host: Id) {
        self.hosts.remove(&host);
        for job in self.jobs_of(host) {
            self.release(job);
        }
        self.release_deliveries(host);
    }

    fn jobs_of(&self, host: Id) -> Vec<Id> {
        let own = |row: &&Row| row.job.host == Some(host);
        self.open.values().filter(own).map(|row| row.job.id).collect()
    }

    fn release_deliveries(&mut self, host: Id) {
        for row in self.deliveries.values_mut().filter(|row| row.host == Some(host)) {
            row.host = None;
        }
    }

    pub(super) fn living(&self) -> Vec<HostState> {
        let living = self.hosts.values().filter(|row| row.expires_at > self.now);
        living
            .map(|row| HostState {
                info: row.info.clone(),
                started_at: row.started_at,
                seen_at: row.seen_at,
                expires_at: row.expires_at,
                jobs: self.jobs_of(row.info.id).len() as u64,
            })
            .collect()
    }
}
