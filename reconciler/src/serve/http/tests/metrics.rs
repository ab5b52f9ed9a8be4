//! What Prometheus reads.

use std::collections::BTreeSet;

use super::super::routes::operations;
use super::*;
use grail_providers::pace::{Access, Operation};

#[tokio::test]
async fn everything_is_counted_under_names_that_last() {
    let world = World::local();
    let counts = world.board.counts();
    counts.lost(2);
    let operation = Operation {
        service: "API Gateway".into(),
        name: "PutRestApi".into(),
        access: Access::Write,
    };
    counts.called(&operation, 1);
    counts.throttled(&operation, 1);
    let reply = world.get("/metrics").await;
    assert!(
        reply
            .header("content-type")
            .starts_with("application/openmetrics-text")
    );
    for line in [
        "grail_build_info{version=\"0.1.0\",replica=\"one\"} 1",
        "grail_configuration_valid 1",
        "grail_configuration_read_timestamp_seconds 1799999100",
        "grail_stages 9",
        "grail_passes_running 1",
        "grail_queue_depth 3",
        "grail_stage_standing{project=\"shop\",stage=\"stuck\",standing=\"stuck\"} 1",
        "grail_stage_drift{project=\"shop\",stage=\"drifted\"} 1",
        "grail_stage_failures_in_a_row{project=\"shop\",stage=\"stuck\"} 3",
        "grail_stage_paused{project=\"shop\",stage=\"paused\"} 1",
        "grail_stage_carried{project=\"shop\",stage=\"calm\"} 1",
        "grail_stage_carried{project=\"shop\",stage=\"elsewhere\"} 0",
        "grail_stage_last_pass_timestamp_seconds{project=\"shop\",stage=\"calm\"} 1799999884",
        "grail_passes_total{project=\"shop\",stage=\"calm\",end=\"changed\"} 1",
        "grail_pass_duration_seconds_bucket{le=\"2.5\",end=\"changed\"} 0",
        "grail_pass_duration_seconds_bucket{le=\"5.0\",end=\"changed\"} 1",
        "grail_pass_duration_seconds_bucket{le=\"+Inf\",end=\"changed\"} 1",
        "grail_pass_duration_seconds_sum{end=\"changed\"} 4.2",
        "grail_steps_total{kind=\"iam_role\"} 1",
        "grail_step_retries_total{kind=\"lambda_function\"} 1",
        "grail_aws_calls_total{service=\"API Gateway\",access=\"write\"} 1",
        "grail_aws_throttles_total{service=\"API Gateway\"} 1",
        "grail_event_listeners 0",
        "grail_events_lost_total 2",
        "# EOF",
    ] {
        assert!(
            reply.text.lines().any(|one| one == line),
            "{line} is not in\n{}",
            reply.text
        );
    }
}

#[tokio::test]
async fn no_name_breaks_out_of_its_label() {
    let board = Arc::new(Board::default());
    board.report(StageReport::new(key("a\"} 1\nevil 2 #", "\\"), "."), at(0));
    let world = World::over(settings("127.0.0.1:0"), board);
    let text = world.get("/metrics").await.text;
    assert!(
        text.lines()
            .all(|line| line.starts_with("grail_") || line.starts_with("# ")),
        "{text}"
    );
    assert!(
        text.contains("project=\"a\\\"} 1\\nevil 2 #\",stage=\"\\\\\""),
        "{text}"
    );
}

/// The page on HTTP names every metric and every address, and none that is not there.
#[tokio::test]
async fn the_documentation_names_what_there_is() {
    let page = include_str!("../../../../../docs/http.md");
    let world = World::local();
    let text = world.get("/metrics").await.text;
    let families: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    assert!(families.len() > 20, "{families:?}");
    let named: BTreeSet<&str> = page
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("grail_"))
        .map(|word| word.trim_end_matches("_total").trim_end_matches("_bucket"))
        .collect();
    assert_eq!(named, families);
    for operation in operations() {
        let path = operation
            .path
            .replace("/api/v1/stages/{project}/{stage}/", ".../");
        assert!(page.contains(&path), "{path} is not on the page");
    }
}
