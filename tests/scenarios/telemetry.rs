//! What operators see of a command: its trace at a collector, as the tree that it is, and its logs as JSON. Neither holds a secret,
//! and neither changes how a command ends.

use std::collections::BTreeSet;

use grail_tests::cli::Grail;
use grail_tests::collector::{Collector, Span, Trace};
use grail_tests::proxy::{Fault, On};
use serde_json::Value;

use crate::canaries::{Canaries, KEY};
use crate::stand::Stand;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

fn exporting(stand: &Stand, collector: &Collector) -> Grail {
    stand
        .grail
        .clone()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
        .env("GRAIL_LOOPBACK_ONLY", "1")
}

fn joining(grail: Grail) -> Grail {
    grail
        .env("TRACEPARENT", format!("00-{TRACE}-{PARENT}-01"))
        .env("TRACESTATE", "shop=7")
}

/// The steps in a pass, by name.
fn steps<'a>(trace: &'a Trace, pass: &'a Span) -> Vec<&'a Span> {
    trace
        .inside(pass)
        .filter(|span| span.attribute("resource").is_some() && span.attribute("action").is_some())
        .collect()
}

/// The lines of a log as JSON. Words for people may stand between them.
fn lines(text: &str) -> Vec<Value> {
    let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines()
        .filter(|line| line.starts_with('{'))
        .map(read)
        .collect()
}

#[test]
fn a_deployment_is_a_tree_of_command_pass_steps_and_calls() {
    let (stand, collector) = (Stand::of_the_shop(), Collector::start());
    let run = joining(exporting(&stand, &collector))
        .run(&["deploy", "--quiet"])
        .expect_success();
    assert_eq!(run.stderr, "");
    let trace = collector.trace();

    let command = trace.only("grail deploy");
    assert_eq!(
        (command.trace.as_str(), command.parent.as_deref()),
        (TRACE, Some(PARENT))
    );
    assert_eq!(command.state, "shop=7");
    assert_eq!(command.attribute("exit_code"), Some("0"));
    assert_eq!(command.attribute("stage"), Some("dev"));
    let roots: Vec<_> = trace.roots().map(|span| span.name.as_str()).collect();
    assert_eq!(roots, ["grail deploy"], "{trace}");
    assert!(trace.spans().iter().all(|span| span.trace == TRACE));
    let wrong: Vec<_> = trace.spans().iter().filter(|span| span.error.is_some()).collect();
    assert!(wrong.is_empty(), "{trace}");

    trace.only("read project");
    let pass = trace.only("pass shop/dev");
    assert_eq!(pass.parent.as_ref(), Some(&command.id));
    assert_eq!(pass.attribute("outcome"), Some("done"));
    assert_eq!(pass.attribute("command"), Some("deploy"));

    // A step for each resource, and in it what was asked of AWS for it, each with its request id.
    let steps = steps(&trace, pass);
    let mut names: Vec<_> = steps.iter().map(|step| step.name.as_str()).collect();
    names.sort_unstable();
    assert!(names.contains(&"create iam_role.default-role"), "{names:?}");
    assert!(names.contains(&"create rest_api.rest_api"), "{names:?}");
    for step in &steps {
        assert_eq!(step.attribute("outcome"), Some("done"), "{}", step.name);
        assert_eq!(step.attribute("phase"), Some("building"), "{}", step.name);
        let kind = step.attribute("kind").unwrap();
        assert!(step.name.starts_with(&format!("create {kind}.")), "{}", step.name);
    }
    let role = trace.only("create iam_role.default-role");
    let create = trace.inside(role).find(|call| call.name == "IAM.CreateRole");
    let create = create.unwrap_or_else(|| panic!("{trace}"));
    assert!(create.is_client);
    assert_eq!(create.attribute("rpc.method"), Some("CreateRole"));
    assert_eq!(create.attribute("http.response.status_code"), Some("200"));

    // No call is lost, and none lies outside.
    let seen: BTreeSet<_> = stand
        .proxy
        .calls()
        .iter()
        .map(|call| call.operation.name.clone())
        .collect();
    let traced: BTreeSet<_> = trace
        .spans()
        .iter()
        .filter_map(|span| span.attribute("rpc.method").map(ToOwned::to_owned))
        .collect();
    assert_eq!(traced, seen, "{trace}");
    let calls = trace.spans().iter().filter(|span| span.is_client).count();
    assert_eq!(calls, stand.proxy.calls().len());

    let resource = collector.resource();
    assert_eq!(resource["service.name"], "grail");
    assert!(resource.contains_key("service.version") && resource.contains_key("host.name"));
    assert!(
        collector
            .exports()
            .iter()
            .all(|export| export.path == "/v1/traces")
    );
}

