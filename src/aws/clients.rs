//! SDK clients, one for each identity and region. I/O: reads the environment and AWS's configuration files, as the SDK
//! defines it (`AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_GREENGRASSV2`, `AWS_ACCESS_KEY_ID`, web identity, container and
//! instance roles …).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, FrameworkMetadata, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_greengrassv2::config::Config;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_runtime_api::client::http::{HttpClient, SharedHttpClient};
use jiff::Timestamp;
use tokio::sync::OnceCell;

use super::body::SortedBody;
use super::scope::{IdentityName, Scope};
use super::transmit::LastQuestion;

/// The product in the user agent: AWS's audit log tells the operator's calls from others.
const PRODUCT: &str = "greengrass-operator";

/// To make a connection: the value that SDK clients of this generation use, room for one lost packet of the handshake.
const CONNECT: Duration = Duration::from_millis(3_100);
/// For an answer, credentials included.
const ANSWER: Duration = Duration::from_secs(10);
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

/// Makes clients when they are first needed and keeps them.
///
/// No client fails to be made: what is wrong with credentials shows at each call, and heals at a later one.
pub struct Clients {
    settings: ClientSettings,
    /// The operator's own credentials and what the environment says. One for all regions, so that credentials are
    /// fetched once.
    base: OnceCell<SdkConfig>,
    made: Mutex<BTreeMap<(IdentityName, String), ServiceClients>>,
}

/// The clients of one identity and region; clones share connections and credentials.
#[derive(Clone)]
pub(super) struct ServiceClients {
    pub(super) greengrass: aws_sdk_greengrassv2::Client,
    pub(super) iot: aws_sdk_iot::Client,
    pub(super) iot_data: aws_sdk_iotdataplane::Client,
}

impl Clients {
    /// With these settings. Nothing is read yet.
    #[must_use]
    pub fn new(settings: ClientSettings) -> Self {
        Self { settings, base: OnceCell::new(), made: Mutex::default() }
    }

    /// The clients for this identity and region.
    ///
    /// Every identity stands for the operator's own credentials as long as there is no way to define another.
    pub(super) async fn of(&self, scope: &Scope) -> ServiceClients {
        let key = (scope.identity.clone(), scope.region.clone());
        if let Some(clients) = self.cache().get(&key) {
            return clients.clone();
        }
        let base = self.base.get_or_init(|| load(&self.settings, scope.region.clone())).await;
        let region = Region::new(scope.region.clone());
        let greengrass = Config::from(base)
            .to_builder()
            .region(region.clone())
            .interceptor(SortedBody)
            .interceptor(LastQuestion)
            .build();
        let iot = aws_sdk_iot::Config::from(base).to_builder().region(region.clone()).interceptor(LastQuestion).build();
        let iot_data =
            aws_sdk_iotdataplane::Config::from(base).to_builder().region(region).interceptor(LastQuestion).build();
        let clients = ServiceClients {
            greengrass: aws_sdk_greengrassv2::Client::from_conf(greengrass),
            iot: aws_sdk_iot::Client::from_conf(iot),
            iot_data: aws_sdk_iotdataplane::Client::from_conf(iot_data),
        };
        // Two tasks may both come here; the first one's clients stay, so that connections are shared.
        self.cache().entry(key).or_insert(clients).clone()
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, BTreeMap<(IdentityName, String), ServiceClients>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Reads the environment.
async fn load(settings: &ClientSettings, region: String) -> SdkConfig {
    // Clients get their region from the target. This one is for fetching credentials, where the environment knows better
    // which of AWS's security token services can be reached from here.
    let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new()).or_else(Region::new(region));
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(region)
        // The SDK's retries would go out without a permit, and ignore the service's Retry-After.
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts(ANSWER))
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
    loader.load().await
}
