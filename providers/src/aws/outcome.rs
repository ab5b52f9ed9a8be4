//! From the SDK's errors to [`Failure`]: one table.
//!
//! | What came back | Effect | Retry |
//! |---|---|---|
//! | the request could not be built, or never left the seam | none | never, or after a moment |
//! | time-out, broken connection, unreadable answer | maybe | after |
//! | throttled | none | after what the answer says |
//! | changed meanwhile, or a deletion that IAM does not see through yet | none | after |
//! | 5xx | maybe | after |
//! | a role that Lambda cannot assume yet, an update in progress, a mapping in use | none | await |
//! | exists already | none | never; whoever creates then looks |
//! | any other 4xx | none | never |
//!
//! A read that fails changed nothing whatever it says: its effect is always none. The SDK's error types hold whole requests
//! and answers, environment variables included, so only their texts are kept.

#[cfg(test)]
mod tests;

use std::error::Error;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::connector::{NotSent, request_id, retry_after};
use crate::port::failure::chain;
use crate::port::{Effect, Failure, Retry};
use crate::privileges::is_of_things;

/// After what may have had an effect.
const AFTER_MAYBE: Duration = Duration::from_secs(1);
/// After throttling without a word on how long.
const AFTER_THROTTLE: Duration = Duration::from_secs(1);
/// Before the first look at what propagates; the next ones come ever later.
const AFTER_AWAIT: Duration = Duration::from_millis(250);

/// A call that failed: which, and as its source what was said.
#[derive(Debug, thiserror::Error)]
#[error("{action} failed")]
pub struct CallFailed {
    /// The call, as the IAM action that it needs: `lambda:CreateFunction`.
    pub action: &'static str,
    /// What was said.
    #[source]
    pub said: Said,
}

/// What AWS or the transport said.
#[derive(Debug, thiserror::Error)]
#[error("{text}{}", .request_id.as_ref().map(|id| format!(" (request id {id})")).unwrap_or_default())]
pub struct Said {
    /// AWS's error code, such as `ResourceNotFoundException`.
    pub code: Option<String>,
    /// The raw text.
    pub text: String,
    /// The request id, for AWS's support.
    pub request_id: Option<String>,
}

/// What an error means, whatever service it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Never left this machine; true if a later try may.
    NotSent(bool),
    /// No answer: it may still arrive and have its effect.
    Unanswered,
    /// An answer that cannot be read.
    Unreadable,
    /// Too many requests; how long to wait, where the answer says.
    Throttled(Option<Duration>),
    /// The service failed.
    ServerError,
    /// Something else must settle first.
    Await(&'static str),
    /// Changed by somebody since it was read, or not yet everywhere as we left it.
    Changed,
    /// It exists already.
    Exists,
    /// It does not exist.
    NotFound,
    /// The credentials lack a right.
    Denied,
    /// Refused.
    Refused,
}

/// What an SDK error means.
pub fn verdict<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Verdict {
    match error {
        SdkError::ConstructionFailure(_) => Verdict::NotSent(false),
        SdkError::DispatchFailure(failure) => failure
            .as_connector_error()
            .and_then(|error| not_sent(error))
            .unwrap_or(Verdict::Unanswered),
        SdkError::TimeoutError(_) => Verdict::Unanswered,
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or_default();
            let message = service.err().message().unwrap_or_default();
            of_answer(service.raw(), code, message)
        }
        _ => Verdict::Unreadable,
    }
}

/// The causes that prove that a request never left: ours, and credentials that could not be loaded.
fn not_sent(error: &(dyn Error + 'static)) -> Option<Verdict> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(held) = error.downcast_ref::<NotSent>() {
            return Some(Verdict::NotSent(matches!(held, NotSent::HeldBack(_))));
        }
        if error.is::<CredentialsError>() {
            return Some(Verdict::NotSent(false));
        }
        cause = error.source();
    }
    None
}

