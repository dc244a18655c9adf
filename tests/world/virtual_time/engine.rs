//! The operator inside the test, in a thread of its own whose time stands still until it is moved (does I/O: threads, sockets).
//!
//! Time is moved on only when the operator has nothing to do but wait for time: its thread sleeps, and nothing is on its way
//! between it and the API server. What it asks of AWS is answered by the emulator in the same thread, at once or at a time.

use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use greengrass_emulator::Emulator;
use greengrass_operator::aws::{ClientSettings, Quotas};
use greengrass_operator::config::{CallRate, Config};
use greengrass_operator::controller::clock::Clock;
use greengrass_operator::controller::objects::Namespaces;
use greengrass_operator::operator::{Surroundings, run_in};
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::EnvFilter;

use super::super::{ACCOUNT, Kind};
use super::traffic::Traffic;

/// Something is wrong with the harness or the operator is in a loop: on a machine at rest it takes a millisecond.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the thread must have slept: long enough that a sleep is none between two wake-ups of the same moment.
const GLANCE: Duration = Duration::from_micros(60);
/// The end of the log that a failing test shows.
const LOG_KEPT: usize = 1 << 20;

enum Command {
    Advance(Duration, mpsc::Sender<()>),
    /// How many tasks its runtime has.
    CountTasks(mpsc::Sender<usize>),
    /// SIGTERM.
    End(mpsc::Sender<()>),
}

/// The operator, running.
pub(super) struct Engine {
    commands: Option<UnboundedSender<Command>>,
    thread: Option<JoinHandle<()>>,
    sleep: Arc<Sleep>,
    traffic: Traffic,
    log: Log,
}

/// Whether the thread sleeps, and how often it fell asleep.
#[derive(Default)]
struct Sleep {
    asleep: AtomicBool,
    times: AtomicU64,
}

impl Engine {
    /// Starts the operator at the emulator's time, with the rights of this kubeconfig, and waits until it has read everything.
    pub(super) fn start(kind: Kind, namespaces: &[String], kubeconfig: &Path, emulator: &Emulator, log: &Log) -> Self {
        let (commands, received) = unbounded_channel();
        let (sleep, traffic) = (Arc::new(Sleep::default()), Traffic::of(kind));
        let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
        let thread = {
            let (namespaces, emulator, log) = (namespaces.to_vec(), emulator.clone(), log.clone());
            let (sleep, traffic) = (Arc::clone(&sleep), traffic.clone());
            let name = format!("operator of {}", namespaces.join(" and "));
            let run = move || {
                let _logged = log_to(&log);
                run(kind, &namespaces, kubeconfig, &emulator, &sleep, &traffic, received);
            };
            std::thread::Builder::new().name(name).spawn(run).unwrap()
        };
        let engine = Self { commands: Some(commands), thread: Some(thread), sleep, traffic, log: log.clone() };
        engine.settle();
        while !engine.traffic.has_watched() {
            // Rights that come a moment after their binding: the watch is begun again after a while.
            engine.advance(Duration::from_millis(200));
            engine.settle();
        }
        engine
    }

    pub(super) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Waits, by the machine's clock, until the operator only waits for time.
    pub(super) fn settle(&self) {
        let begun = Instant::now();
        let mut before = None;
        loop {
            let now = (self.sleep.times.load(Ordering::SeqCst), self.traffic.requests());
            let quiet = self.sleep.asleep.load(Ordering::SeqCst) && self.traffic.is_quiet();
            if quiet && before == Some(now) {
                return;
            }
            before = quiet.then_some(now);
            assert!(begun.elapsed() < PATIENCE, "the operator does not come to rest\n{}", self.log.end());
            assert!(!self.log.has_defect(), "a defect of the operator\n{}", self.log.end());
            std::thread::sleep(GLANCE);
        }
    }

    /// Moves time on, at once.
    pub(super) fn advance(&self, by: Duration) {
        self.command(|done| Command::Advance(by, done));
    }

    /// Ends the operator as SIGTERM does.
    pub(super) fn end(self) {
        self.command(Command::End);
    }

    /// How many tasks there are, the operator's and those of its connections.
    pub(super) fn alive_tasks(&self) -> usize {
        self.command(Command::CountTasks)
    }

    fn command<T>(&self, command: impl FnOnce(mpsc::Sender<T>) -> Command) -> T {
        let (done, answer) = mpsc::channel();
        let sent = self.commands.as_ref().is_some_and(|commands| commands.send(command(done)).is_ok());
        let answer = sent.then(|| answer.recv_timeout(PATIENCE).ok()).flatten();
        answer.unwrap_or_else(|| panic!("the operator has ended\n{}", self.log.end()))
    }
}

