//! A worker process, from inside: `ratchet --worker`.
//!
//! The order is the point. The process is told what to be, loads the plugin's file, shuts itself
//! in, and only then runs any of the plugin's code; task code comes later still.

use std::fs::File;
use std::io::Read;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::time::Duration;

use bytes::BytesMut;
use ratchet_plugin_api::abi::{
    LogRecord, PluginHandle, PluginModuleRef, RawService, RawStream, ServiceHandle,
};
use ratchet_plugin_api::raw::{BoxFuture, Executor, LogBridge};
use ratchet_plugin_api::{Call, Code, Error, Result};
use rustix::process::{Pid, Signal};
use tokio::net::UnixStream;
use tokio::sync::{Notify, watch};
use tracing_subscriber::layer::SubscriberExt;

use super::WorkerSetup;
use super::frame::{self, Frame};
use super::peer::{Answer, Peer};
use super::sandbox;
use crate::registry::Registry;
use crate::view::Surroundings;

/// How long the plugin may take to stop when the host asks.
const STOP_DEADLINE: Duration = Duration::from_secs(2);

static LOG_GATE: AtomicU8 = AtomicU8::new(0);

/// Runs a worker process to its end. Its standard input is the connection to the host.
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error is the host's way to learn why a worker ended.
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    sandbox::share_one_heap();
    let socket = sandbox::take_over_stdio()?;
    let mut buffer = BytesMut::new();
    let setup = read_setup(&socket, &mut buffer)?;
    leave_with_host(&setup)?;
    sandbox::close_inherited(&socket)?;
    let prepared = prepare(&setup);
    socket.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(socket, &setup, prepared))
}

/// Reads the first frame and nothing behind it: the host sends nothing else before its answer.
fn read_setup(socket: &StdUnixStream, buffer: &mut BytesMut) -> Result<WorkerSetup> {
    let mut chunk = [0; 4096];
    loop {
        match frame::decode(buffer)? {
            Some(Frame::Setup(setup)) => return Ok(*setup),
            Some(_) => return Err(Error::invalid("the first frame is not the setup")),
            None => {}
        }
        match (&*socket).read(&mut chunk)? {
            0 => return Err(Error::unavailable("the host closed the connection")),
            count => buffer.extend_from_slice(&chunk[..count]),
        }
    }
}

/// Makes sure that the worker ends with its host, and does not get the terminal's signals.
fn leave_with_host(setup: &WorkerSetup) -> Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(std::io::Error::from)?;
    let parent = rustix::process::getppid().map(Pid::as_raw_nonzero);
    if parent.map(|pid| pid.get().unsigned_abs()) != Some(setup.host_pid) {
        return Err(Error::unavailable("the host has gone already"));
    }
    rustix::process::setpgid(None, None).map_err(std::io::Error::from)?;
    Ok(())
}

/// Loads the plugin's file and shuts the process in. A failure is told to the host later, when
/// there is a connection to tell it on.
fn prepare(setup: &WorkerSetup) -> Result<(PluginModuleRef, sandbox::Enforced)> {
    let module = crate::load::load(&File::open(&setup.file)?)?;
    let enforced = sandbox::enter(setup.sandbox, setup.memory_bytes)?;
    Ok((module, enforced))
}

