//! The emulator as a program: command line, logs, signals. I/O.

use std::{
    io::{IsTerminal, Write},
    net::SocketAddr,
    path::PathBuf,
    time::Duration,
};

use anyhow::Context;
use clap::{CommandFactory, FromArgMatches, Parser};
use greengrass_emulator::{AccessKey, DEFAULT_ACCOUNT, Emulator, Fleet, Limits, ManualClock, Quotas, Switches, Tls};
use jiff::Timestamp;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

/// How long calls that have arrived may take after a signal to stop. A call that a fault keeps hanging never ends by itself.
const GRACE: Duration = Duration::from_secs(2);

/// AWS IoT Greengrass V2 on one machine: deployments, jobs, things and simulated core devices, for tests and demonstrations.
///
/// Point a client at it with AWS_ENDPOINT_URL. An access key id of twelve digits is the caller's account, with the secret access key 'secret';
/// the id 'test' with the secret 'test' is the default account. Signatures are verified unless --switch signatures=anything says otherwise.
/// GET /_emulator/calls shows every call, GET /_emulator/devices/NAME what a device has.
#[derive(Parser)]
#[command(version)]
#[expect(clippy::doc_markdown, reason = "printed by --help")]
struct Arguments {
    /// Address and port to listen on, IPv6 as [::1]:4566; port 0 takes a free one, which is printed. May be repeated.
    #[arg(long, env = "GREENGRASS_EMULATOR_LISTEN", value_delimiter = ',', default_value = "127.0.0.1:4566")]
    listen: Vec<SocketAddr>,

    /// Account of the access key id 'test'.
    #[arg(long, env = "GREENGRASS_EMULATOR_ACCOUNT", default_value = DEFAULT_ACCOUNT, value_parser = account)]
    account: String,

    /// An access key besides those that need no configuration. May be repeated; separated by commas in the variable.
    #[arg(
        long = "access-key",
        env = "GREENGRASS_EMULATOR_ACCESS_KEYS",
        value_name = "ID:SECRET:ACCOUNT",
        value_delimiter = ',',
        // --help would show the secrets.
        hide_env_values = true
    )]
    access_keys: Vec<String>,

    /// What generated ids and the chances of devices follow from: the same seed and the same calls give the same run. Random when absent.
    #[arg(long, env = "GREENGRASS_EMULATOR_SEED")]
    seed: Option<u64>,

    /// Position of a switch, as NAME=POSITION; GET /_emulator/switches shows all. May be repeated; separated by commas in the variable.
    #[arg(long = "switch", env = "GREENGRASS_EMULATOR_SWITCHES", value_name = "NAME=POSITION", value_delimiter = ',')]
    switches: Vec<String>,

    /// A quota on calls, as NAME=RATE: greengrass or jobs, and a number a second or unlimited. May be repeated. By default AWS's own.
    #[arg(long = "quota", env = "GREENGRASS_EMULATOR_QUOTAS", value_name = "NAME=RATE", value_delimiter = ',')]
    quotas: Vec<String>,

    /// What it bears, as NAME=NUMBER: connections, headSeconds, bodySeconds, idleSeconds, pages, ledgerCalls or ledgerMebibytes. May be repeated.
    #[arg(long = "limit", env = "GREENGRASS_EMULATOR_LIMITS", value_name = "NAME=NUMBER", value_delimiter = ',')]
    limits: Vec<String>,

    /// A fleet to start with, in YAML or JSON: thing groups and core devices with their behaviour. May be repeated.
    #[arg(long = "fleet", env = "GREENGRASS_EMULATOR_FLEET", value_name = "FILE", value_delimiter = ',')]
    fleets: Vec<PathBuf>,

    /// The role of a fleet whose credentials the instance metadata service hands out, by its ARN: AWS_EC2_METADATA_SERVICE_ENDPOINT.
    #[arg(long, env = "GREENGRASS_EMULATOR_INSTANCE_ROLE", value_name = "ARN")]
    instance_role: Option<String>,

    /// Speak HTTPS with the certificate in this file (PEM), with those behind it if there are any.
    #[arg(long, env = "GREENGRASS_EMULATOR_TLS_CERTIFICATE", value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,

    /// The key of the certificate (PEM).
    #[arg(long, env = "GREENGRASS_EMULATOR_TLS_KEY", value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,

    /// Speak HTTPS with a certificate that is made at the start, and write that of its authority to this file (PEM): for AWS_CA_BUNDLE.
    #[arg(
        long,
        env = "GREENGRASS_EMULATOR_TLS_SELF_SIGNED",
        value_name = "FILE",
        conflicts_with_all = ["tls_certificate", "tls_key"]
    )]
    tls_self_signed: Option<PathBuf>,

    /// A file that the state is kept in, so that it is there again at the next start; made when there is none. By default it is gone at the end.
    #[arg(long, env = "GREENGRASS_EMULATOR_STATE", value_name = "FILE")]
    state: Option<PathBuf>,

    /// Start at this time (RFC 3339) and stand still until POST /_emulator/clock moves the clock on.
    #[arg(long, env = "GREENGRASS_EMULATOR_MANUAL_CLOCK", value_name = "TIME")]
    manual_clock: Option<Timestamp>,

    /// Log filter, as RUST_LOG has it.
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    log: String,
}

fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("an account is twelve digits".to_owned())
    }
}

