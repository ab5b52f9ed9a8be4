//! Versions and aliases of a manifest's functions: on moto, whose versions and aliases are as Lambda's, and with a canary on
//! the local cloud, since moto does not speak the protocol of CloudWatch's alarms.

use std::collections::BTreeMap;

use grail_tests::account::Account;
use grail_tests::project::Project;
use grail_tests::proxy::{Fault, On};
use grail_tests::runtime::block_on;
use serde_json::Value;

use crate::examples::expected;
use crate::ground::Ground;
use crate::local_ground::LocalGround;

const MANIFEST: &str = "\
grail: 1
app: shop
functions:
  work:
    runtime: python3.12
    handler: work.handler
    code: work.py
    memory: 128
    tags: {team: a}
    publish: {keep: 1}
    aliases: {live: {}}
  other:
    runtime: python3.12
    handler: work.handler
    code: work.py
    environment: {WORK: '${functions.work.aliases.live.arn}', AT: '${functions.work.version}'}
";

const FUNCTION: &str = "shop-dev-work";

fn project() -> Project {
    let project = Project::empty();
    project.write("grail.yaml", MANIFEST);
    project.write("work.py", "def handler(event, context): return 1\n");
    project
}

/// The published versions of a function.
fn versions(account: &Account, function: &str) -> Vec<String> {
    let lambda = account.lambda();
    let listed = block_on(lambda.list_versions_by_function().function_name(function).send()).unwrap();
    let all = listed.versions.unwrap_or_default().into_iter();
    let numbers = all.filter_map(|one| one.version);
    numbers.filter(|number| number != "$LATEST").collect()
}

/// Where the alias `live` of a function leads: its version, and the shares of others.
fn live(account: &Account, function: &str) -> (String, BTreeMap<String, f64>) {
    let lambda = account.lambda();
    let alias = block_on(lambda.get_alias().function_name(function).name("live").send()).unwrap();
    let weights = alias.routing_config.and_then(|to| to.additional_version_weights);
    let version = alias.function_version.unwrap();
    (version, weights.into_iter().flatten().collect())
}

fn leads_to(version: &str) -> (String, BTreeMap<String, f64>) {
    (version.to_owned(), BTreeMap::new())
}

#[test]
fn each_change_is_a_version_that_the_alias_leads_to_and_old_ones_go_by_count() {
    let ground = Ground::new(project());
    let before = ground.world();
    ground.run(&["deploy"]).expect_success();
    assert_eq!(versions(&ground.account, FUNCTION), ["1"]);
    assert_eq!(live(&ground.account, FUNCTION), leads_to("1"));
    ground.assert_at_rest();

    ground
        .project
        .write("work.py", "def handler(event, context): return 2\n");
    let writes = ground.deploy().writes();
    assert_eq!(writes.named("PublishVersion").len(), 1, "{:?}", writes.names());
    assert_eq!(versions(&ground.account, FUNCTION), ["1", "2"], "one is kept");
    assert_eq!(live(&ground.account, FUNCTION), leads_to("2"));
    ground.assert_at_rest();

    // What is no part of a version makes none.
    ground
        .project
        .edit("grail.yaml", "tags: {team: a}", "tags: {team: b}");
    let writes = ground.deploy().writes();
    assert_eq!(writes.names(), ["TagResource"]);
    ground.assert_at_rest();

    ground.project.edit("grail.yaml", "memory: 128", "memory: 256");
    let run = ground.run(&["plan"]).expect_success();
    assert!(run.stdout.contains("form.memory"), "{run}");
    ground.run(&["deploy"]).expect_success();
    assert_eq!(
        versions(&ground.account, FUNCTION),
        ["2", "3"],
        "the first has had its day"
    );
    assert_eq!(live(&ground.account, FUNCTION), leads_to("3"));
    let lambda = ground.account.lambda();
    let other = block_on(
        lambda
            .get_function_configuration()
            .function_name("shop-dev-other")
            .send(),
    )
    .unwrap();
    let environment = other.environment.unwrap().variables.unwrap();
    assert_eq!(environment["AT"], "3");
    assert!(
        environment["WORK"].ends_with(":function:shop-dev-work:live"),
        "{environment:?}"
    );
    ground.assert_at_rest();

    // The alias goes back to a version that was kept, and stays there.
    ground
        .project
        .edit("grail.yaml", "{live: {}}", "{live: {version: 2}}");
    let writes = ground.deploy().writes();
    assert_eq!(writes.names(), ["UpdateAlias"]);
    assert_eq!(live(&ground.account, FUNCTION), leads_to("2"));
    ground.assert_at_rest();

    ground.run(&["delete"]).expect_success();
    assert_eq!(ground.world().names(), before.names());
}

