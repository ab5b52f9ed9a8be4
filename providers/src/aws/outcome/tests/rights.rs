//! A missing right, in the form of every protocol.

use serde_json::json;

use super::*;
use crate::aws::testing::xml_refusal;

/// One refused call in each of the forms in which AWS's services answer: the right that is missing is named, and the policy.
#[tokio::test]
async fn a_missing_right_is_named_in_every_protocol() {
    let told = |action: &str| {
        format!("User: arn:aws:iam::1:user/ci is not authorized to perform: {action} on resource: x")
    };
    let bare = |status: u16, body: &str| reply(status, body);
    let answers = [
        // REST with JSON: Lambda, API Gateway.
        refusal(403, "AccessDeniedException", &told("lambda:GetFunction")),
        Reply::Answer(
            403,
            vec![("x-amzn-errortype", "AccessDeniedException".to_owned())],
            json!({"Message": told("apigateway:GET")}).to_string(),
        ),
        // JSON: CloudWatch Logs, CloudWatch Events, ACM, Kinesis, DynamoDB streams; SQS, which keeps the codes of its old form.
        bare(400, &json!({"__type": "AccessDeniedException", "message": told("logs:DescribeLogGroups")}).to_string()),
        bare(400, &json!({"__type": "AccessDeniedException", "message": told("events:DescribeRule")}).to_string()),
        bare(400, &json!({"__type": "AccessDeniedException", "Message": told("acm:DescribeCertificate")}).to_string()),
        bare(400, &json!({"__type": "AccessDeniedException", "Message": told("kinesis:DescribeStreamSummary")}).to_string()),
        bare(
            400,
            &json!({"__type": "com.amazon.coral.service#AccessDeniedException", "Message": told("dynamodb:DescribeStream")})
                .to_string(),
        ),
        Reply::Answer(
            403,
            vec![("x-amzn-query-error", "AccessDenied;Sender".to_owned())],
            json!({"__type": "com.amazon.coral.service#AccessDeniedException", "message": told("sqs:GetQueueUrl")}).to_string(),
        ),
        // Query: IAM, SNS.
        xml_refusal(403, "AccessDenied", &told("iam:GetRole")),
        xml_refusal(403, "AuthorizationError", &told("sns:GetTopicAttributes")),
        // REST with XML: S3, which may say no more than this.
        bare(403, "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"),
    ];
    let aws = Canned::new(answers);
    let context = aws.context();
    let clients = &context.clients;
    let failures = [
        clients
            .lambda
            .read()
            .get_function()
            .function_name("f")
            .send()
            .await
            .read("lambda:GetFunction")
            .err(),
        clients
            .apigateway
            .read()
            .get_rest_api()
            .rest_api_id("a")
            .send()
            .await
            .read("apigateway:GET")
            .err(),
        clients
            .logs
            .read()
            .describe_log_groups()
            .send()
            .await
            .read("logs:DescribeLogGroups")
            .err(),
        clients
            .events
            .read()
            .describe_rule()
            .name("r")
            .send()
            .await
            .read("events:DescribeRule")
            .err(),
        clients
            .acm
            .read()
            .describe_certificate()
            .certificate_arn("c")
            .send()
            .await
            .read("acm:DescribeCertificate")
            .err(),
        clients
            .kinesis
            .read()
            .describe_stream_summary()
            .stream_name("s")
            .send()
            .await
            .read("kinesis:DescribeStreamSummary")
            .err(),
        clients
            .dynamodbstreams
            .read()
            .describe_stream()
            .stream_arn("s")
            .send()
            .await
            .read("dynamodb:DescribeStream")
            .err(),
        clients
            .sqs
            .read()
            .get_queue_url()
            .queue_name("q")
            .send()
            .await
            .read("sqs:GetQueueUrl")
            .err(),
        clients
            .iam
            .read()
            .get_role()
            .role_name("r")
            .send()
            .await
            .read("iam:GetRole")
            .err(),
        clients
            .sns
            .read()
            .get_topic_attributes()
            .topic_arn("t")
            .send()
            .await
            .read("sns:GetTopicAttributes")
            .err(),
        clients
            .s3
            .read()
            .get_bucket_notification_configuration()
            .bucket("b")
            .send()
            .await
            .read("s3:GetBucketNotification")
            .err(),
    ];
    let actions = [
        "lambda:GetFunction",
        "apigateway:GET",
        "logs:DescribeLogGroups",
        "events:DescribeRule",
        "acm:DescribeCertificate",
        "kinesis:DescribeStreamSummary",
        "dynamodb:DescribeStream",
        "sqs:GetQueueUrl",
        "iam:GetRole",
        "sns:GetTopicAttributes",
        "s3:GetBucketNotification",
    ];
    for (failed, action) in failures.into_iter().zip(actions) {
        let failed = failed.unwrap();
        assert_eq!(
            stands(&failed),
            (Effect::None, Retry::Never, false),
            "{}",
            failed.chain()
        );
        let hint = failed.hint.clone().unwrap_or_default();
        assert!(
            hint.contains(&format!("`{action}`")),
            "{action}: {}: {hint}",
            failed.chain()
        );
        assert!(
            hint.contains("`grail policy`") && hint.contains("deploy/policy.json"),
            "{hint}"
        );
    }
    assert_eq!(aws.operations().len(), actions.len());
}
