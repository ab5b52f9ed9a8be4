//! Projects with a manifest: alone, beside a Chalice project, and with faults.

use grail_tests::account::sdk::lambda::types::PackageType;
use grail_tests::fixtures;
use grail_tests::project::Project;
use grail_tests::runtime::block_on;
use grail_tests::web;
use serde_json::Value;

use crate::examples::{examples, make_resources};
use crate::ground::Ground;
use crate::local_ground::LocalGround;

/// A function in a word.
const CLERK: &str = "\
grail: 1
app: shop
functions:
  clerk:
    runtime: python3.12
    handler: clerk.handler
    code: {inline: \"def handler(event, context): return event\\n\"}
    events: [{schedule: rate(1 hour)}]
";

/// A project that consists of a manifest.
fn alone(manifest: &str) -> Ground {
    let project = Project::empty();
    project.write("grail.yaml", manifest);
    Ground::new(project)
}

#[test]
fn a_manifest_alone_leaves_nothing_of_chalice() {
    let ground = alone(CLERK);
    let before = ground.world();
    let run = ground.run(&["validate"]).expect_success();
    assert!(run.stderr.contains("1 function(s), 4 resource(s)"), "{run}");
    let run = ground.run(&["deploy"]).expect_success();
    assert!(run.stdout.contains("Lambda ARN: arn:aws:lambda:"), "{run}");
    assert!(!ground.project.has(".chalice"), "a folder of Chalice's is made");
    assert!(ground.project.has(".grail/dev/state.json") && ground.project.has(".grail/.gitignore"));
    assert!(!ground.project.has(".grail/deployed"));
    ground.assert_at_rest();

    ground.project.edit(
        "grail.yaml",
        "    events:",
        "    description: writes letters\n    timeout: 5\n    events:",
    );
    let run = ground.run(&["deploy"]).expect_success();
    assert!(run.stderr.contains("Done: 1 updated"), "{run}");
    ground.assert_at_rest();

    ground.run(&["delete"]).expect_success();
    assert_eq!(ground.world().names(), before.names());
}

#[test]
fn a_manifest_beside_chalice_adds_to_it_and_is_not_in_its_file() {
    let ground = Ground::shop();
    ground.run(&["deploy"]).expect_success();
    let text = ground.project.deployed_text("dev");
    let before = ground.world();
    ground.project.write("grail.yaml", CLERK);
    let run = ground.run(&["deploy"]).expect_success();
    assert!(run.stderr.contains("Done: 4 created"), "{run}");
    assert!(run.stdout.contains("function:shop-dev-clerk"), "{run}");
    assert_eq!(
        ground.project.deployed_text("dev"),
        text,
        "Chalice would delete what is not its own"
    );
    ground.assert_at_rest();

    ground.project.remove("grail.yaml");
    ground.run(&["deploy"]).expect_success();
    assert_eq!(ground.world().names(), before.names());
}

#[test]
fn what_both_wish_for_is_refused_with_both_places() {
    let ground = Ground::shop();
    ground
        .project
        .write("grail.yaml", &CLERK.replace("clerk:", "api_handler:"));
    let run = ground.run(&["plan"]);
    assert_eq!(run.code, Some(1), "{run}");
    let said = "`lambda_function.api_handler` is wished for twice: at grail.yaml:4 and at app.py:";
    assert!(
        run.stderr.replace("\n", " ").contains("is wished for twice"),
        "{run}"
    );
    let run = ground.run(&["plan", "--output", "json"]);
    assert!(run.stdout.contains(said), "{run}");
    assert!(ground.proxy.calls().writes().is_empty());

    ground
        .project
        .write("grail.yaml", &CLERK.replace("app: shop", "app: other"));
    let run = ground.run(&["plan", "--output", "json"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stdout.contains("manifest::other-app"), "{run}");
}

#[test]
fn everything_that_is_wrong_is_told_at_once_and_nothing_is_sent() {
    let ground = alone("grail: 1\napp: shop\nfunctions:\n  a: {memroy: 1}\n  b: {timeout: 901}\n");
    let run = ground.run(&["validate", "--output", "json"]);
    assert_eq!(run.code, Some(1), "{run}");
    let events = run.events();
    let problems = events.iter().find_map(|event| event["problems"].as_array());
    let places: Vec<_> = problems
        .into_iter()
        .flatten()
        .map(|problem| {
            (
                problem["place"]["line"].clone(),
                problem["place"]["column"].clone(),
            )
        })
        .collect();
    assert_eq!(places, [(4.into(), 7.into()), (5.into(), 16.into())], "{run}");
    assert_eq!(ground.run(&["deploy"]).code, Some(1));
    assert!(ground.proxy.calls().names().is_empty());
}

#[test]
fn a_build_that_fails_is_told_with_what_it_said() {
    let manifest = CLERK.replace(
        "code: {inline: \"def handler(event, context): return event\\n\"}",
        "code: {build: 'echo no such tool >&2; exit 3', outputs: [out]}",
    );
    let ground = alone(&manifest);
    let run = ground.run(&["deploy"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stderr.contains("no such tool"), "{run}");
    ground.project.edit(
        "grail.yaml",
        "echo no such tool >&2; exit 3",
        "mkdir -p out && echo \"def handler(event, context): return 1\" > out/clerk.py",
    );
    ground.run(&["deploy"]).expect_success();
    ground.assert_at_rest();
}

#[test]
fn a_url_an_image_and_a_boundary_are_made_changed_and_taken_away() {
    let ground = alone(
        "\
grail: 1
app: shop
functions:
  greet:
    runtime: python3.12
    handler: greet.handler
    code: {inline: \"def handler(event, context): return event\\n\"}
    role: {boundary: 'arn:aws:iam::aws:policy/PowerUserAccess'}
    url: {auth: none, cors: {origins: ['https://shop.example.com'], methods: [GET]}}
  resize:
    code: {image: {uri: '123456789012.dkr.ecr.us-east-1.amazonaws.com/shop@sha256:<digest>', command: [resize]}}
    environment: {GREETER: '${functions.greet.url}'}
"
        .replace("<digest>", &"a".repeat(64))
        .as_str(),
    );
    let before = ground.world();
    ground.run(&["deploy"]).expect_success();
    ground.assert_at_rest();
    let lambda = ground.account.lambda();
    let policy = || {
        let answer = block_on(lambda.get_policy().function_name("shop-dev-greet").send());
        answer.ok().and_then(|answer| answer.policy).unwrap_or_default()
    };
    let text = policy();
    assert!(text.contains("lambda:InvokeFunctionUrl"), "{text}");
    let resize = block_on(lambda.get_function().function_name("shop-dev-resize").send()).unwrap();
    let configuration = resize.configuration.unwrap();
    let url = configuration.environment.unwrap().variables.unwrap()["GREETER"].clone();
    assert!(url.starts_with("https://"), "{url}");
    assert_eq!(configuration.package_type, Some(PackageType::Image));

    ground
        .project
        .edit("grail.yaml", "url: {auth: none,", "url: {auth: aws_iam,");
    ground
        .project
        .edit("grail.yaml", "policy/PowerUserAccess", "policy/ReadOnlyAccess");
    ground.run(&["deploy"]).expect_success();
    let text = policy();
    assert!(!text.contains("lambda:InvokeFunctionUrl"), "{text}");
    ground.assert_at_rest();

    ground.run(&["delete"]).expect_success();
    assert_eq!(ground.world().names(), before.names());
}

#[test]
fn functions_of_a_manifest_run_on_the_local_cloud() {
    let project = Project::empty();
    let handler = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'for ' + event['pathParameters']['name']}\n";
    project.write("src/main.py", handler);
    let manifest = "grail: 1\napp: shop\nfunctions:\n  greet:\n    runtime: python3.12\n    handler: main.handler\n    code: src\n    events: [{http: 'GET /greet/{name}'}]\n";
    project.write("grail.yaml", manifest);
    let ground = LocalGround::new(project);
    ground.deploy();
    let url = ground.run(&["url", "--local"]).expect_success().stdout;
    let page = web::get(&format!("{}greet/ann", url.trim()));
    assert_eq!((page.status, page.text.as_str()), (200, "for ann"));
    let run = ground
        .run(&["deploy", "--local", "--output", "json"])
        .expect_success();
    let started = run
        .events()
        .iter()
        .any(|event: &Value| event["event"] == "started");
    assert!(!started, "{run}");
    ground.run(&["delete", "--local"]).expect_success();
}

/// A manifest that was written from a project, deployed in its place, changes nothing.
#[track_caller]
fn the_manifest_that_is_written_makes_the_same(ground: &Ground, name: &str) {
    ground.run(&["deploy"]).expect_success();
    ground.run(&["init"]).expect_success();
    let run = ground.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(
        run.code,
        Some(0),
        "{name}: {run}\n{}",
        ground.project.read("grail.yaml")
    );
    let writes = ground.deploy().writes();
    assert!(writes.is_empty(), "{name}: {:?}", writes.names());
    assert_eq!(ground.run(&["init"]).code, Some(1), "a manifest is written over");
}

#[test]
fn init_on_every_example_and_then_a_plan_finds_no_change() {
    for name in examples() {
        let ground = Ground::new(Project::example(&name));
        if !ground.project.has(".chalice/config.json") {
            continue;
        }
        if ground.project.has("resources.py") {
            make_resources(&ground);
        }
        let before = ground.world();
        the_manifest_that_is_written_makes_the_same(&ground, &name);
        ground.run(&["delete"]).expect_success();
        assert_eq!(ground.world().names(), before.names());
    }
}

#[test]
fn init_on_every_project_of_the_tests_and_then_a_plan_finds_no_change() {
    for fixture in fixtures::ALL {
        let ground = Ground::prepared(fixture);
        the_manifest_that_is_written_makes_the_same(&ground, fixture.name);
    }
}

/// A package of one file.
fn zipped(text: &str) -> Vec<u8> {
    fixtures::archive(&[("work.py", text)])
}

#[test]
fn an_object_that_was_written_anew_is_sent_once() {
    let ground = alone(
        "grail: 1\napp: shop\nfunctions:\n  work: {runtime: python3.12, handler: work.handler, code: {s3: {bucket: builds, key: work.zip}}}\n",
    );
    let run = ground.run(&["deploy"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(ground.proxy.calls().writes().is_empty());
    ground.account.make_bucket("builds");
    let s3 = ground.account.s3();
    let upload = |text: &str| {
        let body = zipped(&format!("def handler(event, context): return {text}\n"));
        let put = s3.put_object().bucket("builds").key("work.zip").body(body.into());
        block_on(put.send()).unwrap();
    };
    for is_versioned in [false, true] {
        if is_versioned {
            use grail_tests::account::sdk::s3::types::{BucketVersioningStatus, VersioningConfiguration};
            let kept = VersioningConfiguration::builder()
                .status(BucketVersioningStatus::Enabled)
                .build();
            let put = s3
                .put_bucket_versioning()
                .bucket("builds")
                .versioning_configuration(kept);
            block_on(put.send()).unwrap();
        }
        for text in ["1", "2", "3"] {
            upload(&format!("{text}{is_versioned:?}"));
            let writes = ground.deploy().writes();
            let is_first = text == "1" && !is_versioned;
            assert_eq!(writes.named("CreateFunction").len(), usize::from(is_first));
            assert_eq!(
                writes.named("UpdateFunctionCode").len(),
                usize::from(!is_first),
                "{:?}",
                writes.names()
            );
            ground.assert_at_rest();
        }
    }
    ground.run(&["delete"]).expect_success();
}

#[test]
fn functions_that_are_there_are_written_down_and_taken_over() {
    let ground = Ground::new(Project::empty());
    let lambda = ground.account.lambda();
    let role = ground.account.make_role("lent");
    for (name, answer) in [("shop-orders", "1"), ("shop-mail", "2"), ("other", "3")] {
        use grail_tests::account::sdk::lambda::primitives::Blob;
        use grail_tests::account::sdk::lambda::types::{Environment, FunctionCode, Runtime};
        let zip = zipped(&format!("def handler(event, context): return {answer}\n"));
        let code = FunctionCode::builder().zip_file(Blob::new(zip)).build();
        let variables = Environment::builder().variables("TABLE", "${orders}").build();
        let create = lambda
            .create_function()
            .function_name(name)
            .role(&role)
            .code(code)
            .environment(variables);
        let create = create
            .runtime(Runtime::from("python3.12"))
            .handler("work.handler")
            .timeout(7)
            .memory_size(256);
        block_on(create.tags("team", "till").send()).unwrap();
    }
    let before = ground.world();
    let run = ground
        .run(&["init", "--from-functions", "shop-"])
        .expect_success();
    assert!(
        run.stdout.contains("grail.yaml, code/mail.zip") || run.stderr.contains("grail.yaml, code/mail.zip"),
        "{run}"
    );
    assert!(ground.proxy.calls().writes().is_empty(), "it only reads");
    let text = ground.project.read("grail.yaml");
    assert!(
        text.contains("name: shop-orders") && !text.contains("other"),
        "{text}"
    );
    ground.run(&["validate"]).expect_success();
    ground.run(&["fmt"]).expect_success();
    ground.run(&["fmt", "--check"]).expect_success();

    // Nothing proves that they are ours.
    assert_eq!(ground.run(&["deploy"]).code, Some(1));
    assert_eq!(ground.world().names(), before.names());
    let calls = {
        ground.proxy.forget_calls();
        ground
            .run(&["deploy", "--adopt", "orders", "--adopt", "mail"])
            .expect_success();
        ground.proxy.calls().writes()
    };
    assert!(
        calls.names().iter().all(|name| *name == "TagResource"),
        "{:?}",
        calls.names()
    );
    ground.assert_at_rest();
    ground.run(&["delete"]).expect_success();
    let left = ground.world();
    assert!(!format!("{:?}", left.names()).contains("shop-orders"));
    assert!(format!("{:?}", left.names()).contains("other"));

    let run = ground.run(&["init", "--from-functions", "nobody-"]);
    assert_eq!(run.code, Some(1), "a manifest is there already: {run}");
}

#[test]
fn a_manifest_is_formatted_with_what_it_includes_or_not_at_all() {
    let ground = alone("app: shop\ngrail: 1\ninclude: parts/*.yaml\n");
    ground.project.write(
        "parts/a.yaml",
        "functions:\n    a:\n        # Seconds.\n        timeout: 5\n        runtime: python3.12\n",
    );
    ground.project.write("parts/b.yaml", "roles: &r {}\n");
    let before = ground.project.read("grail.yaml");
    assert_eq!(ground.run(&["fmt"]).code, Some(1));
    assert_eq!(ground.project.read("grail.yaml"), before);
    ground.project.write("parts/b.yaml", "roles: {}\n");
    let run = ground.run(&["fmt", "--check"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(
        run.stderr.contains("not formatted: grail.yaml, parts/a.yaml"),
        "{run}"
    );
    assert_eq!(ground.project.read("grail.yaml"), before);
    ground.run(&["fmt"]).expect_success();
    assert_eq!(
        ground.project.read("grail.yaml"),
        "grail: 1\napp: shop\ninclude: parts/*.yaml\n"
    );
    assert_eq!(
        ground.project.read("parts/a.yaml"),
        "functions:\n  a:\n    runtime: python3.12\n    # Seconds.\n    timeout: 5\n"
    );
    ground.run(&["fmt", "--check"]).expect_success();
}
