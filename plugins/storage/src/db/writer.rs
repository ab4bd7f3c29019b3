//! The only way to change anything: requests queue up and are written in groups.
//!
//! A lane owns a connection. It takes whatever waits, writes it as one transaction and answers all
//! of it; what comes meanwhile is the next group. So a lone request is answered after one sync,
//! and a thousand after one sync too, without a timer. SQLite has one lane, since one may write at
//! a time; PostgreSQL has a few.
//!
//! What is asked most is merged: all jobs to accept, all attempts to settle and all claims of a
//! group take a handful of statements together. Anything else is a transaction of its own. When a
//! group fails each of its requests is tried alone, so that only the one at fault fails.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ratchet_plugin_api::services::{
    AcceptJobs, Acceptance, ClaimJobs, Claims, Settled, Settlement,
};
use ratchet_plugin_api::{Code, Error, Result};
use sea_orm::{
    ConnectionTrait, DbBackend, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::error::{is_lost, is_of_database, is_passing, storage_error};
use super::tx::Tx;
use super::{Db, connect};
use crate::jobs::{accept, claim, settle};

/// Requests that may wait before whoever asks has to.
const QUEUE: usize = 4096;

/// Requests of one group at most, and jobs in them: what is answered together waits together.
const GROUP: usize = 512;
const GROUP_JOBS: usize = 4096;

/// How long a group, or a transaction of its own, may take on PostgreSQL before its connection
/// counts as lost. The server gives up single statements before.
const GROUP_LIMIT: Duration = Duration::from_secs(15);
const WORK_LIMIT: Duration = Duration::from_secs(300);

/// How often a request is tried when others are in the way or the connection is lost.
const ATTEMPTS: u32 = 5;

/// A boxed future that may go to another thread.
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A request with the place its answer goes to.
pub(crate) struct Asked<Q, A> {
    pub(crate) request: Q,
    reply: oneshot::Sender<Result<A>>,
}

/// What waits to be written.
pub(crate) enum Item {
    Job(JobItem),
    Work(Box<dyn Work>),
}

/// What is written together with others of its kind.
pub(crate) enum JobItem {
    Accept(Asked<AcceptJobs, Vec<Acceptance>>),
    Settle(Asked<Vec<Settlement>, Vec<Settled>>),
    Claim(Asked<ClaimJobs, Claims>),
}

impl JobItem {
    fn jobs(&self) -> usize {
        match self {
            Self::Accept(asked) => asked.request.jobs.len(),
            Self::Settle(asked) => asked.request.len(),
            Self::Claim(asked) => asked.request.max as usize,
        }
    }

    fn refuse(self, error: Error) {
        match self {
            Self::Accept(asked) => drop(asked.reply.send(Err(error))),
            Self::Settle(asked) => drop(asked.reply.send(Err(error))),
            Self::Claim(asked) => drop(asked.reply.send(Err(error))),
        }
    }
}

/// A transaction of its own.
pub(crate) trait Work: Send {
    /// Whether it has to be on the disk when it is answered.
    fn durable(&self) -> bool;
    /// Does it, keeping the answer. May be called again when the transaction came to nothing.
    fn run<'a>(&'a mut self, tx: &'a Tx) -> Boxed<'a, Result<()>>;
    /// Answers with what was kept, or with the error.
    fn answer(&mut self, result: Result<()>);
}

struct Closure<F, T> {
    durable: bool,
    work: F,
    kept: Option<T>,
    reply: Option<oneshot::Sender<Result<T>>>,
}

impl<F, T> Work for Closure<F, T>
where
    F: for<'a> Fn(&'a Tx) -> Boxed<'a, Result<T>> + Send + Sync,
    T: Send,
{
    fn durable(&self) -> bool {
        self.durable
    }

    fn run<'a>(&'a mut self, tx: &'a Tx) -> Boxed<'a, Result<()>> {
        Box::pin(async move {
            self.kept = Some((self.work)(tx).await?);
            Ok(())
        })
    }

    fn answer(&mut self, result: Result<()>) {
        let kept = self.kept.take();
        let answer = result.and_then(|()| kept.ok_or_else(|| Error::internal("nothing was kept")));
        if let Some(reply) = self.reply.take() {
            let _ = reply.send(answer);
        }
    }
}

/// Where requests queue up.
pub(crate) struct Writer {
    queue: mpsc::Sender<Item>,
}

impl Writer {
    /// A queue, and the end of it that lanes take from.
    pub(super) fn new() -> (Self, mpsc::Receiver<Item>) {
        let (queue, waiting) = mpsc::channel(QUEUE);
        (Self { queue }, waiting)
    }

