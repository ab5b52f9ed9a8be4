use aws_sdk_lambda::operation::delete_function::DeleteFunctionError;

use super::*;
use crate::aws::testing::{Canned, Reply, refusal, reply};

mod rights;

/// The failure of one write that was answered so.
async fn after(answer: Reply) -> Failure {
    let aws = Canned::new([answer]);
    let context = aws.context();
    let lambda = context.clients.lambda.write();
    let answer = lambda.delete_function().function_name("f").send().await;
    let failed = answer.wrote("lambda:DeleteFunction").unwrap_err();
    assert_eq!(aws.operations(), ["DeleteFunction"], "a write is sent once");
    failed
}

fn stands(failed: &Failure) -> (Effect, Retry, bool) {
    (failed.effect, failed.retry, failed.unanswered)
}

#[tokio::test]
async fn what_has_no_answer_is_a_maybe() {
    let second = Retry::After(AFTER_MAYBE);
    let broken = after(Reply::Broken).await;
    assert_eq!(stands(&broken), (Effect::Maybe, second, true));
    assert!(broken.chain().contains("connection reset"), "{}", broken.chain());
    let timed_out = SdkError::<DeleteFunctionError, _>::timeout_error("too late");
    let timed_out = failure("lambda:DeleteFunction", timed_out);
    assert_eq!(stands(&timed_out), (Effect::Maybe, second, true));
    let failed = after(refusal(503, "ServiceException", "try later")).await;
    assert_eq!(stands(&failed), (Effect::Maybe, second, false));
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_a_maybe() {
    let aws = Canned::new([reply(200, "{ not JSON")]);
    let context = aws.context();
    let answer = context
        .clients
        .lambda
        .write()
        .update_function_code()
        .function_name("f")
        .send()
        .await;
    let failed = answer.wrote("lambda:UpdateFunctionCode").unwrap_err();
    assert_eq!(stands(&failed), (Effect::Maybe, Retry::After(AFTER_MAYBE), false));
}

/// Whatever stands in front of a service answers in HTML. In every protocol that is an answer: nothing is on its way any more,
/// so nobody waits for a request that may still arrive.
#[tokio::test]
async fn any_answer_at_all_is_no_lost_request() {
    for (status, body) in [
        (500, ""),
        (502, "<html>Bad Gateway</html>"),
        (503, "{\"message\": \"Service Unavailable\"}"),
        (504, "<html>Gateway Time-out</html>"),
        (200, "<html>Hello</html>"),
    ] {
        let context = Canned::new((0..5).map(|_| reply(status, body))).context();
        let clients = &context.clients;
        let failures = [
            clients
                .lambda
                .write()
                .publish_version()
                .function_name("f")
                .send()
                .await
                .wrote("lambda:x")
                .err(),
            clients
                .iam
                .write()
                .create_role()
                .role_name("r")
                .assume_role_policy_document("{}")
                .send()
                .await
                .wrote("iam:x")
                .err(),
            clients
                .apigateway
                .write()
                .create_deployment()
                .rest_api_id("a")
                .send()
                .await
                .wrote("apigateway:x")
                .err(),
            clients
                .logs
                .write()
                .create_log_group()
                .log_group_name("g")
                .send()
                .await
                .wrote("logs:x")
                .err(),
            clients
                .s3
                .write()
                .create_bucket()
                .bucket("b")
                .send()
                .await
                .wrote("s3:x")
                .err(),
        ];
        for failed in failures.iter().flatten() {
            assert!(!failed.unanswered, "{status}: {}", failed.chain());
            assert_eq!(failed.effect, Effect::Maybe, "{status}: {}", failed.chain());
        }
        let failed = failures.iter().flatten().count();
        assert!(failed == 5 || status == 200, "{failed} of 5 failed with {status}");
    }
}

#[tokio::test]
async fn what_was_never_sent_had_no_effect() {
    let context = Canned::new([]).context();
    let answer = context.clients.lambda.write().delete_function().send().await;
    let failed = answer.wrote("lambda:DeleteFunction").unwrap_err();
    assert_eq!(stands(&failed), (Effect::None, Retry::Never, false));
    for (cause, retry) in [
        (NotSent::NotLoopback("example.org".into()), Retry::Never),
        (
            NotSent::HeldBack("the lease is lost".into()),
            Retry::After(AFTER_MAYBE),
        ),
    ] {
        let error = aws_smithy_runtime_api::client::result::ConnectorError::user(cause.into());
        let failed = failure("x:Y", SdkError::<DeleteFunctionError, _>::dispatch_failure(error));
        assert_eq!(stands(&failed), (Effect::None, retry, false));
    }
    let error = CredentialsError::not_loaded("none");
    let error = aws_smithy_runtime_api::client::result::ConnectorError::other(error.into(), None);
    let failed = failure("x:Y", SdkError::<DeleteFunctionError, _>::dispatch_failure(error));
    assert_eq!(stands(&failed), (Effect::None, Retry::Never, false));
}

#[tokio::test]
async fn throttling_tells_how_long_to_wait() {
    let told = Reply::Answer(
        429,
        vec![
            ("retry-after", "7".to_owned()),
            ("x-amzn-errortype", "TooManyRequestsException".to_owned()),
        ],
        "{}".to_owned(),
    );
    for (answer, wait) in [
        (told, Duration::from_secs(7)),
        (
            refusal(400, "ThrottlingException", "Rate exceeded"),
            AFTER_THROTTLE,
        ),
        (refusal(503, "SlowDown", "Reduce your rate"), AFTER_THROTTLE),
        (refusal(429, "LimitExceededException", "Too fast"), AFTER_THROTTLE),
    ] {
        assert_eq!(
            stands(&after(answer).await),
            (Effect::None, Retry::After(wait), false)
        );
    }
}

#[tokio::test]
async fn what_time_cures_is_awaited() {
    for (code, message, on) in [
        (
            "InvalidParameterValueException",
            "The role defined for the function cannot be assumed by Lambda.",
            "the role to become usable",
        ),
        (
            "InvalidParameterValueException",
            "The provided execution role does not have permissions to call CreateNetworkInterface on EC2",
            "the role to become usable",
        ),
        (
            "InvalidParameterValueException",
            "Lambda was unable to configure access to KMS: InvalidArnException: ARN does not refer to a valid principal",
            "the role to become usable",
        ),
        (
            "InvalidParameterValueException",
            "Cannot access stream arn:aws:kinesis:us-east-1:1:stream/s. Please ensure the role can perform the GetRecords, \
             GetShardIterator, DescribeStream, ListShards, and ListStreams Actions on your stream in IAM.",
            "the role to become usable",
        ),
        (
            "ResourceConflictException",
            "The operation cannot be performed at this time. An update is in progress for resource: f",
            "an update of the function to end",
        ),
        (
            "ResourceConflictException",
            "The function could not be updated due to a concurrent update operation.",
            "an update of the function to end",
        ),
        (
            "ResourceConflictException",
            "The operation cannot be performed at this time. The function is currently in the following state: Pending",
            "an update of the function to end",
        ),
        (
            "ResourceInUseException",
            "Cannot update the event source mapping because it is in use.",
            "the event source mapping to become free",
        ),
    ] {
        let failed = after(refusal(400, code, message)).await;
        assert_eq!(
            stands(&failed),
            (
                Effect::None,
                Retry::Await {
                    after: AFTER_AWAIT,
                    on
                },
                false
            )
        );
        assert!(failed.chain().contains(message) && failed.chain().contains("(request id req-1)"));
    }
}

/// Lambda's own words, with what it puts behind them.
#[tokio::test]
async fn the_environment_that_lambda_quotes_is_not_repeated() {
    let message = "Lambda was unable to configure your environment variables because the environment variables you have \
                   provided exceeded the 4KB limit. String measured: {\"DB_PASSWORD\":\"hunter2\",\"MODE\":\"fast\"}";
    let failed = after(refusal(400, "InvalidParameterValueException", message)).await;
    assert_eq!(stands(&failed), (Effect::None, Retry::Never, false));
    for told in [failed.chain(), format!("{failed:?}")] {
        assert!(told.contains("exceeded the 4KB limit."), "{told}");
        assert!(!told.contains("hunter2") && !told.contains("fast"), "{told}");
    }
}

#[tokio::test]
async fn what_time_does_not_cure_is_not_waited_for() {
    for message in [
        "The statement id (grail-pending-orders-1a2b3c) provided already exists.",
        "Function already exist: shop-dev-update-in progress",
        "The operation cannot be performed at this time. The function is currently in the following state: Failed",
    ] {
        let failed = after(refusal(409, "ResourceConflictException", message)).await;
        assert_eq!(stands(&failed), (Effect::None, Retry::Never, false), "{message}");
    }
    let other = after(refusal(
        409,
        "ResourceConflictException",
        "shop-dev-pending-orders is odd",
    ))
    .await;
    assert_eq!(other.retry, Retry::Never);
}

#[tokio::test]
async fn a_role_that_iam_still_sees_a_policy_of_is_tried_again() {
    for code in ["DeleteConflict", "DeleteConflictException"] {
        let failed = after(refusal(
            409,
            code,
            "Cannot delete entity, must delete policies first.",
        ))
        .await;
        let again = Retry::After(AFTER_MAYBE);
        assert_eq!(stands(&failed), (Effect::None, again, false), "{code}");
    }
}

#[tokio::test]
async fn a_refusal_is_final_and_says_what_is_missing() {
    let other = after(refusal(
        400,
        "InvalidParameterValueException",
        "Unsupported runtime",
    ))
    .await;
    assert_eq!(
        (stands(&other), other.hint.as_deref()),
        ((Effect::None, Retry::Never, false), None)
    );
    let message = "User: arn:aws:iam::1:user/u is not authorized to perform: iam:PassRole on resource: arn:aws:iam::1:role/r";
    let denied = after(refusal(403, "AccessDeniedException", message)).await;
    assert_eq!(stands(&denied), (Effect::None, Retry::Never, false));
    assert!(denied.hint.unwrap().contains("`iam:PassRole`"));
    let denied = after(refusal(403, "AccessDeniedException", "no")).await;
    assert!(denied.hint.unwrap().contains("`lambda:DeleteFunction`"));
    let denied = after(refusal(403, "AuthorizationError", "no")).await;
    assert!(denied.hint.unwrap().contains("`lambda:DeleteFunction`"));
    for code in [
        "CodeStorageExceededException",
        "LimitExceeded",
        "SubscriptionLimitExceeded",
    ] {
        let full = after(refusal(400, code, "no more")).await;
        assert!(full.hint.unwrap().contains("quota"), "{code}");
    }
}

#[tokio::test]
async fn gone_found_and_made_know_the_answers_that_are_none() {
    let aws = Canned::new([
        refusal(404, "ResourceNotFoundException", "Function not found"),
        refusal(404, "ResourceNotFoundException", "Function not found"),
        refusal(404, "ProvisionedConcurrencyConfigNotFoundException", "None found"),
        refusal(404, "NotFound", "Topic does not exist"),
        refusal(404, "NoSuchBucket", "The specified bucket does not exist"),
        refusal(409, "ResourceConflictException", "Function already exist: f"),
    ]);
    let context = aws.context();
    let lambda = &context.clients.lambda;
    let deleted = lambda.write().delete_function().function_name("f").send().await;
    deleted.gone("lambda:DeleteFunction").unwrap();
    for code in [
        "ResourceNotFoundException",
        "ProvisionedConcurrencyConfigNotFoundException",
        "NotFound",
        "NoSuchBucket",
    ] {
        let there = lambda.read().get_function().function_name(code).send().await;
        assert!(there.found("lambda:GetFunction").unwrap().is_none(), "{code}");
    }
    let made = lambda.write().create_function().function_name("f").role("r");
    let made = made
        .code(aws_sdk_lambda::types::FunctionCode::builder().build())
        .send()
        .await;
    assert!(made.made("lambda:CreateFunction").unwrap().is_none());
}

#[tokio::test]
async fn an_answer_without_a_code_is_told_by_its_status() {
    for (status, found) in [(404, true), (403, false)] {
        let context = Canned::new([reply(status, "{}")]).context();
        let lambda = context.clients.lambda.write();
        let answer = lambda.delete_event_source_mapping().uuid("u").send().await;
        let gone = answer.gone("lambda:DeleteEventSourceMapping");
        assert_eq!(gone.is_ok(), found, "{gone:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn reads_are_repeated_and_their_failures_have_no_effect() {
    let aws = Canned::new([
        Reply::Broken,
        refusal(500, "ServiceException", "x"),
        Reply::Broken,
    ]);
    let context = aws.context();
    let there = context
        .clients
        .lambda
        .read()
        .get_function()
        .function_name("f")
        .send()
        .await;
    let failed = there.read("lambda:GetFunction").unwrap_err();
    assert_eq!(stands(&failed), (Effect::None, Retry::After(AFTER_MAYBE), false));
    assert_eq!(aws.operations(), ["GetFunction"; 3]);
    assert_eq!(context.calls().total(crate::aws::Access::Read), 3);
}

#[test]
fn a_failure_after_a_change_is_a_maybe() {
    let mut requests = Sequence::default();
    let refused = || Err::<(), _>(Failure::refused("no"));
    assert_eq!(requests.step(refused()).unwrap_err().effect, Effect::None);
    requests.step(Ok(())).unwrap();
    assert_eq!(requests.look(refused()).unwrap_err().effect, Effect::Maybe);
}

#[test]
fn a_failure_beside_a_change_is_a_maybe() {
    let row = |changed: bool, outcome: Result<u8, Failure>| {
        let mut row = Sequence::default();
        if changed {
            row.step(Ok(())).unwrap();
        }
        (row, outcome)
    };
    let refused = || Err(Failure::refused("no"));
    let effect = |rows| Sequence::default().together(rows).map_err(|failed| failed.effect);
    assert_eq!(
        effect(vec![row(false, Ok(1)), row(false, refused())]),
        Err(Effect::None)
    );
    assert_eq!(
        effect(vec![row(false, refused()), row(true, Ok(1))]),
        Err(Effect::Maybe)
    );
    let lost = Err(Failure::maybe("no answer", Duration::from_secs(1)));
    assert_eq!(
        effect(vec![row(false, refused()), row(false, lost)]),
        Err(Effect::Maybe)
    );
    let unanswered = |rows| {
        let failed = Sequence::default().together::<u8>(rows).unwrap_err();
        failed.unanswered
    };
    let lost = || Err(Failure::maybe("no answer", Duration::from_secs(1)));
    assert!(
        unanswered(vec![row(false, refused()), row(false, lost())]),
        "what comes first was answered, and something may still arrive"
    );
    assert!(!unanswered(vec![row(false, refused()), row(true, Ok(1))]));
    let mut after = Sequence::default();
    assert_eq!(
        after.together(vec![row(true, Ok(1)), row(false, Ok(2))]).unwrap(),
        [1, 2]
    );
    let later = after.look::<()>(Err(Failure::refused("no"))).unwrap_err();
    assert_eq!(later.effect, Effect::Maybe);
}
