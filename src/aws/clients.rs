//! SDK clients, one for each connection and region. I/O: reads the environment and AWS's configuration files, as the SDK
//! defines it (`AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_GREENGRASSV2`, `AWS_ACCESS_KEY_ID`, web identity, container and
//! instance roles …).

use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::{Duration, SystemTime};

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::identity::IdentityCache;
use aws_config::meta::region::ProvideRegion;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, FrameworkMetadata, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::future::ProvideCredentials as Providing;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_greengrassv2::config::Config;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_runtime_api::client::http::{HttpClient, SharedHttpClient};
use jiff::Timestamp;
use tokio::sync::OnceCell;

use super::body::SortedBody;
use super::connection::Connection;
use super::credentials::{Shared, Source};
use super::kept::Kept;
use super::scope::Scope;
use super::transmit::LastQuestion;

/// The product in the user agent: AWS's audit log tells the operator's calls from others.
const PRODUCT: &str = "greengrass-operator";

/// To make a connection: the value that SDK clients of this generation use, room for one lost packet of the handshake.
const CONNECT: Duration = Duration::from_millis(3_100);
/// For an answer, credentials included.
const ANSWER: Duration = Duration::from_secs(10);
/// For an answer to `AssumeRole`: shorter than for the call that waits for the credentials, or that one would end first, and
/// nobody would know what failed.
const ANSWER_TO_ASSUME: Duration = Duration::from_secs(5);
/// For an answer to `CreateDeployment`, which makes a job and checks the caller's rights to a dozen actions. The protocol
/// of sends counts with it: nothing of a send happens 40 s after its start.
const ANSWER_TO_CREATE: Duration = Duration::from_secs(30);

/// Where clients get what they need; by default all of it from the environment.
#[derive(Clone, Default)]
pub struct ClientSettings {
    http_client: Option<SharedHttpClient>,
    credentials: Option<SharedCredentialsProvider>,
    endpoint_url: Option<String>,
    time: Option<SharedTimeSource>,
}

impl ClientSettings {
    /// Sends requests to this instead of the network: an emulator in the same process.
    #[must_use]
    pub fn with_http_client(self, client: impl HttpClient + 'static) -> Self {
        Self { http_client: Some(SharedHttpClient::new(client)), ..self }
    }

    /// Uses these credentials instead of those of the environment.
    #[must_use]
    pub fn with_credentials(self, provider: impl ProvideCredentials + 'static) -> Self {
        Self { credentials: Some(SharedCredentialsProvider::new(provider)), ..self }
    }

    /// Uses this access key instead of the environment's credentials.
    #[must_use]
    pub fn with_access_key(self, access_key_id: &str, secret_access_key: &str) -> Self {
        self.with_credentials(Credentials::new(access_key_id, secret_access_key, None, None, PRODUCT))
    }

    /// Calls this endpoint, for every service and region, whatever the environment says.
    #[must_use]
    pub fn with_endpoint_url(self, url: &str) -> Self {
        Self { endpoint_url: Some(url.to_owned()), ..self }
    }

    /// Takes the time of day, for signatures and for the expiry of credentials, from here.
    #[must_use]
    pub fn with_time(self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { time: Some(SharedTimeSource::new(TimeFn(Box::new(now)))), ..self }
    }
}

/// The SDK's view of the operator's clock.
struct TimeFn(Box<dyn Fn() -> Timestamp + Send + Sync>);

impl fmt::Debug for TimeFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TimeFn")
    }
}

impl TimeSource for TimeFn {
    fn now(&self) -> SystemTime {
        SystemTime::from((self.0)())
    }
}

/// A service's configuration at the connection's endpoint. It is set for each service, because there it takes precedence over the
/// service's own variable (`AWS_ENDPOINT_URL_STS` …), which the shared configuration's does not.
macro_rules! service_config {
    ($sdk:ident, $config:expr, $connection:expr) => {{
        let builder = $sdk::Config::from(&$config).to_builder();
        match $connection.endpoint_url() {
            Some(url) => builder.endpoint_url(url),
            None => builder,
        }
    }};
}

/// What the environment says. One for all, so that connections are shared.
struct Environment {
    base: SdkConfig,
    /// Its region, where it names one.
    region: Option<Region>,
}

