//! Reading and writing a bucket's configuration. S3 knows no condition on the write, so what was written is read again.
//!
//! Two writers who read the same configuration overwrite each other. Who reads again sees that its own part is gone and
//! merges anew; that leaves the time between a writer's reading and its writing, which is S3's to close, and which the next
//! deploy repairs. A notification of others that is gone when we read again was taken away by somebody after our write,
//! since our write had it: it is not brought back.
//!
//! The bodies go past the SDK's model, which drops what it does not know: see [`super::document`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::NotificationConfiguration;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;

use super::document::{Notifications, Part};
use crate::aws::Context;
use crate::aws::outcome::{Sequence, Verdict, failure, lacking, verdict};
use crate::port::{Effect, Failure, Retry};

const GET: &str = "s3:GetBucketNotification";
const PUT: &str = "s3:PutBucketNotification";
/// How often one call writes while somebody else writes too.
const WRITES: usize = 4;
/// How often it is read again while it stays as it was before the write: S3 may take a moment to show it.
const LOOKS: u32 = 4;
/// The first pause between these looks; each is twice the one before.
const PAUSE: Duration = Duration::from_millis(250);
/// Before another try where S3 may not call a destination.
const AFTER_UNASKED: Duration = Duration::from_secs(1);

/// What stands where a bucket is looked for.
#[derive(Debug)]
pub(super) enum Found {
    /// Its configuration.
    Here(Notifications),
    /// No such bucket.
    Missing,
    /// The bucket is in another region, whose notifications cannot call functions of this one.
    Elsewhere(Option<String>),
    /// The credentials may not look, or it is somebody else's bucket.
    Denied(Failure),
}

/// Looks at the configuration of `bucket`.
pub(super) async fn find(context: &Context, bucket: &str) -> Result<Found, Failure> {
    let heard = Heard::default();
    let request = context
        .clients
        .s3
        .read()
        .get_bucket_notification_configuration()
        .bucket(bucket);
    let error = match request.customize().interceptor(heard.clone()).send().await {
        Err(error) if !is_answered(&error) => error,
        // That the SDK's model knows the answer is not needed.
        _ => {
            let read = Notifications::parse(&heard.text());
            let unreadable =
                |error| Failure::refused(format!("the notifications of the bucket {bucket}: {error}"));
            return read.map(Found::Here).map_err(unreadable);
        }
    };
    if let Some(region) = elsewhere(&error) {
        return Ok(Found::Elsewhere(region));
    }
    let verdict = verdict(&error);
    let failed = Failure {
        effect: Effect::None,
        unanswered: false,
        ..failure(GET, error)
    };
    match verdict {
        Verdict::NotFound => Ok(Found::Missing),
        Verdict::Denied => Ok(Found::Denied(failed.with_hint(format!(
            "either the bucket {bucket} belongs to another account, or {}",
            lacking(GET)
        )))),
        _ => Err(failed),
    }
}

/// Changes the configuration of `bucket` by `edit` until it is as `edit` leaves it. `None` if there is no such bucket here.
///
/// # Errors
/// Those of S3, and a maybe where others keep writing over it.
pub(super) async fn change(
    context: &Context,
    bucket: &str,
    edit: impl Fn(&Notifications) -> Notifications,
) -> Result<Option<Notifications>, Failure> {
    let mut requests = Sequence::default();
    let Some(mut before) = requests.look(read(context, bucket).await)? else {
        return Ok(None);
    };
    for _ in 0..WRITES {
        let wanted = edit(&before);
        if wanted == before {
            return Ok(Some(before));
        }
        // S3 asks every destination whether it may be called, those of others too. What only takes away is written without:
        // a dead destination of others must not keep ours there.
        let unasked = wanted.parts.iter().all(|part| before.parts.contains(part));
        if !requests.step(write(context, bucket, &wanted, unasked).await)? {
            return Ok(None);
        }
        let Some(after) = requests.look(read_again(context, bucket, &before).await)? else {
            return Ok(None);
        };
        for gone in lost(&before, &wanted, &after) {
            tracing::warn!(
                bucket,
                notification = gone,
                "a notification of others went while ours were written"
            );
        }
        before = after;
    }
    if edit(&before) == before {
        return Ok(Some(before));
    }
    let told = format!(
        "the notifications of the bucket {bucket} were overwritten {WRITES} times while we wrote them"
    );
    let hint = "something else keeps writing the bucket's notifications; deploy again when it has ended";
    Err(Failure::maybe(told, Duration::from_secs(2))
        .answered()
        .with_hint(hint))
}

