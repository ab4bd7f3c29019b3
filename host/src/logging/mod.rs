//! The log: takes records of the host and its plugins to where configuration wants them.
//!
//! Records go through a bounded queue to one writing thread, because a terminal or a pipe that
//! nobody reads may block for ever and must not block a plugin with it. A full queue drops records
//! and counts them. The thread starts with the first record.

mod destination;
mod filter;
mod format;

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use ratchet_plugin_api::abi::LogRecord;
use ratchet_plugin_api::raw::LogBridge;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::cli::Color;
use crate::config::settings::{self, LogFormat, TargetType};
use crate::diagnostic::Diagnostic;
use destination::Destination;
use filter::Filter;

/// The name under which the host's own records appear.
const HOST: &str = "ratchet.host";

/// How many records may wait to be written: some seconds of a busy log, and a few MiB at most.
const QUEUE_MAX: usize = 8192;

/// How long to wait at the end for a destination that does not take what it is given.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// The most verbose level that anything listens to. Shared with every plugin.
static GATE: AtomicU8 = AtomicU8::new(0);

/// The running log. Dropping it writes what is still queued.
pub struct Logging {
    /// Takes a record; never blocks.
    pub sink: Arc<dyn Fn(LogRecord) + Send + Sync>,
    /// The most verbose level (1 error to 5 trace) that anything listens to; 0 for none.
    pub gate: &'static AtomicU8,
    queue: Arc<Queue>,
}

/// What the writing thread is told.
enum Message {
    Record(SystemTime, LogRecord),
    Flush(SyncSender<()>),
}

struct Queue {
    sender: OnceLock<SyncSender<Message>>,
    dropped: Arc<AtomicU64>,
    writer: std::sync::Mutex<Option<Writer>>,
}

impl Logging {
    /// Waits until everything logged so far is written, or its destination does not take it.
    pub fn flush(&self) {
        if let Some(sender) = self.queue.sender.get() {
            let (done, written) = sync_channel(1);
            let give_up = Instant::now() + FLUSH_TIMEOUT;
            let mut message = Message::Flush(done);
            while let Err(TrySendError::Full(back)) = sender.try_send(message) {
                if Instant::now() > give_up {
                    return;
                }
                message = back;
                std::thread::sleep(Duration::from_millis(1));
            }
            // An answer, none in time, or no thread any more: in every case that is all.
            let _ = written.recv_timeout(FLUSH_TIMEOUT);
        }
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Starts the log and makes it the subscriber of the host's own `tracing`.
///
/// # Errors
/// A file or system log that cannot be opened.
pub fn start(settings: &settings::Logging, color: Color) -> Result<Logging, Vec<Diagnostic>> {
    let filter =
        Filter::parse(&settings.level).map_err(|reason| vec![Diagnostic::error(reason)])?;
    let (destinations, problems): (Vec<_>, Vec<_>) =
        destination::open(settings, color).into_iter().partition(Result::is_ok);
    let problems: Vec<_> = problems.into_iter().filter_map(Result::err).collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let destinations: Vec<Destination> = destinations.into_iter().flatten().collect();
    let listened = destinations.iter().map(|destination| destination.level).max().unwrap_or(0);
    GATE.store(filter.most_verbose().min(listened), Ordering::Relaxed);
    let dropped = Arc::new(AtomicU64::new(0));
    let writer = Writer { destinations, dropped: Arc::clone(&dropped) };
    let queue =
        Queue { sender: OnceLock::new(), dropped, writer: std::sync::Mutex::new(Some(writer)) };
    let queue = Arc::new(queue);
    let sink: Arc<dyn Fn(LogRecord) + Send + Sync> = {
        let queue = Arc::clone(&queue);
        Arc::new(move |record| {
            if filter.passes(&record) {
                queue.put(record);
            }
        })
    };
    let layer = {
        let sink = Arc::clone(&sink);
        LogBridge::new(HOST, &GATE, move |record| sink(record))
    };
    // Fails where there is a subscriber already, as in tests, where it is right to leave it.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer));
    Ok(Logging { sink, gate: &GATE, queue })
}

/// What is wrong with the settings beyond their schema: the key, and why.
pub(crate) fn check(settings: &settings::Logging) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    let mut check_level = |key: String, level: &str| {
        if let Err(reason) = Filter::parse(level) {
            faults.push((key, reason));
        }
    };
    check_level("logging.level".into(), &settings.level);
    for (index, target) in settings.targets.iter().enumerate() {
        if let Some(level) = &target.level {
            check_level(format!("logging.targets.{index}.level"), level);
        }
    }
    for (index, target) in settings.targets.iter().enumerate() {
        if matches!(target.r#type, TargetType::File) && target.path.is_none() {
            let reason = "a log target of type `file` needs a `path`".to_owned();
            faults.push((format!("logging.targets.{index}"), reason));
        }
        if destination::facility(&target.facility).is_none() {
            let reason = format!("there is no syslog facility `{}`", target.facility);
            faults.push((format!("logging.targets.{index}.facility"), reason));
        }
    }
    let to_file = !matches!(settings.destination, settings::Destination::Console);
    if to_file && settings.file_config.is_none() && settings.targets.is_empty() {
        let reason = "logging to a file needs `logging.file_config.path`".to_owned();
        faults.push(("logging.destination".into(), reason));
    }
    faults
}

/// How lines look at one destination.
#[derive(Clone, Copy, Debug)]
struct Style {
    format: LogFormat,
    colored: bool,
    structured: bool,
    location: bool,
    context: bool,
}

impl Queue {
    fn put(&self, record: LogRecord) {
        let sender = self.sender.get_or_init(|| self.start());
        if let Err(TrySendError::Full(_)) =
            sender.try_send(Message::Record(SystemTime::now(), record))
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn start(&self) -> SyncSender<Message> {
        let (sender, receiver) = sync_channel(QUEUE_MAX);
        let writer = self.writer.lock().map(|mut writer| writer.take());
        if let Ok(Some(writer)) = writer {
            let thread = std::thread::Builder::new().name("log".into());
            // Without a thread the log stays silent; the work goes on.
            let _ = thread.spawn(move || writer.run(&receiver));
        }
        sender
    }
}

/// The end of the queue.
struct Writer {
    destinations: Vec<Destination>,
    dropped: Arc<AtomicU64>,
}

impl Writer {
    fn run(mut self, queue: &Receiver<Message>) {
        while let Ok(first) = queue.recv() {
            let mut waiting = Vec::new();
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Record(time, record) => self.put(time, &record),
                    Message::Flush(done) => waiting.push(done),
                }
                next = queue.try_recv().ok();
            }
            self.tell_of_dropped();
            self.destinations.iter_mut().for_each(Destination::flush);
            for done in waiting {
                // Whoever asked may have given up.
                let _ = done.send(());
            }
        }
    }

    fn put(&mut self, time: SystemTime, record: &LogRecord) {
        for destination in &mut self.destinations {
            if record.level <= destination.level {
                destination.put(time, record);
            }
        }
    }

    fn tell_of_dropped(&mut self) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let message =
                format!("{dropped} records of the log were dropped: it was written too fast");
            let record = LogRecord {
                level: 2,
                plugin: HOST.into(),
                target: module_path!().into(),
                file: file!().into(),
                line: line!(),
                message,
                fields: String::new(),
                spans: String::new(),
                trace: 0,
                execution: 0,
            };
            self.put(SystemTime::now(), &record);
        }
    }
}
