//! What changes: told by whoever writes, here or in another process.
//!
//! On PostgreSQL, others are told with NOTIFY, in a statement of its own because a transaction that
//! notifies commits one after the other. On a file of SQLite, others are noticed by the version the
//! database counts, which is looked at once a second and only if the file was written to. Neither
//! is relied on: whoever follows looks for itself now and then.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use ratchet_plugin_api::model::Id;
use ratchet_plugin_api::services::Change;
use ratchet_plugin_api::{Result, Stream};
use sea_orm::{DatabaseConnection, DbBackend, DbErr, RuntimeErr};
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinHandle;

use super::sql::{get, query, query_number};
use super::{Db, storage_error};

/// Changes a follower may be behind before it is told that anything may have changed.
const BEHIND: usize = 4096;

/// How often the file of SQLite is looked at.
const LOOK: Duration = Duration::from_millis(1000);

/// What is told together, so that many changes at once are one message.
const GATHER: Duration = Duration::from_millis(2);

/// Silence after which the connection that listens is tested.
const SILENCE: Duration = Duration::from_secs(10);

/// The channel of PostgreSQL.
const CHANNEL: &str = "ratchet_changes";

/// A message may have 8000 bytes, and a change has up to 60.
const MESSAGE: usize = 100;

/// When one does not know what has changed.
const ANYTHING: [Change; 4] = [Change::Ready, Change::Tasks, Change::Schedules, Change::Deliveries];

/// Tells changes on.
pub(super) struct Watch {
    /// Who tells, so that nobody hears itself.
    own: Id,
    /// Whether others are told.
    shared: bool,
    news: broadcast::Sender<Change>,
    /// What others have not been told yet.
    outgoing: Mutex<Vec<Change>>,
    wake: Notify,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Serialize, Deserialize)]
struct Message {
    from: Id,
    changes: Vec<Change>,
}

impl Watch {
    pub(super) fn new(shared: bool) -> Self {
        Self {
            own: Id::new(),
            shared,
            news: broadcast::channel(BEHIND).0,
            outgoing: Mutex::default(),
            wake: Notify::new(),
            tasks: Mutex::default(),
        }
    }