/// Makes clients when they are first needed and keeps those that were used last.
///
/// No client fails to be made: what is wrong with credentials shows at each call, and heals at a later one.
pub struct Clients {
    settings: ClientSettings,
    environment: OnceCell<Environment>,
    made: Kept<(Connection, String), ServiceClients>,
    shared: Kept<Connection, Arc<Shared>>,
    own: OnceLock<Arc<Shared>>,
}

/// Clients that are kept: at some 20 KiB each, 5 MiB.
const CLIENTS_KEPT: usize = 256;
/// Sessions of roles that are kept, at some 2 KiB each: 2 MiB. One for each namespace and identity that is in use; where there are
/// more, those that were used longest ago are had anew.
const SESSIONS_KEPT: usize = 1024;

/// The clients of one connection and region; clones share connections and credentials.
#[derive(Clone)]
pub(super) struct ServiceClients {
    pub(super) greengrass: aws_sdk_greengrassv2::Client,
    pub(super) iot: aws_sdk_iot::Client,
    pub(super) iot_data: aws_sdk_iotdataplane::Client,
    pub(super) sts: aws_sdk_sts::Client,
    things_graph: Arc<LazyClient>,
}

/// Made when it is first called: those who don't use the legacy service don't have its client.
type LazyClient = LazyLock<aws_sdk_iotthingsgraph::Client, Box<dyn FnOnce() -> aws_sdk_iotthingsgraph::Client + Send>>;

impl ServiceClients {
    pub(super) fn things_graph(&self) -> &aws_sdk_iotthingsgraph::Client {
        &self.things_graph
    }
}

impl Clients {
    /// With these settings. Nothing is read yet.
    #[must_use]
    pub fn new(settings: ClientSettings) -> Self {
        Self {
            settings,
            environment: OnceCell::new(),
            made: Kept::new(CLIENTS_KEPT),
            shared: Kept::new(SESSIONS_KEPT),
            own: OnceLock::new(),
        }
    }

    /// The clients for this connection and region.
    pub(super) async fn of(&self, scope: &Scope) -> ServiceClients {
        let key = (scope.connection.clone(), scope.region.clone());
        if let Some(clients) = self.made.get(&key) {
            // A session that is in use is not the one that was used longest ago.
            self.shared.get(&scope.connection);
            return clients;
        }
        let environment = self.environment.get_or_init(|| load(&self.settings, scope.region.clone())).await;
        let credentials = self.credentials(environment, scope);
        let connection = &scope.connection;
        let config = at(&environment.base, Region::new(scope.region.clone()), credentials);
        let greengrass = service_config!(aws_sdk_greengrassv2, config, connection);
        let greengrass = greengrass.interceptor(SortedBody).interceptor(LastQuestion).build();
        let iot = service_config!(aws_sdk_iot, config, connection).interceptor(LastQuestion).build();
        let iot_data = service_config!(aws_sdk_iotdataplane, config, connection).interceptor(LastQuestion).build();
        let sts = service_config!(aws_sdk_sts, config, connection).interceptor(LastQuestion).build();
        let clients = ServiceClients {
            greengrass: aws_sdk_greengrassv2::Client::from_conf(greengrass),
            iot: aws_sdk_iot::Client::from_conf(iot),
            iot_data: aws_sdk_iotdataplane::Client::from_conf(iot_data),
            sts: aws_sdk_sts::Client::from_conf(sts),
            things_graph: lazy_things_graph(config, connection.clone()),
        };
        self.made.put(key, clients)
    }

    /// AWS did not take the credentials of this connection.
    pub(super) async fn forget_credentials(&self, scope: &Scope, at_least: Duration) {
        match scope.connection.role() {
            Some(_) => {
                if let Some(shared) = self.shared.get(&scope.connection) {
                    shared.forget(at_least).await;
                }
            }
            None => self.forget_own_credentials(at_least).await,
        }
    }

    /// AWS did not take the operator's own credentials.
    pub(super) async fn forget_own_credentials(&self, at_least: Duration) {
        if let Some(own) = self.own.get() {
            own.forget(at_least).await;
        }
    }

