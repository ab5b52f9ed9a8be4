//! What every AWS resource type is given: who and where we are, the clients, and the stores of bytes.
//!
//! A context is made once per run. Making it settles the questions that would otherwise surface as a strange error in the
//! middle of a deploy: are there credentials, is there a region, does the endpoint answer, whose account is it. Nothing here
//! reads the environment except the SDK's own chain (profiles, SSO, processes, instance metadata, `AWS_ENDPOINT_URL`).

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::identity::IdentityCache;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityOutput;
use aws_types::os_shim_internal::{Env, Fs};
use grail_state::StackId;
use grail_state::artifacts::Artifacts;

use super::arn::{Partition, partition_of};
use super::clients::Clients;
use super::connector::{Calls, Seam};
use super::outcome::{Verdict, said, verdict};
use super::transport::BundleError;
use crate::pace::{Meeting, Pacer, Pacers, SharedDebts, Undecided};

/// How long a connection may take to come about where the settings do not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// How long the answer to the question for the account may take.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// How long credentials may take to load: a credential process may ask a person for a code.
const SIGN_IN: Duration = Duration::from_secs(120);

/// Where and as whom to work, as the caller resolved it. What is `None` is left to the SDK's own chain.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The profile in the SDK's configuration files.
    pub profile: Option<String>,
    /// The role that is assumed, with the credentials that the profile or the SDK's chain give.
    pub role: Option<RoleToAssume>,
    /// The region.
    pub region: Option<String>,
    /// One endpoint for every service: an emulator.
    pub endpoint_url: Option<String>,
    /// How long a connection may take to come about; 4 s if unset.
    pub connect_timeout: Option<Duration>,
    /// The file that `AWS_CA_BUNDLE` names.
    pub ca_bundle: Option<PathBuf>,
    /// The bucket through which packages over 50 MB are uploaded.
    pub code_bucket: Option<String>,
    /// The local cloud, if that is where we work. Its credentials are made up.
    pub local: Option<LocalCloud>,
    /// Refuse to speak to anything but this machine.
    pub loopback_only: bool,
    /// Keep to the rates that AWS allows. `None` for emulators, which have none.
    pub rates: Option<Rates>,
}

/// A role that is assumed for the whole run. A code of a second factor cannot be given: a role that asks for one is assumed by
/// the profile (`credential_process`) or not at all.
#[derive(Clone, PartialEq, Eq)]
pub struct RoleToAssume {
    /// Its ARN.
    pub arn: String,
    /// What its trust policy may ask for.
    pub external_id: Option<String>,
    /// What the session is called in the account's logs; the SDK makes one up if unset.
    pub session_name: Option<String>,
    /// How long the credentials last before they are had anew; an hour if unset.
    pub duration: Option<Duration>,
}

impl fmt::Debug for RoleToAssume {
    /// Does not show what two parties have agreed upon.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleToAssume")
            .field("arn", &self.arn)
            .field("external_id", &self.external_id.as_ref().map(|_| "(hidden)"))
            .field("session_name", &self.session_name)
            .field("duration", &self.duration)
            .finish()
    }
}

/// How to keep to the rates that AWS allows.
#[derive(Clone, Debug)]
pub struct Rates {
    /// The folder in which one process tells the next what is owed.
    pub folder: PathBuf,
    /// The time by the clock on the wall.
    pub now: SystemTime,
    /// How many requests may be in flight at once.
    pub in_flight: usize,
    /// Where other machines tell what they owe, if there is such a place.
    pub shared: Option<SharedDebts>,
    /// The pacers that this process has for its other stages, if it has others.
    pub pacers: Option<Pacers>,
}

/// The local cloud that grail runs itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalCloud {
    /// The loopback port that it listens on.
    pub port: u16,
}

/// Finds bytes of a package that is at hand under the `CodeSha256` that Lambda gives (base64).
pub type ForeignCode = Arc<dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync>;

