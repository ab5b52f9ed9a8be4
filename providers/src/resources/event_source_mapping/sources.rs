//! Whether the queue or stream of a mapping is there, asked while planning.
//!
//! Who deploys need not be allowed to look at the source; only the function's role must. So a look that is denied says
//! nothing. In another account "not found" may mean just that as well (SQS says so), and says nothing either.

use std::error::Error;

use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::EventSourceMapping;
use super::form::{Service, Source, Spec};
use crate::aws::Outcome;
use crate::aws::outcome::{Verdict, verdict};
use crate::port::{Failure, Invalid};

/// What a look at a source showed.
enum Presence {
    There,
    Missing,
    /// We may not look.
    Unknown,
}

/// `missing` tells the error codes that the common table does not know.
fn presence<T, E>(
    action: &'static str,
    answer: Result<T, SdkError<E, HttpResponse>>,
    missing: impl Fn(&E) -> bool,
) -> Result<Presence, Failure>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let Err(error) = &answer else {
        return Ok(Presence::There);
    };
    match verdict(error) {
        Verdict::NotFound => Ok(Presence::Missing),
        Verdict::Denied => Ok(Presence::Unknown),
        _ if error.as_service_error().is_some_and(missing) => Ok(Presence::Missing),
        _ => answer.read(action).map(|_| Presence::There),
    }
}

impl EventSourceMapping {
    /// What is wrong with the source itself.
    pub(super) async fn source_problems(&self, spec: &Spec) -> Result<Vec<Invalid>, Failure> {
        let Some(source) = spec.source() else {
            return Ok(Vec::new());
        };
        let invalid = |why: String| {
            vec![Invalid {
                field: "source_arn".to_owned(),
                why,
            }]
        };
        if source.region != self.context.region {
            return Ok(invalid(format!(
                "`{}` is in the region {}, and a function can only be fed from its own, {}",
                spec.source_arn, source.region, self.context.region
            )));
        }
        let foreign = source.account != self.context.account;
        let presence = match source.service {
            Service::Sqs => self.queue(&source, foreign).await?,
            Service::Kinesis => self.stream(spec, &source, foreign).await?,
            Service::Dynamodb => self.table_stream(spec).await?,
        };
        Ok(match presence {
            Presence::Missing if !foreign => invalid(missing(spec, &source)),
            _ => Vec::new(),
        })
    }

    async fn queue(&self, source: &Source<'_>, foreign: bool) -> Result<Presence, Failure> {
        let request = self
            .context
            .clients
            .sqs
            .read()
            .get_queue_url()
            .queue_name(source.name);
        let owner = foreign.then(|| source.account.to_owned());
        let answer = request.set_queue_owner_aws_account_id(owner).send().await;
        presence("sqs:GetQueueUrl", answer, |error| {
            let code = error.code().unwrap_or_default();
            error.is_queue_does_not_exist() || code.ends_with("NonExistentQueue")
        })
    }

    async fn stream(&self, spec: &Spec, source: &Source<'_>, foreign: bool) -> Result<Presence, Failure> {
        let request = self.context.clients.kinesis.read().describe_stream_summary();
        let request = if foreign {
            request.stream_arn(&spec.source_arn)
        } else {
            request.stream_name(source.name)
        };
        presence("kinesis:DescribeStreamSummary", request.send().await, |_| false)
    }

    async fn table_stream(&self, spec: &Spec) -> Result<Presence, Failure> {
        let request = self.context.clients.dynamodbstreams.read().describe_stream();
        let answer = request.stream_arn(&spec.source_arn).limit(1).send().await;
        presence("dynamodb:DescribeStream", answer, |_| false)
    }
}

fn missing(spec: &Spec, source: &Source<'_>) -> String {
    let Source { name, region, .. } = source;
    match spec.service {
        Service::Sqs => format!("there is no queue `{name}` in {region}"),
        Service::Kinesis => format!("there is no Kinesis stream `{name}` in {region}"),
        Service::Dynamodb => format!(
            "the table `{name}` has no such stream in {region}: a stream gets a new ARN each time it is enabled"
        ),
    }
}