#[test]
fn a_step_that_fails_is_an_error_and_the_way_back_is_seen() {
    let (stand, collector) = (Stand::of_the_shop(), Collector::start());
    crate::canaries::plant(&stand.project, crate::canaries::FIRST);
    let said = crate::canaries::echo(crate::canaries::FIRST);
    stand.proxy.inject(On::operation("CreateFunction"), said);
    let grail = exporting(&stand, &collector).env("GRAIL_SEAL_KEY", KEY);
    let run = grail
        .run(&["deploy", "--debug", "--log-format", "json"])
        .expect_code(3);

    let trace = collector.trace();
    let command = trace.only("grail deploy");
    assert_eq!(command.attribute("exit_code"), Some("3"));
    assert!(command.error.is_some() && command.parent.is_none(), "{trace}");
    let pass = trace.only("pass shop/dev");
    assert_eq!(pass.attribute("outcome"), Some("rolled_back"));
    assert!(
        pass.error
            .as_ref()
            .is_some_and(|why| why.contains("lambda_function.")),
        "{trace}"
    );
    let steps = steps(&trace, pass);
    let failed: Vec<_> = steps
        .iter()
        .filter(|step| step.attribute("outcome") == Some("failed"))
        .collect();
    assert!(!failed.is_empty(), "{trace}");
    for step in failed {
        assert_eq!(step.attribute("kind"), Some("lambda_function"));
        let why = step.error.as_deref().unwrap();
        assert!(why.contains("InvalidParameterValueException"), "{why}");
        let call = trace
            .inside(step)
            .find(|call| call.name == "Lambda.CreateFunction")
            .unwrap();
        assert_eq!(call.attribute("http.response.status_code"), Some("400"));
        assert_eq!(
            call.attribute("error.type"),
            Some("InvalidParameterValueException")
        );
        assert!(call.error.is_some());
    }
    let back = trace.only("restore iam_role.default-role");
    assert_eq!(back.attribute("outcome"), Some("restored"));
    assert_eq!(back.attribute("phase"), Some("aborting"));

    // What AWS quoted of the secret is nowhere: not in the spans, not in the logs.
    let canaries = Canaries::all();
    for export in collector.exports() {
        canaries.assert_none_in("an export", &export.body);
    }
    canaries.assert_none_said(&run);

    // The logs name the same trace, and the request of each call.
    let lines = lines(&run.stderr);
    let answered: Vec<_> = lines
        .iter()
        .filter(|line| line["message"] == "answered")
        .collect();
    assert!(answered.len() > 3, "{}", run.stderr);
    for line in &answered {
        assert_eq!(line["trace_id"], Value::from(command.trace.as_str()), "{line}");
        assert!(line["operation"].is_string() && line["status"].is_u64(), "{line}");
        assert_eq!(line["spans"][0]["name"], "grail", "{line}");
    }
    let known: BTreeSet<_> = trace
        .spans()
        .iter()
        .filter_map(|span| span.attribute("aws.request_id"))
        .collect();
    let logged: BTreeSet<_> = answered
        .iter()
        .filter_map(|line| line["request_id"].as_str())
        .collect();
    assert!(
        !known.is_empty() && logged.is_subset(&known),
        "{logged:?} {known:?}"
    );
}