    /// Tells followers here, and others soon.
    pub(super) fn tell(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        if self.news.receiver_count() > 0 {
            self.hear(changes.iter().cloned());
        }
        if !self.shared {
            return;
        }
        let mut outgoing = self.outgoing.lock().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            let known = !matches!(change, Change::Job(_)) && outgoing.contains(&change);
            if !known && outgoing.len() < BEHIND {
                outgoing.push(change);
            }
        }
        drop(outgoing);
        self.wake.notify_one();
    }

    /// Tells followers here only.
    fn hear(&self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            let _ = self.news.send(change);
        }
    }

    /// Ends what listens to others and tells them.
    pub(super) fn stop(&self) {
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }

    /// What changes from now on.
    pub(super) fn follow(&self) -> Stream<Change> {
        let mut news = self.news.subscribe();
        let (sender, stream) = Stream::channel(64);
        tokio::spawn(async move {
            loop {
                let heard = tokio::select! {
                    heard = news.recv() => heard,
                    () = sender.closed() => return,
                };
                let changes = match heard {
                    Ok(change) => vec![change],
                    Err(broadcast::error::RecvError::Lagged(_)) => ANYTHING.to_vec(),
                    Err(broadcast::error::RecvError::Closed) => return,
                };
                for change in changes {
                    if sender.send(Ok(change)).await.is_err() {
                        return;
                    }
                }
            }
        });
        stream
    }

    fn take(&self) -> Vec<Change> {
        std::mem::take(&mut *self.outgoing.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Starts what listens to others and tells them. None of it keeps the database open.
pub(super) fn start(db: &Db) {
    let (watch, read) = (Arc::clone(&db.watch), db.connections.read.clone());
    let tasks = match (db.backend(), db.path()) {
        (DbBackend::Sqlite, Some(path)) => {
            let write = db.connections.write.clone();
            vec![tokio::spawn(look(watch, read, write, path.to_owned()))]
        }
        (DbBackend::Sqlite, None) => Vec::new(),
        _ => vec![
            tokio::spawn(notify(Arc::clone(&watch), read.clone())),
            tokio::spawn(listen(watch, db.connections.write.clone())),
        ],
    };
    *db.watch.tasks.lock().unwrap_or_else(PoisonError::into_inner) = tasks;
}

/// Looks whether another process has written to the file.
async fn look(
    watch: Arc<Watch>,
    read: DatabaseConnection,
    write: DatabaseConnection,
    path: PathBuf,
) {
    let mut log = path.clone().into_os_string();
    log.push("-wal");
    let files = [path, log.into()];
    let (mut seen, mut version) = (written(&files), None);
    loop {
        tokio::time::sleep(LOOK).await;
        let now = written(&files);
        if now == seen && version.is_some() {
            continue;
        }
        // Only this connection counts what others did and not what it did itself.
        let sql = "PRAGMA data_version";
        let Ok(counted) = query_number(&write, sql, []).await else { continue };
        seen = now;
        // The first count may hold what others wrote since this one began, so it is news too.
        if version.replace(counted) != Some(counted) {
            watch.hear(ANYTHING);
            if let Ok(asked) = cancelling(&read).await {
                watch.hear(asked.into_iter().map(Change::Cancel));
            }
        }
    }
}

/// When the files were last written to, and how large they are.
fn written(files: &[PathBuf; 2]) -> [Option<(SystemTime, u64)>; 2] {
    files.each_ref().map(|file| {
        let about = std::fs::metadata(file).ok()?;
        Some((about.modified().ok()?, about.len()))
    })
}

/// Executions whose cancellation was asked for.
async fn cancelling(read: &DatabaseConnection) -> Result<Vec<Id>> {
    let sql = "SELECT execution FROM jobs WHERE hold = 6 AND cancelling";
    let rows = query(read, sql, []).await?;
    rows.iter().map(|row| get::<uuid::Uuid>(row, 0).map(|id| Id::from_u128(id.as_u128()))).collect()
}

/// Tells other processes what has changed here.
async fn notify(watch: Arc<Watch>, connection: DatabaseConnection) {
    loop {
        watch.wake.notified().await;
        tokio::time::sleep(GATHER).await;
        let (from, changes) = (watch.own, watch.take());
        for part in changes.chunks(MESSAGE) {
            let message = Message { from, changes: part.to_vec() };
            let Ok(text) = serde_json::to_string(&message) else { continue };
            let sql = "SELECT 1 FROM pg_notify($1, $2)";
            if let Err(error) = query(&connection, sql, [CHANNEL.into(), text.into()]).await {
                tracing::debug!(%error, "others were not told what has changed");
            }
        }
    }
}

/// Hears what has changed in other processes, for ever.
async fn listen(watch: Arc<Watch>, connection: DatabaseConnection) {
    loop {
        if let Err(error) = hear(&watch, &connection).await {
            tracing::debug!(%error, "the connection that hears of changes was lost");
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn hear(watch: &Watch, connection: &DatabaseConnection) -> Result<()> {
    let failed = |error| storage_error(DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))));
    let pool = connection.get_postgres_connection_pool();
    // A pool of its own: one that is half open would be waited for when it is given back.
    let options = (*pool.connect_options()).clone();
    let own = PgPoolOptions::new().max_connections(1).acquire_timeout(Duration::from_secs(5));
    let own = own.connect_with(options).await.map_err(failed)?;
    let mut listener = PgListener::connect_with(&own).await.map_err(failed)?;
    listener.listen(CHANNEL).await.map_err(failed)?;
    // Whatever was told while nobody listened.
    watch.hear(ANYTHING);
    loop {
        match tokio::time::timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(notification))) => {
                if let Ok(message) = serde_json::from_str::<Message>(notification.payload())
                    && message.from != watch.own
                {
                    watch.hear(message.changes);
                }
            }
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(failed(error)),
            // A connection that is half open is silent as well.
            Err(_) => {
                let test = sqlx::query("SELECT 1").execute(&mut listener);
                match tokio::time::timeout(Duration::from_secs(3), test).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => return Err(failed(error)),
                    Err(_) => return Ok(()),
                }
            }
        }
    }
}
