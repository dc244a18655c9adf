//! `run`: the operator itself. I/O: reads arguments and environment, starts the operator and passes signals on.

use std::net::SocketAddr;
use std::num::NonZeroUsize;

use clap::Args;
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::aws::Quotas;
use crate::config::{CallRate, ClusterName, Config, DriftInterval, NamespaceName};
use crate::controller::driver::DEFAULT_CONCURRENCY;
use crate::controller::objects::Namespaces;
use crate::identity::IdentitySelector;
use crate::leadership::{ElectionDuration, InvalidTimings, LeaderElection, LeaseName, Timings};
use crate::operator::{self, RunError};
use crate::telemetry::log::{self, LogError, LogFormat};
use crate::telemetry::traces::{Endpoint, Traces, TracesError};

/// More threads than this have nothing to do: the operator waits for answers most of the time, and each costs memory.
const MOST_THREADS: usize = 4;
/// Each turn that runs may need a connection of its own; beyond this the API server's own limits (400) are near.
const MOST_CONCURRENCY: u16 = 256;

#[derive(Debug, Args)]
#[allow(clippy::doc_markdown, reason = "shown as help, where backticks would be in the way")]
pub(super) struct RunArgs {
    /// Name of this cluster in the tags of its deployments in AWS. Clusters that deploy to one account need different
    /// names, and a name must never change. Default: the UID of the namespace kube-system.
    #[arg(long, env = "GREENGRASS_OPERATOR_CLUSTER_NAME", value_name = "NAME")]
    cluster_name: Option<ClusterName>,

    /// Namespaces to look at, separated by commas. Default: all.
    #[arg(long, env = "GREENGRASS_OPERATOR_WATCH_NAMESPACES", value_name = "NAMESPACE,…", value_delimiter = ',')]
    watch_namespaces: Vec<NamespaceName>,

    /// Address and port of /livez, /readyz and /metrics.
    #[arg(long, env = "GREENGRASS_OPERATOR_ADMIN_ADDRESS", value_name = "IP:PORT", default_value = "0.0.0.0:8080")]
    admin_address: SocketAddr,

    /// How often a resource that is in order is compared with AWS, from 10s to 24h; spread by a tenth either way.
    #[arg(long, env = "GREENGRASS_OPERATOR_DRIFT_INTERVAL", value_name = "DURATION", default_value = "5m")]
    drift_interval: DriftInterval,