#[test]
fn what_is_kept_is_taken_back_and_what_goes_is_swept() {
    let (stand, collector) = (Stand::of_the_shop(), Collector::start());
    let said = Fault::refuse(400, "BadRequestException", "no");
    stand.proxy.inject(On::operation("CreateDeployment"), said);
    let grail = exporting(&stand, &collector);
    grail.run(&["deploy", "--on-failure", "keep"]).expect_code(6);
    stand.proxy.heal();
    let kept = collector.trace();
    assert_eq!(kept.only("pass shop/dev").attribute("outcome"), Some("open"));
    assert_eq!(
        kept.only("create api_stage.rest_api").attribute("outcome"),
        Some("failed")
    );

    let collector = Collector::start();
    exporting(&stand, &collector).run(&["rollback"]).expect_success();
    let back = collector.trace();
    let pass = back.only("pass shop/dev");
    assert_eq!(
        (pass.attribute("command"), pass.attribute("outcome")),
        (Some("rollback"), Some("rolled_back"))
    );
    let restored = steps(&back, pass);
    assert!(restored.len() > 4, "{back}");
    assert!(
        restored
            .iter()
            .all(|step| step.attribute("outcome") == Some("restored")),
        "{back}"
    );

    stand.grail.run(&["deploy"]).expect_success();
    let collector = Collector::start();
    exporting(&stand, &collector).run(&["delete"]).expect_success();
    let gone = collector.trace();
    let pass = gone.only("pass shop/dev");
    assert_eq!(
        (pass.attribute("command"), pass.attribute("outcome")),
        (Some("delete"), Some("done"))
    );
    let swept = steps(&gone, pass);
    assert!(swept.len() > 4, "{gone}");
    for step in swept {
        assert!(step.name.starts_with("sweep "), "{}", step.name);
        assert_eq!(
            (step.attribute("phase"), step.attribute("outcome")),
            (Some("sweeping"), Some("swept"))
        );
        assert!(gone.inside(step).any(|call| call.is_client), "{gone}");
    }
}

#[test]
fn a_watch_makes_a_trace_of_each_pass() {
    let (stand, collector) = (Stand::of_the_shop(), Collector::start());
    let grail = exporting(&stand, &collector);
    grail.run(&["watch", "--until-converged"]).expect_success();
    let trace = collector.trace();
    let (command, turn, pass) = (
        trace.only("grail watch"),
        trace.only("turn"),
        trace.only("pass shop/dev"),
    );
    assert_eq!(turn.parent.as_ref(), Some(&command.id));
    assert_eq!(pass.parent.as_ref(), Some(&turn.id));
    assert_eq!(
        (turn.attribute("end"), turn.attribute("because")),
        (Some("converged"), Some("started"))
    );

    // One that goes on until somebody ends it has no trace that goes on so long.
    let collector = Collector::start();
    let running = exporting(&stand, &collector).start(&["watch", "--output", "json"]);
    grail_tests::patience::until("a pass that ends", || {
        running.said().contains("\"pass_ended\"").then_some(())
    });
    running.terminate();
    running.wait().expect_success();
    let trace = collector.trace();
    let roots: BTreeSet<_> = trace.roots().map(|span| span.name.as_str()).collect();
    assert_eq!(roots, BTreeSet::from(["grail watch", "turn"]), "{trace}");
    assert_eq!(
        trace.only("pass shop/dev").attribute("outcome"),
        Some("unchanged")
    );
}

#[test]
fn no_collector_keeps_a_command_from_its_end() {
    let stand = Stand::with_the_shop_open();
    let plain = stand.grail.run(&["status"]).expect_success();
    let away = "http://127.0.0.1:1".to_owned();
    let (silent, refusing) = (Collector::silent(), Collector::answering(503));
    for (endpoint, told) in [
        (away, "could not be reached"),
        (refusing.endpoint(), "did not take the spans"),
        (silent.endpoint(), "not every span could be exported"),
        ("no address at all".to_owned(), "traces are not exported"),
        // Nothing may leave this machine here.
        (
            "http://collector.example:4318".to_owned(),
            "is not on this machine",
        ),
    ] {
        let grail = stand.grail.clone().env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint);
        let grail = grail.env("GRAIL_LOOPBACK_ONLY", "1");
        let run = grail.run(&["status"]).expect_success();
        assert_eq!(
            (&run.stdout, &run.stderr),
            (&plain.stdout, &plain.stderr),
            "{endpoint}"
        );
        let run = grail.run(&["status", "--debug"]).expect_success();
        assert_eq!(run.stdout, plain.stdout, "{endpoint}");
        assert!(run.stderr.contains(told), "{endpoint}: {run}");
    }
}

