//! The objects of an S3 bucket, or of any store that speaks its language and writes conditionally, as a place for the state.
//!
//! Uses `If-None-Match: *` and `If-Match`, which S3 honours on `PutObject` since 2024. What a status means:
//! 412 and 404 (an `If-Match` on an object that is gone) are "changed"; 409 is S3's way to say that another conditional write
//! was on its way, and is tried again; answers that did not come leave it open whether the write was made.

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use grail_state::store::object::{Condition, Found, ObjectError, Objects, Tag};

use super::Clients;
use super::outcome::{Verdict, verdict};

/// How the bucket encrypts what is put into it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// As the bucket is set up to: nothing is asked for. S3 then encrypts with keys of its own, if with no other; some other
    /// stores cannot, and would refuse to be asked.
    #[default]
    OfBucket,
    /// With this KMS key (its id or ARN).
    Kms(String),
}

/// A bucket.
#[derive(Debug)]
pub struct Bucket {
    clients: Clients,
    name: String,
    encryption: Encryption,
}

impl Bucket {
    /// The bucket `name`, reached by `clients`, which are those of its region.
    pub fn new(clients: Clients, name: impl Into<String>, encryption: Encryption) -> Self {
        Self {
            clients,
            name: name.into(),
            encryption,
        }
    }

    fn read(&self) -> &Client {
        self.clients.s3.read()
    }

    fn write(&self) -> &Client {
        self.clients.s3.write()
    }
}

#[async_trait]
impl Objects for Bucket {
    async fn get(&self, key: &str) -> Result<Option<Found>, ObjectError> {
        let answer = self.read().get_object().bucket(&self.name).key(key).send().await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if code(&error) == "NoSuchKey" => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let tag = answer.e_tag.unwrap_or_default();
        let bytes = answer
            .body
            .collect()
            .await
            .map_err(|error| ObjectError::Unclear(error.into()))?;
        Ok(Some(Found {
            bytes: bytes.to_vec(),
            tag: Tag(tag),
        }))
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, condition: Condition) -> Result<Tag, ObjectError> {
        let request = self.write().put_object().bucket(&self.name).key(key);
        let request = match &self.encryption {
            Encryption::OfBucket => request,
            Encryption::Kms(key) => request
                .server_side_encryption(ServerSideEncryption::AwsKms)
                .ssekms_key_id(key),
        };
        let request = match condition {
            Condition::New => request.if_none_match("*"),
            Condition::Still(tag) => request.if_match(tag.0),
        };
        match request.body(ByteStream::from(bytes)).send().await {
            Ok(answer) => Ok(Tag(answer.e_tag.unwrap_or_default())),
            Err(error) => Err(match (status(&error), code(&error)) {
                (Some(412), _) | (_, "NoSuchKey") => ObjectError::Changed,
                (Some(409), _) => unclear(error),
                _ => failed(error),
            }),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        let mut keys = Vec::new();
        let mut next = None;
        loop {
            let request = self.read().list_objects_v2().bucket(&self.name).prefix(prefix);
            let page = request
                .set_continuation_token(next)
                .send()
                .await
                .map_err(failed)?;
            keys.extend(
                page.contents
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|object| object.key),
            );
            match page.next_continuation_token {
                Some(token) => next = Some(token),
                None => break,
            }
        }
        keys.sort();
        Ok(keys)
    }

    async fn delete(&self, key: &str) -> Result<(), ObjectError> {
        let answer = self
            .write()
            .delete_object()
            .bucket(&self.name)
            .key(key)
            .send()
            .await;
        answer.map(drop).map_err(failed)
    }
}

fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|answer| answer.status().as_u16())
}

fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> &str {
    error
        .as_service_error()
        .and_then(ProvideErrorMetadata::code)
        .unwrap_or_default()
}

fn failed<E>(error: SdkError<E, HttpResponse>) -> ObjectError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match verdict(&error) {
        Verdict::NotSent(true)
        | Verdict::Unanswered
        | Verdict::Unreadable
        | Verdict::Throttled(_)
        | Verdict::ServerError
        | Verdict::Await(_) => unclear(error),
        _ => ObjectError::Refused(said(&error)),
    }
}

fn unclear<E>(error: SdkError<E, HttpResponse>) -> ObjectError
where
    E: std::error::Error + Send + Sync + 'static,
{
    ObjectError::Unclear(said(&error))
}