#[test]
fn a_deploy_that_fails_leaves_the_alias_where_it_was_and_no_version() {
    let ground = Ground::new(project());
    ground.run(&["deploy"]).expect_success();
    let before = ground.world();
    ground
        .project
        .write("work.py", "def handler(event, context): return 2\n");
    ground
        .proxy
        .inject(On::operation("UpdateAlias"), Fault::access_denied());
    ground.run(&["deploy"]).expect_code(3);
    ground.proxy.heal();
    assert_eq!(versions(&ground.account, FUNCTION), ["1"]);
    assert_eq!(live(&ground.account, FUNCTION), leads_to("1"));
    crate::ground::assert_as_before(&ground.world(), &before);
    ground.run(&["deploy"]).expect_success();
    assert_eq!(
        live(&ground.account, FUNCTION).0,
        versions(&ground.account, FUNCTION)[1]
    );
    ground.assert_at_rest();

    // A share that was moved by hand is a difference, and is taken back.
    let lambda = ground.account.lambda();
    let led = lambda
        .update_alias()
        .function_name(FUNCTION)
        .name("live")
        .function_version("1");
    block_on(led.send()).unwrap();
    let run = ground.run(&["plan"]).expect_success();
    assert!(run.stdout.contains("lambda_alias.work/live"), "{run}");
    ground.run(&["deploy"]).expect_success();
    assert_eq!(live(&ground.account, FUNCTION).1, BTreeMap::new());
    ground.assert_at_rest();
}

/// The example, with steps of a second.
fn bakery() -> LocalGround {
    let project = Project::example("canary");
    project.edit("grail.yaml", "for: 5m", "for: 1s");
    project.edit("grail.yaml", "for: 10m", "for: 1s");
    LocalGround::new(project)
}

#[test]
fn a_canary_ends_when_its_alarm_rings_and_everything_goes_back() {
    let ground = bakery();
    ground.run(&["local-cloud", "up"]).expect_success();
    let endpoint = ground.endpoint();
    let script = |verb: &str| ground.script(&["resources.py", verb, &endpoint]);
    let run = ground.run(&["deploy", "--local"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(
        run.stderr.replace('\n', " ").contains("no alarm `bakery-errors`"),
        "{run}"
    );
    script("create");

    let plan = ground
        .run(&["plan", "--local", "--format", "json"])
        .expect_success();
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    let (count, ids) = expected(&ground.project.read("README.md"));
    assert_eq!(count, ids.len());
    let planned = plan["build"].as_array().unwrap().iter();
    let mut planned: Vec<_> = planned
        .map(|step| step["resource"].as_str().unwrap().to_owned())
        .collect();
    planned.sort_unstable();
    assert_eq!(planned, ids.into_iter().collect::<Vec<_>>());

    ground.deploy();
    let account = ground.account();
    let function = "bakery-dev-price";
    assert_eq!(live(&account, function), leads_to("1"));
    assert_eq!(ground.deploy_steps(), []);

    ground.project.edit("price.py", "3.20", "3.30");
    ground.deploy();
    assert_eq!(live(&account, function), leads_to("2"));

    script("ring");
    ground.project.edit("price.py", "3.30", "33.00");
    let run = ground.run(&["deploy", "--local"]).expect_code(3);
    assert!(
        run.stderr.replace('\n', " ").contains("`bakery-errors` rings"),
        "{run}"
    );
    assert_eq!(live(&account, function), leads_to("2"));
    assert_eq!(versions(&account, function), ["1", "2"]);
    script("calm");
    ground.project.edit("price.py", "33.00", "3.30");
    assert_eq!(ground.deploy_steps(), [], "all is as at the last commit");

    ground.run(&["delete", "--local"]).expect_success();
    script("remove");
}
