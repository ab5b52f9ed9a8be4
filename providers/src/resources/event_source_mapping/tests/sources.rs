use super::*;
use crate::aws::testing::Asked;

async fn verify(replies: Vec<Reply>, form: &Value) -> (Vec<String>, Vec<Asked>) {
    let stand = stand(replies);
    let problems = stand.provider.verify(form).await.unwrap();
    stand.aws.operations();
    (
        problems.iter().map(ToString::to_string).collect(),
        stand.aws.asked(),
    )
}

fn unknown(form: Value) -> Value {
    with(
        form,
        "function",
        json!("(known after deploy: lambda_function.worker/arn)"),
    )
}

fn no_queue() -> Reply {
    let body = json!({"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "The specified queue does not exist."});
    let header = "AWS.SimpleQueueService.NonExistentQueue;Sender".to_owned();
    Reply::Answer(400, vec![("x-amzn-query-error", header)], body.to_string())
}

#[tokio::test]
async fn a_source_that_is_there_is_one_look() {
    for (form, answer, operation, sent) in [
        (
            queue(),
            json!({"QueueUrl": "http://q"}),
            "GetQueueUrl",
            json!({"QueueName": "jobs"}),
        ),
        (
            unknown(stream()),
            json!({"StreamDescriptionSummary": {"StreamName": "clicks", "StreamARN": STREAM, "StreamStatus": "ACTIVE",
                "RetentionPeriodHours": 24, "StreamCreationTimestamp": 1.5e9, "EnhancedMonitoring": [], "OpenShardCount": 1}}),
            "DescribeStreamSummary",
            json!({"StreamName": "clicks"}),
        ),
        (
            unknown(table()),
            json!({"StreamDescription": {"StreamArn": TABLE, "StreamStatus": "ENABLED"}}),
            "DescribeStream",
            json!({"StreamArn": TABLE, "Limit": 1}),
        ),
    ] {
        let (problems, asked) = verify(vec![reply(200, answer)], &form).await;
        assert_eq!(problems, [""; 0]);
        assert_eq!(
            (
                asked[0].operation.as_str(),
                serde_json::from_str(&asked[0].body).ok()
            ),
            (operation, Some(sent))
        );
    }
}

#[tokio::test]
async fn a_missing_source_is_named() {
    let missing = || {
        refusal(
            400,
            "ResourceNotFoundException",
            "Requested resource not found: Stream not found",
        )
    };
    for (form, answer, said) in [
        (
            queue(),
            no_queue(),
            "source_arn: there is no queue `jobs` in us-east-1",
        ),
        (
            queue(),
            refusal(400, "AWS.SimpleQueueService.NonExistentQueue", "no"),
            "there is no queue `jobs`",
        ),
        (
            unknown(stream()),
            missing(),
            "source_arn: there is no Kinesis stream `clicks` in us-east-1",
        ),
        (
            unknown(table()),
            missing(),
            "source_arn: the table `Orders` has no such stream in us-east-1: a stream gets a new ARN",
        ),
    ] {
        let (problems, _) = verify(vec![answer], &form).await;
        assert!(
            problems.len() == 1 && problems[0].starts_with(said.trim_start()) || problems[0].contains(said),
            "{problems:?}"
        );
    }
}

#[tokio::test]
async fn a_look_that_is_denied_says_nothing_and_one_that_fails_is_a_failure() {
    let denied = || {
        refusal(
            403,
            "AccessDeniedException",
            "not authorized to perform: sqs:GetQueueUrl",
        )
    };
    for form in [queue(), unknown(stream()), unknown(table())] {
        assert_eq!(verify(vec![denied()], &form).await.0, [""; 0]);
    }
    let failed = stand(vec![refusal(400, "ValidationException", "?")])
        .provider
        .verify(&queue())
        .await;
    assert_eq!(failed.unwrap_err().effect, Effect::None);
}

#[tokio::test]
async fn a_source_of_another_account_is_asked_for_by_its_owner_and_never_called_missing() {
    let theirs = |form: &Value| {
        with(
            form.clone(),
            "source_arn",
            json!(
                form["source_arn"]
                    .as_str()
                    .unwrap()
                    .replace("123456789012", "210987654321")
            ),
        )
    };
    let (problems, asked) = verify(vec![no_queue()], &theirs(&queue())).await;
    assert_eq!(problems, [""; 0]);
    let sent: Value = serde_json::from_str(&asked[0].body).unwrap();
    assert_eq!(
        sent,
        json!({"QueueName": "jobs", "QueueOwnerAWSAccountId": "210987654321"})
    );
    let form = theirs(&unknown(stream()));
    let missing = refusal(400, "ResourceNotFoundException", "no");
    let (problems, asked) = verify(vec![missing], &form).await;
    assert_eq!(problems, [""; 0]);
    assert_eq!(
        asked[0].body,
        json!({"StreamARN": form["source_arn"]}).to_string()
    );
}

#[tokio::test]
async fn a_source_in_another_region_is_refused_without_a_look() {
    let far = with(
        queue(),
        "source_arn",
        json!(QUEUE.replace("us-east-1", "eu-west-1")),
    );
    let (problems, asked) = verify(vec![], &far).await;
    assert!(
        problems[0].contains("is in the region eu-west-1") && problems[0].ends_with("us-east-1"),
        "{problems:?}"
    );
    assert_eq!(asked, []);
}