fn of_answer(answer: &HttpResponse, code: &str, message: &str) -> Verdict {
    let status = answer.status().as_u16();
    if answer.status().is_success() {
        return Verdict::Unreadable;
    }
    if status == 429 || is_throttle(code) {
        return Verdict::Throttled(retry_after(answer));
    }
    if status >= 500 {
        return Verdict::ServerError;
    }
    if let Some(on) = awaited(code, message) {
        return Verdict::Await(on);
    }
    match code {
        // IAM keeps a role while one of its places still shows a policy of it, one that we have just taken away among them.
        "DeleteConflict"
        | "DeleteConflictException"
        | "PreconditionFailedException"
        | "ConcurrentModification"
        | "ConcurrentModificationException"
        | "OperationAborted"
        | "OperationAbortedException" => Verdict::Changed,
        "EntityAlreadyExists"
        | "ResourceConflictException"
        | "ResourceAlreadyExistsException"
        | "ConflictException"
        | "BucketAlreadyOwnedByYou"
        | "QueueAlreadyExists"
        | "QueueNameExists" => Verdict::Exists,
        // DynamoDB and Kinesis; what is merely busy has been told above.
        "ResourceInUseException" if message.to_ascii_lowercase().contains("already exist") => Verdict::Exists,
        "ResourceNotFoundException"
        | "ProvisionedConcurrencyConfigNotFoundException"
        | "NoSuchEntity"
        | "NoSuchEntityException"
        | "NotFound"
        | "NotFoundException"
        | "NoSuchBucket"
        | "NoSuchKey"
        | "QueueDoesNotExist"
        | "AWS.SimpleQueueService.NonExistentQueue" => Verdict::NotFound,
        "AccessDenied"
        | "AccessDeniedException"
        | "AuthorizationError"
        | "UnauthorizedOperation"
        | "NotAuthorized" => Verdict::Denied,
        // Some answers say it by the status alone.
        "" if status == 404 => Verdict::NotFound,
        _ => Verdict::Refused,
    }
}

fn is_throttle(code: &str) -> bool {
    code.starts_with("Throttl")
        || matches!(
            code,
            "TooManyRequestsException"
                | "TooManyRequests"
                | "SlowDown"
                | "RequestLimitExceeded"
                | "RequestThrottled"
                | "RequestThrottledException"
                | "BandwidthLimitExceeded"
                | "PriorRequestNotComplete"
        )
}

/// The refusals that time cures, as Chalice tells them (`chalice-deployer.md` 3), and those that it forgets.
fn awaited(code: &str, message: &str) -> Option<&'static str> {
    let text = message.to_ascii_lowercase();
    let has = |first: &str, then: &str| text.find(first).is_some_and(|at| text[at..].contains(then));
    match code {
        "InvalidParameterValueException" | "ResourceInUseException" => {
            if has("role", "cannot be assumed")
                || has("role", "does not have permissions")
                || has("cannot access stream", "ensure the role can perform")
                || has("invalidarnexception", "valid principal")
            {
                Some("the role to become usable")
            } else if has("event source mapping", "is in use") || text.contains("mapping is in use") {
                Some("the event source mapping to become free")
            } else if code == "ResourceInUseException"
                && !text.contains("already exist")
                && (text.contains("still in use") || text.contains("being ") || text.contains("not active"))
            {
                Some("another change of the table or stream to end")
            } else {
                None
            }
        }
        // It quotes names, and a name may hold any of the words below. A function that has failed stays so.
        "ResourceConflictException" if text.contains("already exist") || text.contains("state: failed") => {
            None
        }
        "ResourceConflictException"
            if text.contains("in progress")
                || text.contains("concurrent update")
                || has("cannot be performed", "state")
                || text.contains("state: pending") =>
        {
            Some("an update of the function to end")
        }
        "ConflictException" if text.contains("concurrent modification") || text.contains("try again") => {
            Some("another change of the API to end")
        }
        "ContinuousBackupsUnavailableException" => Some("the backups of the new table to begin"),
        "QueueDeletedRecently" | "AWS.SimpleQueueService.QueueDeletedRecently" => {
            Some("the name of the deleted queue to become free")
        }
        "EntityTemporarilyUnmodifiable" | "EntityTemporarilyUnmodifiableException" => {
            Some("the role to become modifiable")
        }
        _ => None,
    }
}