    /// How many resources are worked on at once, from 1 to 256.
    #[arg(
        long,
        env = "GREENGRASS_OPERATOR_CONCURRENCY",
        value_name = "COUNT",
        default_value_t = DEFAULT_CONCURRENCY,
        value_parser = concurrency
    )]
    concurrency: usize,

    /// Calls a second to AWS IoT Greengrass at most, per account and region, from 1 to 1000. AWS allows 30 together, which people,
    /// pipelines and other clusters share; in cn-north-1 and AWS GovCloud 10, and there the operator takes a third of this.
    #[arg(
        long,
        env = "GREENGRASS_OPERATOR_AWS_GREENGRASS_RATE",
        value_name = "CALLS",
        default_value_t = CallRate::per_second(Quotas::GREENGRASS)
    )]
    aws_greengrass_rate: CallRate,

    /// Calls a second to AWS IoT jobs at most, per account and region, from 1 to 1000. AWS allows 10 of each operation.
    #[arg(
        long,
        env = "GREENGRASS_OPERATOR_AWS_IOT_JOBS_RATE",
        value_name = "CALLS",
        default_value_t = CallRate::per_second(Quotas::IOT_JOBS)
    )]
    aws_iot_jobs_rate: CallRate,

    /// What tells this process from others in events: in a Pod its name.
    #[arg(long, env = "HOSTNAME", value_name = "NAME", default_value = "greengrass-operator")]
    instance_name: String,

    /// AWS region of targets that are named without their ARN, where the AwsIdentity names none.
    #[arg(long, env = "AWS_REGION", value_name = "REGION")]
    aws_region: Option<String>,

    /// Lets AwsIdentities name endpoints that begin with http://. Calls carry session tokens: for tests and emulators only.
    #[arg(long, env = "GREENGRASS_OPERATOR_ALLOW_INSECURE_ENDPOINTS")]
    allow_insecure_endpoints: bool,
    /// AwsIdentities to look after, with all resources that use them: a label selector as kubectl takes it, for example
    /// shard=north. Processes with another selector take the others, and have a Lease of their own. All identities of an
    /// account and region must be in one group, and one group must take those without a label. Default: all.
    #[arg(long, env = "GREENGRASS_OPERATOR_IDENTITY_SELECTOR", value_name = "LABELS")]
    identity_selector: Option<IdentitySelector>,

    /// Looks after SystemInstances, the legacy service AWS IoT Things Graph, as well. Needs their resource definition, and the rights
    /// to it. Default: they are not looked at.
    #[arg(long, env = "GREENGRASS_OPERATOR_ENABLE_THINGS_GRAPH")]
    enable_things_graph: bool,

    #[command(flatten)]
    election: ElectionArgs,

    /// How log lines look.
    #[arg(long, env = "GREENGRASS_OPERATOR_LOG_FORMAT", value_name = "FORMAT", default_value_t = LogFormat::Text)]
    log_format: LogFormat,

    /// What is logged: a level (error, warn, info, debug, trace), or TARGET=LEVEL,… for parts of the program.
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = "info")]
    log: String,

    /// Collector that takes traces by OTLP over HTTP, for example http://localhost:4318. Default: none are made.
    #[arg(long, env = "GREENGRASS_OPERATOR_OTLP_ENDPOINT", value_name = "URL")]
    otlp_endpoint: Option<Endpoint>,
}

#[derive(Debug, Args)]
#[allow(clippy::doc_markdown, reason = "shown as help, where backticks would be in the way")]
#[allow(clippy::struct_field_names, reason = "they are the names of the flags")]
struct ElectionArgs {
    /// Takes part in a leader election, so that several processes can run of which one works. Without it this process must be
    /// the only one for its resources.
    #[arg(long, env = "GREENGRASS_OPERATOR_LEADER_ELECT")]
    leader_elect: bool,

    /// Namespace of the Lease. Default: that of the Pod, or of the kubeconfig's context.
    #[arg(long, env = "GREENGRASS_OPERATOR_LEADER_ELECTION_NAMESPACE", value_name = "NAMESPACE")]
    leader_election_namespace: Option<NamespaceName>,

    /// Name of the Lease. Processes that work on the same resources need the same one, others different ones.
    #[arg(
        long,
        env = "GREENGRASS_OPERATOR_LEADER_ELECTION_NAME",
        value_name = "NAME",
        default_value = "greengrass-operator"
    )]
    leader_election_name: LeaseName,

    /// How long the Lease must not have changed before another process takes it, in whole seconds up to 2m.
    #[arg(
        long,
        env = "GREENGRASS_OPERATOR_LEADER_ELECTION_LEASE_DURATION",
        value_name = "DURATION",
        default_value = "15s"
    )]
    leader_election_lease_duration: ElectionDuration,

    /// How long a leader goes on when it can't renew its Lease: at most four fifths of the lease duration.
    #[arg(
        long,
        env = "GREENGRASS_OPERATOR_LEADER_ELECTION_RENEW_DEADLINE",
        value_name = "DURATION",
        default_value = "10s"
    )]
    leader_election_renew_deadline: ElectionDuration,

    /// How often a leader renews its Lease and others look at it: at most a third of the renew deadline.
    #[arg(
        long,
        env = "GREENGRASS_OPERATOR_LEADER_ELECTION_RETRY_PERIOD",
        value_name = "DURATION",
        default_value = "2s"
    )]
    leader_election_retry_period: ElectionDuration,
}