async fn serve(
    socket: StdUnixStream,
    setup: &WorkerSetup,
    prepared: Result<(PluginModuleRef, sandbox::Enforced)>,
) -> Result<()> {
    let registry = Arc::new(Registry::new());
    let offered = Arc::clone(&registry);
    let plugin = setup.plugin.clone();
    let provides = setup.provides.clone();
    let targets = Arc::new(move |target: u32| {
        let wanted = provides
            .get(target as usize)
            .ok_or_else(|| Error::not_found(format!("there is no target {target}")))?;
        let major = wanted.major();
        let found = offered.offer_of(&plugin, &wanted.service, major, &wanted.instance);
        found.ok_or_else(|| {
            Error::new(Code::Gone, format!("{plugin} no longer provides {}", wanted.service))
        })
    });
    let peer = Peer::new(UnixStream::from_std(socket)?, targets);
    let stop = Arc::new(Notify::new());
    let (stopping, stopped) = watch::channel(false);
    let surroundings = surroundings(&peer, setup, &registry, stopped);
    let log = Arc::clone(&surroundings.log);
    let bridge = LogBridge::new("ratchet.host", &LOG_GATE, move |record| log(record));
    // The first and only subscriber of this process.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(bridge));

    let asked = Arc::clone(&stop);
    let connection = peer.clone();
    let talking = async move {
        connection
            .run(|frame| match frame {
                Frame::Stop => asked.notify_one(),
                Frame::Pong => {}
                _ => tracing::warn!("the host said something out of place"),
            })
            .await
    };
    let living = async {
        let started = start(&surroundings, setup, prepared).await;
        let (handle, missing) = match started {
            Ok(started) => started,
            Err(error) => {
                peer.send(&Frame::Started(Err(error)));
                return std::future::pending().await;
            }
        };
        peer.send(&Frame::Started(Ok(missing)));
        stop.notified().await;
        stopping.send_replace(true);
        handle.stop(Call::root().within(STOP_DEADLINE)).await
    };
    tokio::select! {
        ended = talking => ended,
        ended = living => ended,
    }
}

async fn start(
    surroundings: &Surroundings,
    setup: &WorkerSetup,
    prepared: Result<(PluginModuleRef, sandbox::Enforced)>,
) -> Result<(PluginHandle, Vec<String>)> {
    let (module, enforced) = prepared?;
    let plugin = module.make(surroundings.view(&setup.plugin, Default::default()))?;
    plugin.start(setup.config.clone()).await?;
    Ok((plugin, enforced.missing.into_iter().map(str::to_owned).collect()))
}

fn surroundings(
    peer: &Peer,
    setup: &WorkerSetup,
    registry: &Arc<Registry>,
    stopping: watch::Receiver<bool>,
) -> Surroundings {
    LOG_GATE.store(setup.log_level, std::sync::atomic::Ordering::Relaxed);
    for (target, needed) in setup.services.iter().enumerate() {
        let bridged = Bridged { peer: peer.clone(), target: target as u32 };
        let executor = Executor::inline(tokio::runtime::Handle::current());
        let handle = ServiceHandle::new(Arc::new(bridged), executor);
        let major = needed.major();
        // Each is named once, so no two of them can collide.
        let _ = registry.provide("ratchet.host", &needed.service, major, "", handle);
    }
    let (logging, printing) = (peer.clone(), peer.clone());
    Surroundings {
        registry: Arc::clone(registry),
        log: Arc::new(move |record: LogRecord| {
            logging.send(&Frame::Log(record.into()));
        }),
        log_gate: &LOG_GATE,
        print: Arc::new(move |text: &[u8]| {
            printing.send(&Frame::Print(text.to_vec().into()));
            Ok(())
        }),
        stopping,
        answer: Arc::new(|what: &str, _: &str| {
            let message = format!("a worker cannot answer `{what}`");
            Err(Error::new(Code::Unsupported, message))
        }),
    }
}

/// A service of the host, called from the worker.
struct Bridged {
    peer: Peer,
    target: u32,
}

impl RawService for Bridged {
    fn call(&self, method: &str, call: Call, arguments: Vec<u8>) -> BoxFuture<Result<Vec<u8>>> {
        let request = self.peer.call(self.target, method, call, arguments.into());
        Box::pin(async move {
            match request.answer().await? {
                Answer::Value(bytes) => Ok(bytes.into()),
                _ => Err(Error::internal("another kind of answer came")),
            }
        })
    }

    fn open(
        &self,
        method: &str,
        call: Call,
        arguments: Vec<u8>,
        input: Option<RawStream>,
    ) -> BoxFuture<Result<RawStream>> {
        let request = self.peer.open(self.target, method, call, arguments.into(), input);
        let peer = self.peer.clone();
        Box::pin(async move {
            match request.answer().await? {
                Answer::Stream(number) => Ok(peer.remote_stream(number)),
                _ => Err(Error::internal("another kind of answer came")),
            }
        })
    }

    fn describe(&self) -> String {
        "{}".to_owned()
    }
}