impl Arguments {
    fn switches(&self) -> anyhow::Result<Switches> {
        self.switches.iter().try_fold(Switches::default(), |switches, flag| {
            switches.with_flag(flag).with_context(|| format!("--switch {flag}"))
        })
    }

    /// Parsed here and not by clap, which would repeat a wrong one with its secret.
    fn access_keys(&self) -> anyhow::Result<Vec<AccessKey>> {
        self.access_keys.iter().map(|key| key.parse().context("--access-key")).collect()
    }
}

impl Arguments {
    fn quotas(&self) -> anyhow::Result<Quotas> {
        self.quotas.iter().try_fold(Quotas::default(), |quotas, flag| {
            quotas.with_flag(flag).with_context(|| format!("--quota {flag}"))
        })
    }

    fn limits(&self) -> anyhow::Result<Limits> {
        self.limits.iter().try_fold(Limits::default(), |limits, flag| {
            limits.with_flag(flag).with_context(|| format!("--limit {flag}"))
        })
    }

    fn tls(&self) -> anyhow::Result<Option<Tls>> {
        if let (Some(certificate), Some(key)) = (&self.tls_certificate, &self.tls_key) {
            return Ok(Some(Tls::from_files(certificate, key).context("--tls-certificate, --tls-key")?));
        }
        let Some(file) = &self.tls_self_signed else {
            return Ok(None);
        };
        let addresses: Vec<_> = self.listen.iter().map(SocketAddr::ip).collect();
        let (tls, authority) = Tls::made_for(&addresses).context("--tls-self-signed")?;
        std::fs::write(file, authority).with_context(|| format!("--tls-self-signed {}", file.display()))?;
        Ok(Some(tls))
    }

    fn fleets(&self) -> anyhow::Result<Vec<Fleet>> {
        let read = |file: &PathBuf| {
            let text = std::fs::read_to_string(file).with_context(|| format!("--fleet {}", file.display()))?;
            Fleet::from_yaml(&text).with_context(|| format!("--fleet {}", file.display()))
        };
        self.fleets.iter().map(read).collect()
    }
}

/// The switches as `--help` lists them.
fn switch_help() -> String {
    let plain = |text: &str| text.replace('`', "");
    let switches = Switches::descriptions().into_iter().map(|switch| {
        let default = switch.milliseconds.map(|milliseconds| format!("={milliseconds}")).unwrap_or_default();
        let head = format!("\n  {}{default}\n      {}", switch.name, plain(&switch.about));
        let positions = switch.positions.iter().map(|(name, about)| format!("      {name}: {}", plain(about)));
        std::iter::once(head).chain(positions).collect::<Vec<_>>().join("\n")
    });
    let title = "Switches, for what AWS does but doesn't document. The first position is the default:".to_owned();
    std::iter::once(title).chain(switches).collect::<Vec<_>>().join("\n")
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let matches = Arguments::command().after_long_help(switch_help()).get_matches();
    let arguments = Arguments::from_arg_matches(&matches)?;
    let filter = EnvFilter::try_new(&arguments.log).context("--log")?;
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();

    let mut builder = Emulator::builder()
        .switches(arguments.switches()?)
        .quotas(arguments.quotas()?)
        .limits(arguments.limits()?)
        .default_account(&arguments.account)
        .seed(arguments.seed.unwrap_or_else(random_seed));
    for key in arguments.access_keys()? {
        builder = builder.access_key(key);
    }
    if let Some(start) = arguments.manual_clock {
        builder = builder.clock(ManualClock::starting_at(start));
    }
    let emulator = match &arguments.state {
        Some(file) => builder.open(file).context("--state")?,
        None => builder.build(),
    };
    for fleet in arguments.fleets()? {
        if let Some(devices) = emulator.begin_with_fleet(&fleet).context("--fleet")? {
            tracing::info!(devices, "fleet");
        } else {
            tracing::info!("the state has this fleet already: its devices go on as they are");
        }
    }

    if let Some(arn) = &arguments.instance_role {
        anyhow::ensure!(emulator.set_instance_role(Some(arn)), "--instance-role {arn}: no --fleet has such a role");
    }

    let tls = arguments.tls()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let mut listeners = Vec::new();
    for address in &arguments.listen {
        listeners.push(TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?);
    }
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    // On stdout, a line for each in the order of the options, and at once: scripts wait for them.
    let mut stdout = std::io::stdout();
    for listener in &listeners {
        writeln!(stdout, "listening on {scheme}://{}", listener.local_addr()?)?;
    }
    stdout.flush()?;

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async {
        let _ = stopped.await;
    };
    let mut server: futures::future::BoxFuture<'_, _> = match tls {
        Some(tls) => Box::pin(emulator.serve_tls_until(listeners, tls, stopped)),
        None => Box::pin(emulator.serve_all_until(listeners, stopped)),
    };
    tokio::select! {
        ended = &mut server => return ended.context("the server ended"),
        _ = terminated.recv() => tracing::info!("SIGTERM: stopping"),
        _ = interrupted.recv() => tracing::info!("SIGINT: stopping"),
    }
    let _ = stop.send(());
    if let Ok(ended) = tokio::time::timeout(GRACE, server).await {
        return ended.context("the server ended");
    }
    tracing::info!("calls are still open; stopping nevertheless");
    Ok(())
}

fn random_seed() -> u64 {
    let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
    high ^ low
}
