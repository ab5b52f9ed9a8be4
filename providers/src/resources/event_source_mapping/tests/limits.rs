use grail_state::template::has_stand_in;

use super::*;

#[test]
fn the_limits_of_aws_are_checked() {
    let provider = stand(vec![]).provider;
    let said = |form: Value| match provider.check(&form.into()) {
        Ok(()) => String::new(),
        Err(problems) => problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; "),
    };
    let fifo = |form: Value| {
        with(
            with(form, "source_arn", json!(format!("{QUEUE}.fifo"))),
            "name",
            json!("jobs.fifo"),
        )
    };
    for fine in [
        queue(),
        stream(),
        table(),
        fifo(with(queue(), "batch_size", json!(10))),
        with(
            with(queue(), "batch_size", json!(10_000)),
            "maximum_batching_window",
            json!(300),
        ),
        with(stream(), "batch_size", json!(10_000)),
        with(queue(), "maximum_concurrency", json!(1000)),
        with(table(), "starting_position", json!("TRIM_HORIZON")),
        with(queue(), "function", json!({"=ref": "lambda_function.worker/arn"})),
    ] {
        assert_eq!(said(fine.clone()), "", "{fine}");
    }
    for (form, expected) in [
        (
            with(queue(), "batch_size", json!(0)),
            "batch_size: a batch has 1 to 10000 records, not 0",
        ),
        (
            with(stream(), "batch_size", json!(10_001)),
            "batch_size: a batch has 1 to 10000 records, not 10001",
        ),
        (
            with(queue(), "batch_size", json!(11)),
            "batch_size: a queue's batch of more than 10 needs a batching window",
        ),
        (
            fifo(with(queue(), "batch_size", json!(11))),
            "batch_size: a batch of a FIFO queue has 1 to 10 records, not 11",
        ),
        (
            with(queue(), "maximum_batching_window", json!(301)),
            "maximum_batching_window: a window lasts 0 to 300 seconds",
        ),
        (
            with(queue(), "maximum_batching_window", json!(-1)),
            "maximum_batching_window: a window lasts 0 to 300 seconds",
        ),
        (
            fifo(with(queue(), "maximum_batching_window", json!(1))),
            "a FIFO queue has no batching window",
        ),
        (
            with(queue(), "maximum_concurrency", json!(1)),
            "maximum_concurrency: must be 2 to 1000, not 1",
        ),
        (
            with(queue(), "maximum_concurrency", json!(1001)),
            "maximum_concurrency: must be 2 to 1000, not 1001",
        ),
        (
            with(stream(), "maximum_concurrency", json!(5)),
            "only a queue's concurrency can be limited",
        ),
        (
            with(queue(), "starting_position", json!("LATEST")),
            "a queue is read from its front",
        ),
        (
            with(stream(), "starting_position", Value::Null),
            "a stream needs a starting position",
        ),
        (
            with(stream(), "starting_position", json!("latest")),
            "`latest` is no starting position",
        ),
        (
            with(stream(), "starting_position", json!("AT_TIMESTAMP")),
            "`AT_TIMESTAMP` needs a time",
        ),
        (
            with(table(), "starting_position", json!("AT_TIMESTAMP")),
            "`AT_TIMESTAMP` is no starting position",
        ),
        (
            with(queue(), "source_arn", json!(STREAM)),
            "source_arn: `arn:aws:kinesis:us-east-1:123456789012:stream/clicks` is no ARN of a queue",
        ),
        (
            with(queue(), "source_arn", json!("jobs")),
            "`jobs` is no ARN of a queue (arn:aws:sqs:REGION:ACCOUNT:NAME)",
        ),
        (
            with(queue(), "source_arn", json!("arn:aws:sqs:us-east-1:12:jobs")),
            "is no ARN of a queue",
        ),
        (
            with(queue(), "source_arn", json!("arn:aws:sqs::123456789012:jobs")),
            "is no ARN of a queue",
        ),
        (
            with(
                queue(),
                "source_arn",
                json!("arn:aws:sqs:us-east-1:123456789012:a/b"),
            ),
            "is no ARN of a queue",
        ),
        (
            with(
                stream(),
                "source_arn",
                json!("arn:aws:kinesis:us-east-1:123456789012:clicks"),
            ),
            "is no ARN of a Kinesis stream",
        ),
        (
            with(
                table(),
                "source_arn",
                json!("arn:aws:dynamodb:us-east-1:123456789012:table/Orders"),
            ),
            "is no ARN of a table's stream",
        ),
        (with(queue(), "name", json!("other")), "name: is not the name in"),
    ] {
        let found = said(form.clone());
        assert!(found.contains(expected), "{form}: {found}");
    }
}

#[test]
fn a_form_without_the_name_is_the_same_and_is_called_after_source_and_function() {
    let provider = stand(vec![]).provider;
    let project = |form: Value| provider.project(&form.into()).unwrap();
    assert_eq!(project(with(queue(), "name", Value::Null)), project(queue()));
    assert_eq!(
        provider.label(&project(queue())).unwrap(),
        "jobs to shop-dev-worker"
    );
    assert_eq!(
        provider.label(&project(table())).unwrap(),
        format!("{TABLE} to shop-dev-worker")
    );
    let unknown = with(queue(), "function", json!({"=ref": "lambda_function.worker/arn"}));
    assert!(has_stand_in(project(unknown)["function"].as_str().unwrap()));
}