/// Makes a [`Failure`] of a failed write. `action` is the call as the IAM action that it needs.
pub fn failure<E>(action: &'static str, error: SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let verdict = verdict(&error);
    let said = said(&error);
    let hint = hint(&verdict, action, &said);
    let unanswered = verdict == Verdict::Unanswered;
    let (effect, retry) = match verdict {
        Verdict::NotSent(false)
        | Verdict::Exists
        | Verdict::NotFound
        | Verdict::Denied
        | Verdict::Refused => (Effect::None, Retry::Never),
        Verdict::NotSent(true) | Verdict::Changed => (Effect::None, Retry::After(AFTER_MAYBE)),
        Verdict::Unanswered | Verdict::Unreadable | Verdict::ServerError => {
            (Effect::Maybe, Retry::After(AFTER_MAYBE))
        }
        Verdict::Throttled(after) => (Effect::None, Retry::After(after.unwrap_or(AFTER_THROTTLE))),
        Verdict::Await(on) => (
            Effect::None,
            Retry::Await {
                after: AFTER_AWAIT,
                on,
            },
        ),
    };
    Failure {
        effect,
        retry,
        unanswered,
        foreign: false,
        hint,
        source: Box::new(CallFailed { action, said }),
    }
}

/// What an error says, as text.
pub(crate) fn said<E>(error: &SdkError<E, HttpResponse>) -> Said
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let id = error.raw_response().and_then(request_id).map(ToOwned::to_owned);
    if let SdkError::ServiceError(service) = error {
        let (code, message) = (service.err().code(), service.err().message().map(without_values));
        let status = service.raw().status().as_u16();
        return Said {
            code: code.map(ToOwned::to_owned),
            text: match (code, message) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                (Some(code), None) => format!("{code} (status {status})"),
                (None, Some(message)) => format!("status {status}: {message}"),
                (None, None) => format!("status {status} without a word"),
            },
            request_id: id,
        };
    }
    Said {
        code: None,
        text: chain(error),
        request_id: id,
    }
}

/// A message without the values of an environment: Lambda quotes all of it, in clear, where it exceeds its limit.
fn without_values(message: &str) -> &str {
    const QUOTE: &str = "string measured:";
    let at = message.to_ascii_lowercase().find(QUOTE);
    at.and_then(|at| message.get(..at)).map_or(message, str::trim_end)
}

/// The way on where the credentials lack a right.
pub(crate) fn lacking(action: &str) -> String {
    let (words, file) = match is_of_things(action) {
        true => ("grail policy --things", "policy-things.json"),
        false => ("grail policy", "policy.json"),
    };
    format!(
        "the credentials lack `{action}`: add it to their policy; `{words}` prints the whole one (deploy/{file})"
    )
}

fn hint(verdict: &Verdict, action: &str, said: &Said) -> Option<String> {
    let code = said.code.as_deref().unwrap_or_default();
    match verdict {
        Verdict::Denied => {
            let missing = said
                .text
                .split_once("to perform: ")
                .and_then(|(_, rest)| rest.split_whitespace().next())
                .unwrap_or(action);
            Some(lacking(missing))
        }
        Verdict::Refused if code.starts_with("ExpiredToken") || code == "RequestExpired" => {
            Some("the credentials have expired: sign in again".to_owned())
        }
        Verdict::Refused if code.contains("LimitExceeded") || code == "CodeStorageExceededException" => {
            Some("a quota of the account is used up: remove something or ask AWS for more".to_owned())
        }
        _ => None,
    }
}