/// The error with its causes in one line, as the SDK tells them.
fn said<E>(error: &SdkError<E, HttpResponse>) -> Box<dyn std::error::Error + Send + Sync>
where
    E: std::error::Error + Send + Sync + 'static,
{
    DisplayErrorContext(error).to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{Canned, Reply, reply};

    fn bucket(replies: impl IntoIterator<Item = Reply>) -> (Bucket, Canned) {
        encrypted(replies, Encryption::default())
    }

    fn encrypted(replies: impl IntoIterator<Item = Reply>, encryption: Encryption) -> (Bucket, Canned) {
        let canned = Canned::new(replies);
        let clients = canned.bare_context().clients;
        (Bucket::new(clients, "team", encryption), canned)
    }

    fn error(status: u16, code: &str) -> Reply {
        reply(
            status,
            format!("<Error><Code>{code}</Code><Message>no</Message></Error>"),
        )
    }

    fn tagged(tag: &str, body: &str) -> Reply {
        Reply::Answer(200, vec![("etag", tag.to_owned())], body.to_owned())
    }

    #[tokio::test]
    async fn writes_carry_their_condition() {
        let (bucket, canned) = bucket([tagged("\"1\"", ""), tagged("\"2\"", "")]);
        let tag = bucket.put("a/b", b"x".to_vec(), Condition::New).await.unwrap();
        assert_eq!(tag, Tag("\"1\"".into()));
        bucket
            .put("a/b", b"y".to_vec(), Condition::Still(tag))
            .await
            .unwrap();
        let asked = canned.asked();
        assert_eq!(asked[0].headers["if-none-match"], "*");
        assert_eq!(asked[1].headers["if-match"], "\"1\"");
    }

    #[tokio::test]
    async fn encryption_is_asked_for_where_a_key_is_named_and_is_else_the_bucket_s_own() {
        for (encryption, want) in [
            (Encryption::OfBucket, [None, None]),
            (
                Encryption::Kms("alias/team".into()),
                [Some("aws:kms"), Some("alias/team")],
            ),
        ] {
            let (bucket, canned) = encrypted([tagged("\"1\"", "")], encryption);
            bucket.put("a", Vec::new(), Condition::New).await.unwrap();
            let asked = canned.asked();
            let header = |name: &str| asked[0].headers.get(name).map(String::as_str);
            let told = [
                header("x-amz-server-side-encryption"),
                header("x-amz-server-side-encryption-aws-kms-key-id"),
            ];
            assert_eq!(told, want);
        }
    }

    #[tokio::test]
    async fn answers_are_told_apart() {
        for (answer, want) in [
            (error(412, "PreconditionFailed"), "Changed"),
            (error(404, "NoSuchKey"), "Changed"),
            (error(409, "ConditionalRequestConflict"), "Unclear"),
            (error(503, "SlowDown"), "Unclear"),
            (Reply::Broken, "Unclear"),
            (error(403, "AccessDenied"), "Refused"),
            (error(404, "NoSuchBucket"), "Refused"),
        ] {
            let told = format!("{answer:?}");
            let (bucket, _) = bucket([answer]);
            let refused = bucket.put("k", Vec::new(), Condition::New).await.unwrap_err();
            assert!(format!("{refused:?}").starts_with(want), "{told}: {refused:?}");
        }
    }

    #[tokio::test]
    async fn what_is_not_there_is_none_and_a_missing_bucket_is_refused() {
        let (one, _) = bucket([error(404, "NoSuchKey")]);
        assert_eq!(one.get("k").await.unwrap(), None);
        let (one, _) = bucket([error(404, "NoSuchBucket")]);
        assert!(matches!(one.get("k").await, Err(ObjectError::Refused(_))));
        let (one, _) = bucket([tagged("\"1\"", "text")]);
        assert_eq!(one.get("k").await.unwrap().unwrap().bytes, b"text");
    }

    #[tokio::test]
    async fn long_lists_are_read_to_their_end() {
        let page = |keys: &[&str], next: &str| {
            let keys: String = keys
                .iter()
                .map(|key| format!("<Contents><Key>{key}</Key></Contents>"))
                .collect();
            reply(200, format!("<ListBucketResult>{keys}{next}</ListBucketResult>"))
        };
        let (bucket, canned) = bucket([
            page(
                &["j/2", "j/1"],
                "<NextContinuationToken>t</NextContinuationToken>",
            ),
            page(&["j/3"], ""),
        ]);
        assert_eq!(bucket.list("j/").await.unwrap(), ["j/1", "j/2", "j/3"]);
        assert!(canned.asked()[1].line.contains("continuation-token=t"));
    }
}
