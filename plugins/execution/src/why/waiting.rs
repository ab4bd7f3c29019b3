//! Why a job waits.

use ratchet_plugin_api::model::{
    Explanation, Hold, Job, JobStatus, Pause, Priority, RateLimit, Timestamp,
};
use ratchet_plugin_api::services::{LimiterState, Situation};

use super::words::{at, attempt, count, job as job_name, span};
use super::{RuntimeNeed, ending, lives, name, told, with_remedy};

pub(super) fn waiting(situation: &Situation, runtime: RuntimeNeed<'_>) -> Explanation {
    for_ever(situation)
        .or_else(|| dependency(situation))
        .or_else(|| for_a_time(situation))
        .or_else(|| limit(situation))
        .or_else(|| settling(situation))
        .unwrap_or_else(|| worker(situation, runtime))
}

/// What does not end by itself.
fn for_ever(situation: &Situation) -> Option<Explanation> {
    let (job, now, name) = (&situation.job, situation.now, name(situation));
    let (number, task) = (job.number, &job.task_name);
    if let Some(expires) = job.expires_at.filter(|expires| *expires <= now) {
        let sentence =
            format!("{name} is not run any more: its lifetime was over {}", at(expires, now));
        return Some(with_remedy(
            told("expired", sentence),
            "put it in again with a longer lifetime",
        ));
    }
    if !situation.task_exists {
        let sentence = format!("{name} waits because its task was removed");
        let remedy = format!(
            "bring the task back to its source, or give the job up with `ratchet job cancel \
             {number}`"
        );
        return Some(with_remedy(told("task_removed", sentence), remedy));
    }
    if !situation.task_enabled {
        let sentence = format!("{name} waits because its task is disabled");
        let remedy = format!("enable it with `ratchet task enable {task}`");
        return Some(with_remedy(told("task_disabled", sentence), remedy));
    }
    let open = |pause: &&Pause| pause.until.is_none();
    if let Some(pause) = situation.queue_pause.as_ref().filter(open) {
        return Some(queue_paused(situation, pause));
    }
    situation.task_pause.as_ref().filter(open).map(|pause| task_paused(situation, pause))
}

/// What ends at a known time; of several, what ends last.
fn for_a_time(situation: &Situation) -> Option<Explanation> {
    let (job, now) = (&situation.job, situation.now);
    let pauses = [
        situation.queue_pause.as_ref().map(|pause| queue_paused(situation, pause)),
        situation.task_pause.as_ref().map(|pause| task_paused(situation, pause)),
    ];
    let delay = ending(delayed(situation), job.run_at);
    pauses
        .into_iter()
        .flatten()
        .chain([delay])
        .filter(|told| told.until.is_some_and(|until| until > now))
        .max_by_key(|told| told.until)
}

fn queue_paused(situation: &Situation, pause: &Pause) -> Explanation {
    let (since, until) = pause_words(pause, situation.now);
    let sentence = format!("{} waits because the queue is paused{since}{until}", name(situation));
    let told =
        with_remedy(told("queue_paused", sentence), "let it go on with `ratchet job resume`");
    Explanation { until: pause.until, ..told }
}

fn task_paused(situation: &Situation, pause: &Pause) -> Explanation {
    let (since, until) = pause_words(pause, situation.now);
    let sentence = format!("{} waits because its task is paused{since}{until}", name(situation));
    let remedy = format!("let it go on with `ratchet task resume {}`", situation.job.task_name);
    Explanation { until: pause.until, ..with_remedy(told("task_paused", sentence), remedy) }
}

fn pause_words(pause: &Pause, now: Timestamp) -> (String, String) {
    let since = pause.since.map(|since| format!(" since {}", &at(since, now)[3..]));
    let until = pause.until.map(|until| format!(" until {}", &at(until, now)[3..]));
    let reason = pause.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    (since.unwrap_or_default(), format!("{}{reason}", until.unwrap_or_default()))
}

fn delayed(situation: &Situation) -> Explanation {
    let (job, when) = (&situation.job, at(situation.job.run_at, situation.now));
    let name = name(situation);
    if job.status == JobStatus::Retrying {
        let failed = match &job.error {
            Some(error) => {
                let line = error.message.lines().next().unwrap_or_default();
                format!(" because the last one failed with {}: {line}", error.class)
            }
            None => String::new(),
        };
        let next = u64::from(job.attempt) + 1;
        let all = u64::from(job.retry.max_retries) + u64::from(job.crashes) + 1;
        let sentence =
            format!("{name} waits to make attempt {next} of {} {when}{failed}", all.max(next));
        return told("retry_backoff", sentence);
    }
    told("not_before", format!("{name} waits for its time, which comes {when}"))
}

/// The jobs it depends on.
fn dependency(situation: &Situation) -> Option<Explanation> {
    let name = name(situation);
    let first = situation.dependencies.first()?;
    let more = match situation.dependencies.len() - 1 {
        0 => String::new(),
        more => format!(" and for {}", count(more as u64, "more job")),
    };
    let sentence = format!(
        "{name} waits for {}, which {}{more}",
        job_name(first),
        state(first, situation.now)
    );
    let remedy = format!("see what that one waits for with `ratchet why {}`", first.number);
    Some(match first.status {
        JobStatus::Processing => told("dependency", sentence),
        _ => with_remedy(told("dependency", sentence), remedy),
    })
}