/// What every AWS resource type is given.
pub struct Context {
    /// The clients.
    pub clients: Clients,
    /// The seam below them, for plain downloads.
    pub seam: Seam,
    pacer: Pacer,
    meeting: Option<Meeting>,
    /// The application and stage.
    pub stack: StackId,
    /// The account: twelve digits.
    pub account: String,
    /// The region.
    pub region: String,
    /// The partition as it stands in ARNs: `aws`.
    pub partition: String,
    /// The domain of the partition's endpoints: `amazonaws.com`.
    pub dns_suffix: String,
    /// Packages by digest.
    pub artifacts: Arc<dyn Artifacts>,
    /// Packages that lie about elsewhere, such as those that Chalice left in `.chalice/deployments`.
    pub foreign_code: ForeignCode,
    /// Set if we work on the local cloud: its URLs have another form.
    pub local: Option<LocalCloud>,
    /// The bucket through which packages over 50 MB are uploaded.
    pub code_bucket: Option<String>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("stack", &self.stack)
            .field("account", &self.account)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// Why we cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// The certificate bundle is of no use.
    #[error("the certificates for TLS could not be loaded")]
    Bundle(#[from] BundleError),
    /// The profile that was named stands in no configuration file.
    #[error("there is no AWS profile `{0}`")]
    NoProfile(String, Vec<String>),
    /// No region is configured anywhere.
    #[error("no AWS region is set")]
    NoRegion,
    /// The region is no region that AWS knows, or none that answers.
    #[error("the AWS region `{0}` does not answer")]
    WrongRegion(String, #[source] Told),
    /// There are no credentials, or they could not be loaded.
    #[error("no AWS credentials could be found")]
    NoCredentials(#[source] Told),
    /// The role could not be assumed.
    #[error("the role {0} could not be assumed")]
    Role(String, #[source] Told),
    /// The credentials were refused.
    #[error("AWS refused the credentials")]
    BadCredentials(#[source] Told),
    /// Nothing answers.
    #[error("the AWS endpoint {0} could not be reached")]
    Unreachable(String, #[source] Told),
    /// Anything else.
    #[error("AWS would not say which account this is")]
    Unknown(#[source] Told),
}

/// What the SDK said, as text: its own error types hold whole requests.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Told(pub String);

impl ContextError {
    /// What a person can do about it.
    pub fn hint(&self) -> String {
        if let Self::NoProfile(_, known) = self
            && !known.is_empty()
        {
            return format!("the profiles are: {}", known.join(", "));
        }
        if let Self::Unreachable(_, told) | Self::WrongRegion(_, told) = self
            && told.0.contains("certificate")
        {
            return "what signed the endpoint's certificate is not trusted: name its certificate in `AWS_CA_BUNDLE`".to_owned();
        }
        self.advice().to_owned()
    }

    fn advice(&self) -> &'static str {
        match self {
            Self::NoProfile(..) => "make it with `aws configure --profile NAME`",
            Self::Bundle(_) => "`AWS_CA_BUNDLE` must name a file of PEM certificates",
            Self::NoRegion => {
                "name one with `--region`, with `AWS_REGION`, or in the profile (`aws configure`)"
            }
            Self::WrongRegion(..) => {
                "check the spelling of the region and that the account has it enabled, and the network"
            }
            Self::NoCredentials(_) => {
                "set `AWS_PROFILE` or `--profile`, sign in (`aws sso login`), or set `AWS_ACCESS_KEY_ID` and \
                 `AWS_SECRET_ACCESS_KEY`; to try things without an account use `--local`"
            }
            Self::Role(..) => {
                "the role must exist, its trust policy must name whoever assumes it (with the `external_id` that it asks for), and \
                 they must be allowed `sts:AssumeRole`; a role that asks for a second factor (MFA) cannot be assumed by grail itself"
            }
            Self::BadCredentials(_) => "they may have expired, or belong to another partition; sign in again",
            Self::Unreachable(..) => {
                "check the network and `AWS_ENDPOINT_URL` or `--endpoint-url`; is the emulator running?"
            }
            Self::Unknown(_) => {
                "the credentials need no special right for this call: see what AWS said above"
            }
        }
    }
}

impl Context {
    /// Connects: loads configuration and credentials, and asks AWS for the account.
    ///
    /// Makes one call, `sts:GetCallerIdentity`, which no policy can forbid. An endpoint that does not answer fails within
    /// a few connection time-outs.
    ///
    /// # Errors
    /// [`ContextError`], each with a hint.
    pub async fn connect(
        settings: Settings,
        stack: StackId,
        artifacts: Arc<dyn Artifacts>,
        foreign_code: ForeignCode,
    ) -> Result<Self, ContextError> {
        let mut seam = Seam::over_sockets(settings.ca_bundle.as_deref(), settings.loopback_only)?;
        let (mut pacer, undecided) = (Pacer::default(), Arc::new(Undecided::default()));
        if let Some(rates) = &settings.rates {
            seam = match rates.pacers {
                Some(_) => seam.paced(undecided.clone(), rates.in_flight),
                None => seam.paced(Arc::new(pacer.clone()), rates.in_flight),
            };
        }
        let (config, region) = configured(&settings, &seam).await?;
        let clients = Clients::new(&config);
        let asked = account(&clients, &config, &region).await;
        let account = match (asked, &settings.role) {
            (Err(ContextError::NoCredentials(told)), Some(role)) => {
                return Err(ContextError::Role(role.arn.clone(), told));
            }
            (asked, _) => asked?,
        };
        let mut meeting = None;
        if let Some(Rates {
            folder,
            now,
            shared,
            pacers,
            ..
        }) = settings.rates
        {
            let name = format!("{account}-{region}.json");
            let mut is_new = true;
            if let Some(pacers) = pacers {
                (pacer, is_new) = pacers.of(&name, &stack.to_string());
                undecided.decide(pacer.clone());
            }
            if is_new {
                pacer.carry_on(folder.join(&name), now);
            }
            if let Some(shared) = shared {
                meeting = Some(Meeting::begin(shared.of(&name), pacer.clone()).await);
            }
        }
        let Partition { name, dns_suffix } = partition_of(&region);
        Ok(Self {
            clients,
            pacer,
            meeting,
            seam,
            stack,
            account,
            region,
            partition: name.to_owned(),
            dns_suffix: dns_suffix.to_owned(),
            artifacts,
            foreign_code,
            local: settings.local,
            code_bucket: settings.code_bucket,
        })
    }

    /// What keeps the rates. Without rates it lets everything go.
    pub fn pacer(&self) -> &Pacer {
        &self.pacer
    }

    /// Tells other machines what is owed, where they share such a place.
    pub async fn leave_rates(&self) {
        if let Some(meeting) = &self.meeting {
            meeting.end().await;
        }
    }

    /// The counter of requests.
    pub fn calls(&self) -> &Arc<Calls> {
        self.seam.calls()
    }

    /// A context with everything given: for tests that answer for AWS. Works in account `123456789012`, `us-east-1`.
    pub fn given(seam: Seam, stack: StackId, artifacts: Arc<dyn Artifacts>) -> Self {
        Self::without_asking(seam, stack, artifacts, None)
    }

    /// The same, where an emulator answers at `endpoint_url` for all services.
    pub fn emulated(seam: Seam, stack: StackId, artifacts: Arc<dyn Artifacts>, endpoint_url: &str) -> Self {
        Self::without_asking(seam, stack, artifacts, Some(endpoint_url))
    }

    fn without_asking(
        seam: Seam,
        stack: StackId,
        artifacts: Arc<dyn Artifacts>,
        endpoint_url: Option<&str>,
    ) -> Self {
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(made_up())
            .http_client(seam.clone());
        config.set_endpoint_url(endpoint_url.map(ToOwned::to_owned));
        let config = config.build();
        Self {
            clients: Clients::new(&config),
            pacer: Pacer::default(),
            meeting: None,
            seam,
            stack,
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
            partition: "aws".to_owned(),
            dns_suffix: "amazonaws.com".to_owned(),
            artifacts,
            foreign_code: Arc::new(|_| None),
            local: None,
            code_bucket: None,
        }
    }
}

/// Clients for a bucket that is no part of the deployment: under these settings, but without rates, and without asking for the
/// account.
///
/// # Errors
/// [`ContextError`], each with a hint.
pub async fn clients(settings: &Settings) -> Result<Clients, ContextError> {
    let seam = Seam::over_sockets(settings.ca_bundle.as_deref(), settings.loopback_only)?;
    let (config, _) = configured(settings, &seam).await?;
    Ok(Clients::new(&config))
}

/// The SDK's configuration under these settings, and its region.
async fn configured(settings: &Settings, seam: &Seam) -> Result<(SdkConfig, String), ContextError> {
    if let Some(profile) = &settings.profile {
        know(profile).await?;
    }
    let config = load(settings, seam).await;
    if let Some(url) = config.endpoint_url()
        && !is_url(url)
    {
        let told = Told("it is no URL: `http://HOST:PORT` was expected".to_owned());
        return Err(ContextError::Unreachable(url.to_owned(), told));
    }
    let region = config
        .region()
        .map(ToString::to_string)
        .ok_or(ContextError::NoRegion)?;
    if !region
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    {
        let told = Told("it is not spelled like a region".to_owned());
        return Err(ContextError::WrongRegion(region, told));
    }
    Ok((config, region))
}

fn made_up() -> SharedCredentialsProvider {
    let credentials = aws_credential_types::Credentials::new("local", "local", None, None, "made up");
    SharedCredentialsProvider::new(credentials)
}

fn is_url(text: &str) -> bool {
    let Some(rest) = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"))
    else {
        return false;
    };
    !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace)
}

/// The SDK passes over a profile that does not exist, and then finds no credentials or, worse, others.
async fn know(profile: &str) -> Result<(), ContextError> {
    let known = aws_config::profile::load(&Fs::real(), &Env::real(), &Default::default(), None).await;
    match known {
        Ok(known) if known.get_profile(profile).is_none() => {
            let mut names: Vec<_> = known.profiles().map(ToOwned::to_owned).collect();
            names.sort();
            Err(ContextError::NoProfile(profile.to_owned(), names))
        }
        // Files that cannot be read are the SDK's to complain about.
        _ => Ok(()),
    }
}

async fn load(settings: &Settings, seam: &Seam) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(settings.connect_timeout.unwrap_or(CONNECT_TIMEOUT))
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(seam.clone())
        .identity_cache(IdentityCache::lazy().load_timeout(SIGN_IN).build())
        .timeout_config(timeouts);
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if settings.local.is_some() {
        loader = loader.credentials_provider(made_up());
    }
    let config = loader.load().await;
    let config = match &settings.profile {
        Some(profile) => with_credentials_of(profile, config, seam),
        None => config,
    };
    match &settings.role {
        Some(role) => assuming(role, config).await,
        None => config,
    }
}

/// The credentials of a role, had with those of `config` and had anew before they expire.
async fn assuming(role: &RoleToAssume, config: SdkConfig) -> SdkConfig {
    let mut provider = AssumeRoleProvider::builder(&role.arn).configure(&config);
    if let Some(id) = &role.external_id {
        provider = provider.external_id(id);
    }
    if let Some(name) = &role.session_name {
        provider = provider.session_name(name);
    }
    if let Some(duration) = role.duration {
        provider = provider.session_length(duration);
    }
    let credentials = SharedCredentialsProvider::new(provider.build().await);
    config.into_builder().credentials_provider(credentials).build()
}

/// The credentials of the profile that was named, and of no other source: the SDK's own chain would prefer keys that happen
/// to lie in the environment, which may be another account's. (botocore leaves the environment out as well.)
fn with_credentials_of(profile: &str, config: SdkConfig, seam: &Seam) -> SdkConfig {
    let sockets = ProviderConfig::without_region()
        .with_region(config.region().cloned())
        .with_http_client(seam.clone());
    let credentials = ProfileFileCredentialsProvider::builder()
        .configure(&sockets)
        .profile_name(profile)
        .build();
    let credentials = SharedCredentialsProvider::new(credentials);
    config.into_builder().credentials_provider(credentials).build()
}

async fn account(clients: &Clients, config: &SdkConfig, region: &str) -> Result<String, ContextError> {
    // Two attempts: an endpoint that is not there should be told in seconds.
    let few = aws_sdk_sts::config::Builder::new()
        .retry_config(RetryConfig::standard().with_max_attempts(2))
        .timeout_config(TimeoutConfig::builder().read_timeout(READ_TIMEOUT).build());
    let call = clients
        .sts
        .read()
        .get_caller_identity()
        .customize()
        .config_override(few);
    let error = match call.send().await {
        Ok(identity) => return named(identity),
        Err(error) => error,
    };
    // Who is told to slow down has reached it: that is worth more patience.
    let error = match verdict(&error) {
        Verdict::Throttled(_) => match clients.sts.read().get_caller_identity().send().await {
            Ok(identity) => return named(identity),
            Err(error) => error,
        },
        _ => error,
    };
    let told = Told(said(&error).to_string());
    Err(match &error {
        SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => {
            match config.endpoint_url() {
                Some(url) => ContextError::Unreachable(url.to_owned(), told),
                None => ContextError::WrongRegion(region.to_owned(), told),
            }
        }
        SdkError::DispatchFailure(failure) if failure.is_user() => {
            ContextError::Unreachable(endpoint(config, region), told)
        }
        SdkError::DispatchFailure(_) if verdict(&error) == Verdict::NotSent(false) => {
            ContextError::NoCredentials(told)
        }
        SdkError::ServiceError(service) => match service.err().code() {
            Some(
                "InvalidClientTokenId"
                | "UnrecognizedClientException"
                | "ExpiredToken"
                | "ExpiredTokenException"
                | "SignatureDoesNotMatch"
                | "InvalidSignatureException"
                | "AccessDenied"
                | "IncompleteSignature"
                | "AuthFailure",
            ) => ContextError::BadCredentials(told),
            _ => ContextError::Unknown(told),
        },
        _ => ContextError::Unknown(told),
    })
}

fn named(identity: GetCallerIdentityOutput) -> Result<String, ContextError> {
    let nobody = || ContextError::Unknown(Told("the answer names no account".to_owned()));
    identity.account.ok_or_else(nobody)
}

fn endpoint(config: &SdkConfig, region: &str) -> String {
    config
        .endpoint_url()
        .map_or_else(|| format!("of {region}"), ToOwned::to_owned)
}