#[test]
fn the_standard_variables_are_heeded() {
    let stand = Stand::with_the_shop_open();
    let traces = |variables: &[(&str, &str)]| {
        let collector = Collector::start();
        let grail = exporting(&stand, &collector);
        let grail = variables
            .iter()
            .fold(grail, |grail, (name, value)| grail.env(name, *value));
        grail.run(&["status"]).expect_success();
        collector
    };
    assert_eq!(
        traces(&[]).trace().only("grail status").attribute("exit_code"),
        Some("0")
    );
    for off in [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        (
            "TRACEPARENT",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        ),
    ] {
        assert!(traces(&[off]).exports().is_empty(), "{off:?}");
    }
    let named = traces(&[
        ("OTEL_SERVICE_NAME", "shop-deployer"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=shop,host.name=elsewhere"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-token=hush%201"),
        ("TRACEPARENT", "nonsense"),
    ]);
    let resource = named.resource();
    assert_eq!(resource["service.name"], "shop-deployer");
    assert_eq!(
        (resource["team"].as_str(), resource["host.name"].as_str()),
        ("shop", "elsewhere")
    );
    assert_eq!(named.exports()[0].headers["x-token"], "hush 1");
    assert_eq!(named.trace().only("grail status").parent, None);

    // The endpoint of traces is taken as it is.
    let own = Collector::start();
    let path = format!("{}/in", own.endpoint());
    let none = traces(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &path)]);
    assert!(none.exports().is_empty());
    assert_eq!(own.exports()[0].path, "/in");
}

#[test]
fn logs_are_lines_or_objects_and_of_grail_alone() {
    let stand = Stand::of_the_shop();
    let plain = stand.grail.run(&["deploy", "--quiet"]).expect_success();
    assert_eq!(plain.stderr, "");
    let text = stand
        .grail
        .clone()
        .env("GRAIL_LOG", "grail_providers=debug")
        .run(&["plan"])
        .expect_success();
    assert!(
        text.stderr.contains("answered operation=") && text.stderr.contains("request_id="),
        "{text}"
    );
    assert!(
        !text.stderr.contains("otel.") && !text.stderr.contains("rpc."),
        "{text}"
    );

    let all = stand
        .grail
        .clone()
        .env("GRAIL_LOG", "trace")
        .env("GRAIL_LOG_FORMAT", "json");
    let run = all.run(&["plan"]).expect_success();
    let lines = lines(&run.stderr);
    assert!(!lines.is_empty());
    for line in &lines {
        let target = line["target"].as_str().unwrap();
        assert!(target.starts_with("grail"), "{line}");
        for field in ["time", "level", "message"] {
            assert!(line[field].is_string(), "{field}: {line}");
        }
        assert!(line.get("trace_id").is_none(), "nothing is traced here: {line}");
    }
    for (name, value) in [("GRAIL_LOG", "grail=loud"), ("GRAIL_LOG_FORMAT", "xml")] {
        let run = stand
            .grail
            .clone()
            .env(name, value)
            .run(&["status"])
            .expect_code(64);
        assert!(run.stderr.contains(name), "{run}");
    }
}

#[test]
fn a_request_that_is_never_answered_is_told_with_its_step() {
    let (stand, collector) = (Stand::of_the_shop(), Collector::start());
    stand.proxy.inject(
        On::operation("CreateRole").nth(1),
        Fault::ServerError(grail_tests::proxy::Effect::None),
    );
    exporting(&stand, &collector).run(&["deploy"]).expect_success();
    let trace = collector.trace();
    let role = trace.only("create iam_role.default-role");
    let tries: Vec<_> = trace
        .inside(role)
        .filter(|call| call.name == "IAM.CreateRole")
        .collect();
    assert_eq!(tries.len(), 2, "{trace}");
    assert_eq!(
        tries.iter().filter(|call| call.error.is_some()).count(),
        1,
        "{trace}"
    );
    assert!(
        role.events.iter().any(|event| event == "tries again"),
        "{:?}",
        role.events
    );
    assert!(role.error.is_none());
}