/// Why the operator could not be started, or ended.
#[derive(Debug, Error)]
pub(super) enum StartError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Traces(#[from] TracesError),
    #[error("the threads can't be started")]
    Threads(#[source] std::io::Error),
    #[error("signals can't be received")]
    Signals(#[source] std::io::Error),
    #[error(transparent)]
    Election(#[from] InvalidTimings),
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Runs the operator until it is told to stop.
pub(super) fn run(args: RunArgs) -> Result<(), StartError> {
    let (filter, format, otlp) = (args.log.clone(), args.log_format, args.otlp_endpoint.clone());
    let config = args.into_config()?;
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST_THREADS);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(StartError::Threads)?;
    let to = |endpoint| Traces::to(&endpoint, &config.instance_name, runtime.handle().clone());
    let traces = otlp.map(to).transpose()?;
    log::set_up(&filter, format, traces.as_ref())?;
    let ended = runtime.block_on(async {
        let stop = CancellationToken::new();
        let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Signals)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Signals)?;
        let stopping = stop.clone();
        tokio::spawn(async move {
            let mut received = async || {
                tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                }
            };
            let name = received().await;
            info!(signal = name, version = env!("CARGO_PKG_VERSION"), "stopping: no new turns, those that run may end");
            stopping.cancel();
            let name = received().await;
            warn!(signal = name, "stopping at once");
            std::process::exit(130);
        });
        info!(version = env!("CARGO_PKG_VERSION"), ?config, "starting");
        operator::run(config, stop).await.map_err(StartError::Run)
    });
    if let Some(traces) = traces {
        traces.end();
    }
    ended
}

impl RunArgs {
    fn into_config(self) -> Result<Config, InvalidTimings> {
        let Self {
            cluster_name,
            watch_namespaces,
            admin_address,
            drift_interval,
            concurrency,
            aws_greengrass_rate: greengrass_rate,
            aws_iot_jobs_rate: iot_jobs_rate,
            instance_name,
            aws_region,
            allow_insecure_endpoints,
            identity_selector,
            enable_things_graph: things_graph,
            election,
            log_format: _,
            log: _,
            otlp_endpoint: _,
        } = self;
        let namespaces = if watch_namespaces.is_empty() {
            Namespaces::All
        } else {
            Namespaces::Only(watch_namespaces.into_iter().map(|NamespaceName(name)| name).collect())
        };
        let concurrency = NonZeroUsize::new(concurrency).unwrap_or(NonZeroUsize::MIN);
        let leader_election = election.into_election()?.map(|election| match &identity_selector {
            Some(selector) => LeaderElection { lease: election.lease.of_shard(&selector.to_string()), ..election },
            None => election,
        });
        Ok(Config {
            cluster_name,
            namespaces,
            admin_address,
            drift_interval,
            concurrency,
            greengrass_rate,
            iot_jobs_rate,
            instance_name,
            aws_region,
            allow_insecure_endpoints,
            identity_selector,
            things_graph,
            leader_election,
        })
    }
}

impl ElectionArgs {
    /// Durations that don't fit together are refused also where there is no election: they were meant for something.
    fn into_election(self) -> Result<Option<LeaderElection>, InvalidTimings> {
        let Self {
            leader_elect,
            leader_election_namespace: namespace,
            leader_election_name: lease,
            leader_election_lease_duration,
            leader_election_renew_deadline,
            leader_election_retry_period,
        } = self;
        let timings =
            Timings::new(leader_election_lease_duration, leader_election_renew_deadline, leader_election_retry_period)?;
        Ok(leader_elect.then_some(LeaderElection { namespace, lease, timings }))
    }
}