/// The ids of what was there before, was sent on, and is gone.
fn lost(before: &Notifications, sent: &Notifications, after: &Notifications) -> Vec<String> {
    let there: Vec<_> = after.parts.iter().map(Part::meaning).collect();
    let kept = sent.parts.iter().filter(|part| before.parts.contains(part));
    let gone = kept.filter(|part| !there.contains(&part.meaning()));
    gone.map(|part| part.id().unwrap_or("without an id").to_owned())
        .collect()
}

async fn read(context: &Context, bucket: &str) -> Result<Option<Notifications>, Failure> {
    match find(context, bucket).await? {
        Found::Here(notifications) => Ok(Some(notifications)),
        Found::Missing | Found::Elsewhere(_) => Ok(None),
        Found::Denied(failed) => Err(failed),
    }
}

async fn read_again(
    context: &Context,
    bucket: &str,
    before: &Notifications,
) -> Result<Option<Notifications>, Failure> {
    let mut pause = PAUSE;
    for _ in 1..LOOKS {
        let after = read(context, bucket).await?;
        if after.as_ref() != Some(before) {
            return Ok(after);
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    read(context, bucket).await
}

/// Writes, `unasked` without asking the destinations; false if the bucket is gone.
async fn write(
    context: &Context,
    bucket: &str,
    wanted: &Notifications,
    unasked: bool,
) -> Result<bool, Failure> {
    let body = wanted.text();
    let answer = context
        .clients
        .s3
        .write()
        .put_bucket_notification_configuration()
        .bucket(bucket)
        .notification_configuration(NotificationConfiguration::builder().build())
        .set_skip_destination_validation(unasked.then_some(true))
        .customize()
        .mutate_request(move |request| {
            request
                .headers_mut()
                .insert("content-length", body.len().to_string());
            *request.body_mut() = SdkBody::from(body.as_str());
        })
        .send()
        .await;
    match answer {
        Ok(_) => Ok(true),
        Err(error) if verdict(&error) == Verdict::NotFound => Ok(false),
        Err(error) => Err(with_hint(failure(PUT, error), bucket)),
    }
}

/// What S3 says of a destination names none. It may be ours, whose permission does not count yet, or one of others, which is
/// gone for good: so it is tried again, and each time counts.
fn with_hint(failed: Failure, bucket: &str) -> Failure {
    let said = failed.chain();
    if said.contains("Unable to validate the following destination") {
        let again = Failure {
            retry: Retry::After(AFTER_UNASKED),
            ..failed
        };
        again.with_hint(format!(
            "S3 asks every destination of the bucket {bucket}, those of others too: one of them is gone or does not let S3 in"
        ))
    } else if said.contains("overlap") || said.contains("ambiguous") {
        failed.with_hint(format!(
            "S3 allows one destination for an object and event: see the notifications of the bucket {bucket}"
        ))
    } else {
        failed
    }
}

/// Whether S3 answered that all is well, and only the SDK could not read it.
fn is_answered<E>(error: &SdkError<E, HttpResponse>) -> bool {
    let answer = match error {
        SdkError::ServiceError(service) => service.raw(),
        SdkError::ResponseError(response) => response.raw(),
        _ => return false,
    };
    answer.status().is_success() && answer.body().bytes().is_some()
}

/// Whether S3 says that the bucket is in another region, and in which.
fn elsewhere<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<Option<String>> {
    let SdkError::ServiceError(service) = error else {
        return None;
    };
    let message = service.err().message().unwrap_or_default();
    let expecting = || {
        Some(
            message
                .split_once("expecting '")?
                .1
                .split('\'')
                .next()?
                .to_owned(),
        )
    };
    let header = || {
        service
            .raw()
            .headers()
            .get("x-amz-bucket-region")
            .map(ToOwned::to_owned)
    };
    match service.err().code() {
        Some("PermanentRedirect" | "IllegalLocationConstraintException") => Some(header().or_else(expecting)),
        Some("AuthorizationHeaderMalformed") if message.contains("region") => {
            Some(expecting().or_else(header))
        }
        None if service.raw().status().as_u16() == 301 => Some(header()),
        _ => None,
    }
}

/// Keeps the body of the answer.
#[derive(Clone, Debug, Default)]
struct Heard(Arc<Mutex<String>>);

impl Heard {
    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Intercept for Heard {
    fn name(&self) -> &'static str {
        "Heard"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(bytes) = context.response().body().bytes() {
            let text = String::from_utf8_lossy(bytes).into_owned();
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = text;
        }
        Ok(())
    }
}