/// The requests of one call of a provider, in order. Once one of them has changed something, a later failure leaves part of
/// the work done, which is a maybe.
#[derive(Debug, Default)]
pub struct Sequence {
    changed: bool,
}

impl Sequence {
    /// Takes the outcome of a request that changes something when it succeeds.
    ///
    /// # Errors
    /// The failure, as a maybe if anything was changed before.
    pub fn step<T>(&mut self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        let outcome = self.look(outcome);
        self.changed |= outcome.is_ok();
        outcome
    }

    /// Takes the outcomes of rows of requests that were under way at once.
    ///
    /// # Errors
    /// The first failure, as a maybe if anything was or may have been changed, and as unanswered if any request is, in
    /// whichever row.
    pub fn together<T>(&mut self, rows: Vec<(Self, Result<T, Failure>)>) -> Result<Vec<T>, Failure> {
        for (row, outcome) in &rows {
            let doubtful = outcome
                .as_ref()
                .is_err_and(|failed| failed.effect == Effect::Maybe);
            self.changed |= row.changed || doubtful;
        }
        let failed = rows.iter().filter_map(|(_, outcome)| outcome.as_ref().err());
        let unanswered = failed.fold(false, |any, failed| any | failed.unanswered);
        let outcomes = rows.into_iter().map(|(_, outcome)| outcome);
        self.look(outcomes.collect())
            .map_err(|failed| Failure { unanswered, ..failed })
    }

    /// Takes the outcome of a request that changes nothing.
    ///
    /// # Errors
    /// As [`Sequence::step`].
    pub fn look<T>(&self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        outcome.map_err(|failed| {
            if self.changed {
                failed.after_change()
            } else {
                failed
            }
        })
    }
}

/// How the answer to a call is taken.
pub trait Outcome<T>: Sized {
    /// The answer to a read.
    ///
    /// # Errors
    /// As the table says, always without effect.
    fn read(self, action: &'static str) -> Result<T, Failure>;

    /// The answer to a read of something that may not exist.
    ///
    /// # Errors
    /// As [`Outcome::read`], but for "not found".
    fn found(self, action: &'static str) -> Result<Option<T>, Failure>;

    /// The answer to a write.
    ///
    /// # Errors
    /// As the table says.
    fn wrote(self, action: &'static str) -> Result<T, Failure>;

    /// The answer to the removal of something that may be gone.
    ///
    /// # Errors
    /// As the table says, but for "not found".
    fn gone(self, action: &'static str) -> Result<(), Failure>;

    /// The answer to the making of something: `None` if something of that name exists already.
    ///
    /// # Errors
    /// As the table says, but for "exists already".
    fn made(self, action: &'static str) -> Result<Option<T>, Failure>;
}

impl<T, E> Outcome<T> for Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    fn read(self, action: &'static str) -> Result<T, Failure> {
        self.map_err(|error| Failure {
            effect: Effect::None,
            unanswered: false,
            ..failure(action, error)
        })
    }

    fn found(self, action: &'static str) -> Result<Option<T>, Failure> {
        match self {
            Err(error) if verdict(&error) == Verdict::NotFound => Ok(None),
            other => other.read(action).map(Some),
        }
    }

    fn wrote(self, action: &'static str) -> Result<T, Failure> {
        self.map_err(|error| failure(action, error))
    }

    fn gone(self, action: &'static str) -> Result<(), Failure> {
        match self {
            Err(error) if verdict(&error) == Verdict::NotFound => Ok(()),
            other => other.wrote(action).map(|_| ()),
        }
    }

    fn made(self, action: &'static str) -> Result<Option<T>, Failure> {
        match self {
            Err(error) if verdict(&error) == Verdict::Exists => Ok(None),
            other => other.wrote(action).map(Some),
        }
    }
}