fn concurrency(text: &str) -> Result<usize, String> {
    match text.parse::<u16>() {
        Ok(count) if (1..=MOST_CONCURRENCY).contains(&count) => Ok(usize::from(count)),
        Ok(_) | Err(_) => Err(format!("a number from 1 to {MOST_CONCURRENCY} is wanted")),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::super::Cli;
    use super::*;

    /// The arguments alone.
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: RunArgs,
    }

    fn config(arguments: &[&str]) -> Result<Config, String> {
        let arguments = ["greengrass-operator"].iter().chain(arguments);
        let line = Line::try_parse_from(arguments).map_err(|error| error.to_string())?;
        line.args.into_config().map_err(|error| error.to_string())
    }

    #[test]
    fn every_option_can_be_set_by_the_environment_and_says_what_it_is() {
        let cli = Cli::command();
        let run = cli.find_subcommand("run").unwrap();
        for argument in
            run.get_arguments().filter(|argument| argument.get_id() != "help" && argument.get_id() != "version")
        {
            assert!(argument.get_env().is_some(), "{}", argument.get_id());
            assert!(argument.get_help().is_some(), "{}", argument.get_id());
        }
    }

    #[test]
    fn without_options_everything_is_looked_at_every_five_minutes() {
        let config = config(&[]).unwrap();
        assert_eq!(config.namespaces, Namespaces::All);
        assert_eq!(config.drift_interval.get().as_secs(), 300);
        assert_eq!(config.concurrency.get(), DEFAULT_CONCURRENCY);
        assert_eq!(config.admin_address.to_string(), "0.0.0.0:8080");
        assert_eq!(config.cluster_name, None);
        assert_eq!((config.greengrass_rate.get(), config.iot_jobs_rate.get()), (20, 6));
        assert_eq!(config.leader_election, None);
        assert!(!config.things_graph, "the legacy service costs nothing");
    }

    #[test]
    fn who_takes_part_in_an_election_does_so_at_client_gos_pace_unless_told_otherwise() {
        let election = config(&["--leader-elect"]).unwrap().leader_election.unwrap();
        assert_eq!(election.timings, Timings::default());
        assert_eq!((election.namespace, election.lease.to_string()), (None, "greengrass-operator".to_owned()));
        let hasty = config(&[
            "--leader-elect",
            "--leader-election-namespace=operators",
            "--leader-election-name=press",
            "--leader-election-lease-duration=5s",
            "--leader-election-renew-deadline=3s",
            "--leader-election-retry-period=500ms",
        ]);
        let election = hasty.unwrap().leader_election.unwrap();
        assert_eq!(election.timings.lease_duration().as_secs(), 5);
        assert_eq!(election.lease.to_string(), "press");
    }

    #[test]
    fn namespaces_are_separated_by_commas() {
        let config = config(&["--watch-namespaces=press,paint"]).unwrap();
        assert_eq!(config.namespaces, Namespaces::Only(["paint".to_owned(), "press".to_owned()].into()));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        for (argument, words) in [
            ("--concurrency=0", "a number from 1 to 256"),
            ("--aws-greengrass-rate=0", "a whole number from 1 to 1000"),
            ("--aws-iot-jobs-rate=10/s", "a whole number from 1 to 1000"),
            ("--drift-interval=5", "for example 90s, 5m or 1h30m"),
            ("--watch-namespaces=Press", "lower-case letters"),
            ("--cluster-name=plant 7", "letters, digits, dots"),
            ("--leader-election-name=Press", "lower-case letters"),
            ("--leader-election-retry-period=2", "for example 2s"),
            ("--leader-election-lease-duration=11s", "--leader-election-renew-deadline must be at most four fifths"),
            ("--leader-election-renew-deadline=5s", "--leader-election-retry-period must be at most a third"),
            ("--leader-election-lease-duration=15500ms", "whole seconds"),
        ] {
            let error = config(&[argument]).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_collector_is_reached_without_tls() {
        assert!(config(&["--otlp-endpoint=http://localhost:4318"]).is_ok());
        let error = config(&["--otlp-endpoint=https://collector:4318"]).unwrap_err();
        assert!(error.contains("write the collector's address as http://HOST:PORT"), "{error}");
    }
}