    fn credentials(&self, environment: &Environment, scope: &Scope) -> ByReference {
        let Environment { base, region } = environment;
        let connection = &scope.connection;
        let time = base.time_source().unwrap_or_default();
        let own = self.own.get_or_init(|| own(base, time.clone()));
        if connection.role().is_none() {
            return ByReference(Arc::clone(own));
        }
        if let Some(shared) = self.shared.get(connection) {
            return ByReference(shared);
        }
        // The region of the security token service: the identity's own, else where the environment says, because not each can be
        // reached from everywhere, else the target's, which is of the role's partition.
        let region = connection.region().map(|region| Region::new(region.to_owned())).or_else(|| region.clone());
        let region = region.unwrap_or_else(|| Region::new(scope.region.clone()));
        let config = at(base, region, ByReference(Arc::clone(own)));
        let sts = service_config!(aws_sdk_sts, config, connection).timeout_config(timeouts(ANSWER_TO_ASSUME)).build();
        let sts = Box::new(aws_sdk_sts::Client::from_conf(sts));
        let shared = Arc::new(Shared::new(Source::Role { sts, connection: connection.clone() }, time));
        // Two tasks may both come here; the first one's stay, so that a role is assumed once.
        ByReference(self.shared.put(connection.clone(), shared))
    }
}

fn lazy_things_graph(config: SdkConfig, connection: Connection) -> Arc<LazyClient> {
    Arc::new(LazyLock::new(Box::new(move || {
        let things_graph =
            service_config!(aws_sdk_iotthingsgraph, config, connection).interceptor(LastQuestion).build();
        aws_sdk_iotthingsgraph::Client::from_conf(things_graph)
    })))
}

/// The environment's configuration, in that region.
fn at(base: &SdkConfig, region: Region, credentials: ByReference) -> SdkConfig {
    let config = base.clone().into_builder().region(region);
    config.credentials_provider(SharedCredentialsProvider::new(credentials)).build()
}

fn own(base: &SdkConfig, time: SharedTimeSource) -> Arc<Shared> {
    Arc::new(Shared::new(Source::Own(base.credentials_provider()), time))
}

/// Credentials that others hold too.
#[derive(Debug)]
struct ByReference(Arc<Shared>);

impl ProvideCredentials for ByReference {
    fn provide_credentials<'a>(&'a self) -> Providing<'a>
    where
        Self: 'a,
    {
        self.0.provide_credentials()
    }
}

/// What differs for `CreateDeployment`.
pub(super) fn for_create() -> aws_sdk_greengrassv2::config::Builder {
    Config::builder().timeout_config(timeouts(ANSWER_TO_CREATE))
}

fn timeouts(answer: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(answer)
        .operation_timeout(answer)
        .build()
}

/// The region that the environment or the configuration file names, as the AWS CLI reads them. Nothing is asked over the network.
pub async fn configured_region() -> Option<String> {
    // An empty variable says nothing, as to the AWS CLI.
    let is_said = |region: &Region| !region.as_ref().is_empty();
    let region = match EnvironmentVariableRegionProvider::new().region().await.filter(is_said) {
        Some(region) => Some(region),
        None => ProfileFileRegionProvider::new().region().await.filter(is_said),
    };
    region.map(|region| region.to_string())
}

/// Reads the environment.
async fn load(settings: &ClientSettings, region: String) -> Environment {
    // Clients get their region from the target. This one is for fetching credentials, where the environment knows better
    // which of AWS's security token services can be reached from here.
    let named = EnvironmentVariableRegionProvider::new().region().await;
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(named.clone().unwrap_or_else(|| Region::new(region)))
        // The SDK's retries would go out without a permit, and ignore the service's Retry-After.
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts(ANSWER))
        .identity_cache(IdentityCache::no_cache())
        .sleep_impl(TokioSleep::new());
    if let Ok(name) = AppName::new(PRODUCT) {
        loader = loader.app_name(name);
    }
    if let Ok(product) = FrameworkMetadata::new(PRODUCT, Some(env!("CARGO_PKG_VERSION"))) {
        loader = loader.framework_metadata(product);
    }
    if let Some(client) = &settings.http_client {
        loader = loader.http_client(client.clone());
    }
    if let Some(credentials) = &settings.credentials {
        loader = loader.credentials_provider(credentials.clone());
    }
    if let Some(url) = &settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some(time) = &settings.time {
        loader = loader.time_source(time.clone());
    }
    Environment { base: loader.load().await, region: named }
}