/// As SIGKILL: whatever it is doing breaks off, and nothing of it remains.
impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the operator's thread panicked\n{}", self.log.end());
        }
    }
}

fn log_to(log: &Log) -> DefaultGuard {
    let log = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("warn,greengrass_operator=debug"))
        .with_ansi(false)
        .with_writer(move || log.clone())
        .finish();
    tracing::subscriber::set_default(subscriber)
}

fn run(
    kind: Kind,
    namespaces: &[String],
    kubeconfig: Kubeconfig,
    emulator: &Emulator,
    sleep: &Arc<Sleep>,
    traffic: &Traffic,
    commands: UnboundedReceiver<Command>,
) {
    let (asleep, awake) = (Arc::clone(sleep), Arc::clone(sleep));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .on_thread_park(move || {
            asleep.times.fetch_add(1, Ordering::SeqCst);
            asleep.asleep.store(true, Ordering::SeqCst);
        })
        .on_thread_unpark(move || awake.asleep.store(false, Ordering::SeqCst))
        .build()
        .unwrap();
    // Its end ends the task that waits for it, which the runtime would else wait for.
    let (held, hold) = mpsc::channel::<()>();
    runtime.block_on(async move {
        // Paused time would run on by itself whenever all wait for an answer from a socket, were there no task in a thread.
        tokio::task::spawn_blocking(move || hold.recv());
        obey(kind, namespaces, kubeconfig, emulator, traffic, commands).await;
    });
    drop(held);
}

async fn obey(
    kind: Kind,
    namespaces: &[String],
    kubeconfig: Kubeconfig,
    emulator: &Emulator,
    traffic: &Traffic,
    mut commands: UnboundedReceiver<Command>,
) {
    let clock = Clock::at(emulator.now());
    let mut kubernetes = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    kubernetes.default_retry = false;
    let surroundings = Surroundings {
        kubernetes: ClientBuilder::try_from(kubernetes).unwrap().with_layer(traffic).build(),
        aws: ClientSettings::default()
            .with_http_client(emulator.http_client())
            .with_access_key(ACCOUNT, "secret")
            .with_time(move || clock.now()),
        clock,
    };
    let config = Config {
        cluster_name: Some("test".parse().unwrap()),
        namespaces: Namespaces::Only(namespaces.iter().cloned().collect()),
        admin_address: SocketAddr::from(([127, 0, 0, 1], 0)),
        drift_interval: "5m".parse().unwrap(),
        concurrency: NonZeroUsize::new(32).unwrap(),
        greengrass_rate: CallRate::per_second(Quotas::GREENGRASS),
        iot_jobs_rate: CallRate::per_second(Quotas::IOT_JOBS),
        instance_name: "virtual".to_owned(),
        aws_region: None,
        allow_insecure_endpoints: true,
        identity_selector: None,
        things_graph: kind == Kind::SystemInstance,
        leader_election: None,
    };
    let stop = CancellationToken::new();
    let operator = tokio::spawn(run_in(surroundings, config, stop.clone()));
    while let Some(command) = commands.recv().await {
        assert!(!operator.is_finished(), "the operator has ended by itself");
        match command {
            Command::Advance(by, done) => {
                emulator.advance(by).unwrap();
                tokio::time::advance(by).await;
                let _ = done.send(());
            }
            Command::CountTasks(done) => {
                let _ = done.send(tokio::runtime::Handle::current().metrics().num_alive_tasks());
            }
            Command::End(done) => {
                stop.cancel();
                operator.await.unwrap().unwrap();
                let _ = done.send(());
                return;
            }
        }
    }
}

/// What the operator logs. Clones are one log.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Logged>>);

#[derive(Default)]
struct Logged {
    text: Vec<u8>,
    has_defect: bool,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Logged> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a turn panicked or hung.
    fn has_defect(&self) -> bool {
        self.lock().has_defect
    }

    /// The last lines.
    pub(super) fn end(&self) -> String {
        let text = String::from_utf8_lossy(&self.lock().text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(80)..].join("\n")
    }
}

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let mut logged = self.lock();
        let is = |words: &str| line.windows(words.len()).any(|window| window == words.as_bytes());
        logged.has_defect |= is("turn panicked") || is("turn broke off");
        logged.text.extend_from_slice(line);
        let too_much = logged.text.len().saturating_sub(2 * LOG_KEPT);
        if too_much > 0 {
            logged.text.drain(..LOG_KEPT);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