    /// Accepts jobs.
    pub(crate) async fn accept(&self, request: AcceptJobs) -> Result<Vec<Acceptance>> {
        self.ask(request, JobItem::Accept).await
    }

    /// Settles attempts.
    pub(crate) async fn settle(&self, request: Vec<Settlement>) -> Result<Vec<Settled>> {
        self.ask(request, JobItem::Settle).await
    }

    /// Claims jobs.
    pub(crate) async fn claim(&self, request: ClaimJobs) -> Result<Claims> {
        self.ask(request, JobItem::Claim).await
    }

    /// Runs `work` as a transaction of its own, which is on the disk when this returns if it is
    /// `durable`. It may be called again when others were in the way.
    pub(crate) async fn run<T, F>(&self, durable: bool, work: F) -> Result<T>
    where
        F: for<'a> Fn(&'a Tx) -> Boxed<'a, Result<T>> + Send + Sync + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let work = Closure { durable, work, kept: None, reply: Some(reply) };
        self.queue.send(Item::Work(Box::new(work))).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    async fn ask<Q, A>(&self, request: Q, item: fn(Asked<Q, A>) -> JobItem) -> Result<A> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Item::Job(item(Asked { request, reply }))).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

fn closed() -> Error {
    Error::new(Code::Gone, "the storage is stopping").with_reason("storage.stopping")
}

/// Starts the lanes; they end when the queue is closed or the database is gone.
pub(super) fn start(db: &Arc<Db>, waiting: mpsc::Receiver<Item>) {
    let waiting = Arc::new(Mutex::new(waiting));
    // One writes while another waits for the disk.
    let lanes = if db.backend() == DbBackend::Sqlite { 1 } else { connect::LANES };
    for _ in 0..lanes {
        tokio::spawn(lane(Arc::downgrade(db), Arc::clone(&waiting)));
    }
}

async fn lane(db: Weak<Db>, waiting: Arc<Mutex<mpsc::Receiver<Item>>>) {
    let mut lane = Lane { synchronous: "" };
    let mut items = Vec::new();
    loop {
        {
            let mut waiting = waiting.lock().await;
            if waiting.recv_many(&mut items, GROUP).await == 0 {
                return;
            }
        }
        let Some(db) = db.upgrade() else { return };
        let mut group = Vec::new();
        let mut jobs = 0;
        for item in items.drain(..) {
            let item = match item {
                Item::Job(item) => item,
                Item::Work(work) => {
                    lane.alone(&db, work).await;
                    continue;
                }
            };
            jobs += item.jobs();
            group.push(item);
            if jobs >= GROUP_JOBS {
                lane.group(&db, std::mem::take(&mut group)).await;
                jobs = 0;
            }
        }
        if !group.is_empty() {
            lane.group(&db, group).await;
        }
    }
}

struct Lane {
    /// How the connection syncs at present; empty when that is not known.
    synchronous: &'static str,
}

/// The answers of a group, in the order of each kind.
#[derive(Default)]
struct Answers {
    accepted: Vec<Result<Vec<Acceptance>>>,
    settled: Vec<Settled>,
    claims: Vec<Result<Claims>>,
}

impl Lane {
    /// Writes a group and answers it, one by one if it cannot be written together.
    async fn group(&mut self, db: &Db, mut items: Vec<JobItem>) {
        match self.persist(db, &items).await {
            Ok(answers) => answer(items, answers),
            Err(error) if items.len() == 1 => {
                if let Some(item) = items.pop() {
                    item.refuse(error);
                }
            }
            // Whatever is wrong with the database is so for each of them.
            Err(error) if is_of_database(&error) => {
                items.into_iter().for_each(|item| item.refuse(error.clone()));
            }
            Err(_) => {
                for item in items {
                    let one = vec![item];
                    match self.persist(db, &one).await {
                        Ok(answers) => answer(one, answers),
                        Err(error) => {
                            one.into_iter().for_each(|item| item.refuse(error.clone()));
                        }
                    }
                }
            }
        }
    }