/// How a job stands that another waits for.
fn state(job: &Job, now: Timestamp) -> String {
    match (job.status, job.hold) {
        (JobStatus::Processing, _) if job.cancelling => "is being cancelled".to_owned(),
        (JobStatus::Processing, _) => match job.started_at {
            Some(started) => format!("has run for {}", span(now.since(started))),
            None => "is about to run".to_owned(),
        },
        (JobStatus::Retrying, Hold::NotBefore) => {
            format!("is tried again {}", at(job.run_at, now))
        }
        (_, Hold::NotBefore) => format!("waits for its time {}", at(job.run_at, now)),
        (_, Hold::Dependency) => {
            format!("itself waits for {}", count(job.waits_for.len() as u64, "job"))
        }
        (_, Hold::Limit) => "waits for its limit".to_owned(),
        (_, Hold::TaskPaused) => "waits because its task is paused".to_owned(),
        (_, Hold::TaskDisabled) => "waits because its task is disabled or removed".to_owned(),
        (_, Hold::None) => "waits for a worker".to_owned(),
    }
}

/// The limit it shares with others.
fn limit(situation: &Situation) -> Option<Explanation> {
    if situation.job.hold != Hold::Limit {
        return None;
    }
    let (now, name) = (situation.now, name(situation));
    let state = situation.limiter.as_ref()?;
    let LimiterState { limiter, active, waiting, next_at } = state;
    let key = &limiter.key;
    let others = waiting.saturating_sub(1);
    let others = match others {
        0 => String::new(),
        1 => "; 1 other job waits for it too".to_owned(),
        others => format!("; {others} other jobs wait for it too"),
    };
    if let Some(most) = limiter.concurrency.filter(|most| *active >= u64::from(*most)) {
        let sentence = format!(
            "{name} waits because the limit `{key}` lets {} run at the same time, and as many do \
             or are about to{others}",
            count(most.into(), "job")
        );
        return Some(told("limit_concurrency", sentence));
    }
    let rate = limiter.rate?;
    let next = next_at.filter(|next| *next > now)?;
    let sentence = format!(
        "{name} waits because the limit `{key}` lets {} start {}; the next may {}{others}",
        count(rate.count.into(), "job"),
        period(rate),
        at(next, now)
    );
    Some(ending(told("limit_rate", sentence), next))
}

fn period(rate: RateLimit) -> String {
    match rate.period_ms {
        1_000 => "a second".to_owned(),
        60_000 => "a minute".to_owned(),
        3_600_000 => "an hour".to_owned(),
        other => format!("in {}", span(std::time::Duration::from_millis(other))),
    }
}

/// A hold whose reason is gone already: the store lets the job through with its next look.
fn settling(situation: &Situation) -> Option<Explanation> {
    let what = match situation.job.hold {
        Hold::None => return None,
        Hold::NotBefore => "its time has come",
        Hold::Dependency => "the jobs it depended on have ended",
        Hold::Limit => "its limit has room again",
        Hold::TaskPaused => "its task is not paused any more",
        Hold::TaskDisabled => "its task is enabled again",
    };
    let name = name(situation);
    Some(told("settling", format!("{name} is about to be ready: {what}")))
}

/// A host with room for it.
fn worker(situation: &Situation, runtime: RuntimeNeed<'_>) -> Explanation {
    let (job, now, name) = (&situation.job, situation.now, name(situation));
    let serve = "start one with `ratchet serve`";
    let live: Vec<_> = situation.hosts.iter().filter(|host| lives(host, now)).collect();
    if live.is_empty() {
        return match situation.hosts.iter().max_by_key(|host| host.seen_at) {
            Some(last) => {
                let seen = at(last.seen_at, now);
                let host = &last.info.name;
                let sentence = format!(
                    "{name} is ready, but no host runs; the last one, {host}, was heard of {seen}"
                );
                with_remedy(told("hosts_lost", sentence), serve)
            }
            None => {
                let sentence = format!("{name} is ready, but no host runs that could run it");
                with_remedy(told("no_host", sentence), serve)
            }
        };
    }
    if let RuntimeNeed::Missing { name: wanted, present } = runtime {
        let present = if present.is_empty() { "none".to_owned() } else { present.join(", ") };
        let sentence = format!(
            "{name} needs the JavaScript runtime `{wanted}`, which is not loaded; loaded: {present}"
        );
        let remedy = format!("add a plugin that provides `{wanted}` to `plugins:`");
        return with_remedy(told("no_runtime", sentence), remedy);
    }
    let slots: u64 = live.iter().map(|host| u64::from(host.info.slots)).sum();
    let hosts = count(live.len() as u64, "host");
    if slots == 0 {
        let sentence = format!("{name} is ready, but no host that runs takes jobs at present");
        return with_remedy(told("no_slots", sentence), serve);
    }
    let full = live.iter().all(|host| host.jobs >= u64::from(host.info.slots));
    let before = match situation.ahead {
        0 => "it is the next".to_owned(),
        1 => "1 job comes before it".to_owned(),
        ahead => format!("{ahead} jobs come before it"),
    };
    let lost = match job.crashes {
        0 => String::new(),
        crashes => format!(" (after its worker was lost {})", count(crashes.into(), "time")),
    };
    let again = match job.status {
        JobStatus::Retrying if job.crashes == 0 => format!(" (after {})", attempt(job)),
        _ => lost,
    };
    if full {
        let taken = match slots {
            1 => format!("the one slot of {hosts} is taken"),
            slots => format!("all {slots} slots of {hosts} are taken"),
        };
        let sentence = format!("{name} is ready{again}, but {taken}; {before}");
        let remedy = "raise `server.workers.worker_count`, or start another host";
        return with_remedy(told("hosts_busy", sentence), remedy);
    }
    if situation.ahead > 0 {
        let sentence = format!("{name} is ready{again} and waits for its turn: {before}");
        let order = told("queue_order", sentence);
        if job.priority == Priority::Critical {
            return order;
        }
        let remedy = format!("a higher priority than {} would bring it forward", job.priority);
        return with_remedy(order, remedy);
    }
    told("next", format!("{name} is ready{again} and is the next to be taken by a host"))
}