    async fn persist(&mut self, db: &Db, items: &[JobItem]) -> Result<Answers> {
        let durable = items.iter().any(|item| !matches!(item, JobItem::Claim(_)));
        let mut again = false;
        let mut attempt = 1;
        loop {
            let once = self.once(db, durable, again, items);
            let result = bounded(db, GROUP_LIMIT, once).await;
            match result {
                Err(error) if attempt < ATTEMPTS && worth_another(&error) => {
                    again |= is_lost(&error);
                    pause(attempt).await;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    async fn alone(&mut self, db: &Db, mut work: Box<dyn Work>) {
        let durable = work.durable();
        let mut attempt = 1;
        let result = loop {
            let once = self.work(db, durable, work.as_mut());
            let result = bounded(db, WORK_LIMIT, once).await;
            match result {
                // Unlike a lost connection, this says for certain that nothing was done.
                Err(error) if attempt < ATTEMPTS && is_passing(&error) => {
                    pause(attempt).await;
                    attempt += 1;
                }
                result => break result,
            }
        };
        work.answer(result);
    }

    async fn once(
        &mut self,
        db: &Db,
        durable: bool,
        again: bool,
        items: &[JobItem],
    ) -> Result<Answers> {
        let tx = self.begin(db, durable, again).await?;
        let answers = write(&tx, items).await;
        self.end(db, tx, answers).await
    }

    async fn work(&mut self, db: &Db, durable: bool, work: &mut dyn Work) -> Result<()> {
        let tx = self.begin(db, durable, false).await?;
        let done = work.run(&tx).await;
        self.end(db, tx, done).await
    }

    async fn begin(&mut self, db: &Db, durable: bool, again: bool) -> Result<Tx> {
        let connection = &db.connections.write;
        if db.is_file() {
            let wanted = connect::synchronous(&db.config, durable);
            if wanted != self.synchronous {
                let sql = format!("PRAGMA synchronous = {wanted}");
                connection.execute_unprepared(&sql).await.map_err(storage_error)?;
                self.synchronous = wanted;
            }
        }
        let mode = (db.backend() == DbBackend::Sqlite).then_some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode: mode, ..Default::default() };
        let transaction = connection.begin_with_options(options).await.map_err(storage_error)?;
        let now = db.clock.now(&transaction).await?;
        let tx = Tx::new(transaction, now, again);
        if !durable && db.backend() == DbBackend::Postgres {
            let sql = "SET LOCAL synchronous_commit = off";
            tx.execute_unprepared(sql).await.map_err(storage_error)?;
        }
        Ok(tx)
    }

    /// Makes a transaction durable if it went well, and takes it back otherwise.
    async fn end<T>(&mut self, db: &Db, tx: Tx, result: Result<T>) -> Result<T> {
        let ended = match &result {
            Ok(_) => tx.commit().await.map(|changes| db.tell(changes)),
            Err(_) => tx.rollback().await,
        };
        if ended.is_err() || result.is_err() {
            // It may be another connection the next time.
            self.synchronous = "";
        }
        let value = result?;
        ended.map_err(storage_error)?;
        Ok(value)
    }
}

/// Gives a server up that does not answer, and distrusts all connections when one was lost.
async fn bounded<T>(db: &Db, limit: Duration, once: impl Future<Output = Result<T>>) -> Result<T> {
    if db.backend() == DbBackend::Sqlite {
        return once.await;
    }
    let result = tokio::time::timeout(limit, once).await.unwrap_or_else(|_| {
        let message = format!("the database has not answered for {} s", limit.as_secs());
        Err(Error::unavailable(message).with_reason("storage.unreachable"))
    });
    if result.as_ref().is_err_and(is_lost) {
        db.connections.suspects.mark();
    }
    result
}

fn worth_another(error: &Error) -> bool {
    is_passing(error) || is_lost(error)
}

async fn pause(attempt: u32) {
    tokio::time::sleep(Duration::from_millis(u64::from(attempt * attempt) * 5)).await;
}

/// Writes all of a group, what makes room first.
async fn write(tx: &Tx, items: &[JobItem]) -> Result<Answers> {
    let mut answers = Answers::default();
    let mut settlements = Vec::new();
    let mut accepts = Vec::new();
    let mut claims = Vec::new();
    for item in items {
        match item {
            JobItem::Settle(asked) => settlements.extend(&asked.request),
            JobItem::Accept(asked) => accepts.push(&asked.request),
            JobItem::Claim(asked) => claims.push(&asked.request),
        }
    }
    if !settlements.is_empty() {
        answers.settled = settle::settle(tx, &settlements).await?;
    }
    if !accepts.is_empty() {
        answers.accepted = accept::accept(tx, &accepts).await?;
    }
    if !claims.is_empty() {
        answers.claims = claim::claim(tx, &claims).await?;
    }
    Ok(answers)
}

fn answer(items: Vec<JobItem>, answers: Answers) {
    let mut settled = answers.settled.into_iter();
    let mut accepted = answers.accepted.into_iter();
    let mut claims = answers.claims.into_iter();
    for item in items {
        match item {
            JobItem::Settle(asked) => {
                let count = asked.request.len();
                drop(asked.reply.send(Ok(settled.by_ref().take(count).collect())));
            }
            JobItem::Accept(asked) => drop(accepted.next().map(|answer| asked.reply.send(answer))),
            JobItem::Claim(asked) => drop(claims.next().map(|answer| asked.reply.send(answer))),
        }
    }
}
