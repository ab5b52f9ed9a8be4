//! The README's first story: a fresh machine, one command, a URL that answers; and what a developer does next.

use std::collections::BTreeMap;
use std::path::PathBuf;

use grail_state::StackId;
use grail_state::store::Holder;
use grail_state::store::file::FileStore;
use grail_tests::cli::Grail;
use grail_tests::project::Project;
use grail_tests::runtime::block_on;
use grail_tests::web;
use jiff::Timestamp;
use serde_json::json;

use crate::local_ground::{LocalGround, steps};

fn shop() -> LocalGround {
    LocalGround::new(Project::example("rest-api"))
}

fn url_of(shop: &LocalGround) -> String {
    let run = shop.run(&["url", "--local"]).expect_success();
    run.stdout.trim_end().to_owned()
}

/// What the emulator holds, by name.
fn held_by(shop: &LocalGround) -> BTreeMap<&'static str, Vec<String>> {
    let account = shop.account();
    let functions = block_on(account.lambda().list_functions().send()).unwrap();
    let roles = block_on(account.iam().list_roles().send()).unwrap();
    let apis = block_on(account.apigateway().get_rest_apis().send()).unwrap();
    let text = |name: Option<&str>| name.unwrap_or_default().to_owned();
    let mut held = BTreeMap::from([
        (
            "functions",
            functions
                .functions()
                .iter()
                .map(|one| text(one.function_name()))
                .collect::<Vec<_>>(),
        ),
        (
            "roles",
            roles
                .roles()
                .iter()
                .map(|one| one.role_name().to_owned())
                .collect(),
        ),
        ("apis", apis.items().iter().map(|one| text(one.name())).collect()),
    ]);
    held.values_mut().for_each(|names| names.sort_unstable());
    held
}

/// What the README's visitor sees, and a little more: every answer is the app's own.
fn answers_as_the_app_does(url: &str) {
    let page = web::get(&format!("{url}items/lamp"));
    assert_eq!(
        (page.status, page.json()),
        (200, json!({ "name": "lamp", "price": 12 }))
    );
    let page = web::get(url);
    assert_eq!((page.status, &page.json()["shop"]), (200, &json!("open")));

    let page = web::get(&format!("{url}items/none"));
    assert_eq!(page.status, 404);
    assert_eq!(page.json()["Code"], "NotFoundError");
    assert!(page.text.contains("there is no none on the shelf"), "{page:?}");

    let json_body = [("content-type", "application/json")];
    let page = web::visit(
        "POST",
        &format!("{url}items"),
        &json_body,
        r#"{"name":"kite","price":7}"#,
    );
    assert_eq!((page.status, page.json()), (200, json!({ "added": "kite" })));
    let page = web::visit("POST", &format!("{url}items"), &json_body, r#"{"name":"kite"}"#);
    assert_eq!(
        (page.status, &page.json()["Code"]),
        (400, &json!("BadRequestError"))
    );

    let page = web::get(&format!("{url}back-room"));
    assert_eq!(page.status, 401, "{page:?}");
    let with = |word: &str| web::visit("GET", &format!("{url}back-room"), &[("authorization", word)], "");
    assert_eq!(with("let me in").status, 403);
    let page = with("open-sesame");
    assert_eq!((page.status, page.json()), (200, json!({ "welcome": "ali" })));
    assert_eq!(
        page.header("access-control-allow-origin"),
        Some("https://shop.example")
    );

    let preflight = [
        ("origin", "https://elsewhere.example"),
        ("access-control-request-method", "POST"),
    ];
    let page = web::visit("OPTIONS", &format!("{url}items"), &preflight, "");
    assert_eq!(page.status, 200, "{page:?}");
    assert_eq!(page.header("access-control-allow-origin"), Some("*"));
    let methods = page.header("access-control-allow-methods").unwrap_or_default();
    assert!(
        ["GET", "POST", "OPTIONS"]
            .iter()
            .all(|method| methods.contains(method)),
        "{page:?}"
    );
    let page = web::visit("OPTIONS", &format!("{url}back-room"), &preflight, "");
    assert_eq!(
        page.header("access-control-allow-origin"),
        Some("https://shop.example")
    );
}

/// With nothing but the system's `python3`, and an empty cache.
#[test]
fn a_fresh_machine_gets_a_url_that_answers() {
    let shop = LocalGround::with(Project::example("rest-api"), |grail| {
        grail.without("XDG_CACHE_HOME").without_chalice()
    });
    let run = shop.deploy();
    for said in [
        "making an environment with chalice 1.34.0",
        "Installing the local cloud",
        "Starting the local cloud",
        "Plan: 7 to create.",
        "+ rest_api.rest_api (shop) created",
        "Done: 7 created",
    ] {
        assert!(run.stderr.contains(said), "nothing says {said:?}: {run}");
    }
    for said in [
        "Creating IAM role: shop-dev",
        "Resources deployed:",
        "Rest API URL: http://",
    ] {
        assert!(run.stdout.contains(said), "nothing says {said:?}: {run}");
    }
    let url = url_of(&shop);
    assert!(run.stdout.contains(&url), "{run}");
    assert!(
        url.contains(".execute-api.localhost:") && url.ends_with("/api/"),
        "{url}"
    );
    answers_as_the_app_does(&url);

    let again = shop.deploy();
    assert!(again.stderr.contains("No changes: 7 resources"), "{again}");
    for said in ["Installing", "making an environment"] {
        assert!(!again.stderr.contains(said), "it is set up twice: {again}");
    }
}

#[test]
fn deployed_again_nothing_is_written_and_an_edit_touches_only_what_it_changes() {
    let shop = shop();
    shop.deploy();
    let url = url_of(&shop);
    let before = shop.remembered();
    let again = shop
        .run(&["deploy", "--local", "--output", "json"])
        .expect_success();
    assert_eq!(steps(&again), []);
    assert!(
        again
            .events()
            .iter()
            .any(|event| event["outcome"]["outcome"] == "unchanged"),
        "{again}"
    );
    assert_eq!(shop.remembered(), before);

    assert_eq!(web::get(&(url.clone() + "items/lamp")).json()["price"], 12);
    shop.project.edit(
        "app.py",
        "'price': shelf.items[name]}",
        "'price': shelf.items[name], 'new': True}",
    );
    let plan = shop
        .run(&["plan", "--local", "--detailed-exitcode"])
        .expect_code(2);
    assert!(plan.stdout.contains("lambda_function.api_handler"), "{plan}");
    assert!(!plan.stdout.contains("rest_api.rest_api"), "{plan}");
    let update = |id: &str| ("update".to_owned(), id.to_owned());
    assert_eq!(
        shop.deploy_steps(),
        [
            update("lambda_function.api_handler"),
            update("lambda_function.door")
        ]
    );
    assert_eq!(url_of(&shop), url);
    assert_eq!(web::get(&(url.clone() + "items/lamp")).json()["new"], true);
    let status = shop.run(&["status", "--local"]).expect_success();
    assert!(
        status.stdout.contains("7 resource(s)") && status.stdout.contains("none open"),
        "{status}"
    );
    answers_as_the_app_does_after_the_edit(&url);
}

fn answers_as_the_app_does_after_the_edit(url: &str) {
    assert_eq!(web::get(&format!("{url}items/none")).status, 404);
    assert_eq!(web::get(&format!("{url}back-room")).status, 401);
}

#[test]
fn stopped_and_started_it_holds_what_was_deployed_and_reset_it_holds_nothing() {
    let shop = shop();
    shop.deploy();
    let url = url_of(&shop);
    shop.run(&["local-cloud", "down"]).expect_success();
    let status = shop.run(&["local-cloud", "status"]).expect_success();
    assert!(
        status.stdout.contains("stopped; what was deployed comes back"),
        "{status}"
    );
    assert_eq!(url_of(&shop), url, "the record is there while the cloud is not");
    shop.run(&["local-cloud", "up"]).expect_success();
    answers_as_the_app_does(&url);
    let again = shop.deploy();
    assert!(again.stderr.contains("No changes: 7 resources"), "{again}");

    // A deploy starts a cloud that is stopped by itself.
    shop.run(&["local-cloud", "down"]).expect_success();
    let again = shop.deploy();
    assert!(again.stderr.contains("No changes: 7 resources"), "{again}");
    answers_as_the_app_does(&url);

    let holder = Holder {
        who: "ann".to_owned(),
        host: "here".to_owned(),
        pid: 1,
        command: "deploy".to_owned(),
        since: Timestamp::UNIX_EPOCH,
        job: None,
    };
    let folder = shop.project.root().join(".chalice/grail/.local/dev");
    let stack = StackId {
        app: "shop".to_owned(),
        stage: "dev".to_owned(),
    };
    let held = FileStore::new(folder, stack).condemn(&holder).unwrap();
    let refused = shop.run(&["local-cloud", "reset"]).expect_code(5);
    assert!(refused.stderr.contains("locked by ann"), "{refused}");
    drop(held);
    answers_as_the_app_does(&url_of(&shop));

    shop.run(&["local-cloud", "reset"]).expect_success();
    let mut left: Vec<_> = shop.project.files().into_keys().collect();
    left.retain(|path| path.starts_with(".chalice/grail/.local/dev"));
    let record = |path: &&PathBuf| {
        let text = path.display().to_string();
        ["state.json", "journal", "deployed", "artifacts"]
            .iter()
            .any(|name| text.contains(name))
    };
    assert_eq!(left.iter().find(record), None, "{left:?}");
    let nothing = shop.run(&["url", "--local"]).expect_code(1);
    assert!(
        nothing.stderr.contains("Could not find a record of a Rest API"),
        "{nothing}"
    );
    let anew = shop.deploy();
    assert!(anew.stderr.contains("Done: 7 created"), "{anew}");
    answers_as_the_app_does(&url_of(&shop));
}

#[test]
fn a_local_delete_leaves_nothing_and_the_real_stage_is_never_touched() {
    let shop = shop();
    let real = "{\n  \"resources\": [\n    {\n      \"name\": \"default-role\",\n      \"resource_type\": \"iam_role\",\n      \
                \"role_arn\": \"arn:aws:iam::999999999999:role/shop-dev\",\n      \"role_name\": \"shop-dev\"\n    }\n  ],\n  \
                \"schema_version\": \"2.0\",\n  \"backend\": \"api\"\n}\n";
    shop.project.write(".chalice/deployed/dev.json", real);
    shop.deploy();
    let held = held_by(&shop);
    assert_eq!(held["functions"], ["shop-dev", "shop-dev-door"]);
    assert_eq!(
        (&held["roles"], &held["apis"]),
        (&vec!["shop-dev".to_owned()], &vec!["shop".to_owned()])
    );

    let deleted = shop.run(&["delete", "--local"]).expect_success();
    assert!(deleted.stdout.contains("Deleting function: "), "{deleted}");
    let held = held_by(&shop);
    assert!(held.values().all(Vec::is_empty), "{held:?}");
    shop.run(&["url", "--local"]).expect_code(1);
    shop.run(&["delete", "--local"]).expect_success();

    assert_eq!(shop.project.deployed_text("dev").as_deref(), Some(real));
    assert!(!shop.project.has(".chalice/grail/dev"));
    assert_eq!(shop.project.read(".chalice/grail/.gitignore").trim(), "*");
}

/// Versions of the shop's managed layer.
fn layers(shop: &LocalGround) -> Vec<i64> {
    let account = shop.account();
    let asked = account
        .lambda()
        .list_layer_versions()
        .layer_name("shop-dev-managed-layer");
    let answer = block_on(asked.send()).unwrap();
    answer.layer_versions().iter().map(|one| one.version()).collect()
}

#[test]
fn functions_find_what_is_in_the_managed_layer_and_its_old_versions_go() {
    let shop = shop();
    shop.project
        .configure(|config| config["automatic_layer"] = true.into());
    shop.project.write("vendor/scale.py", "UNIT = 'kg'\n");
    shop.project.edit(
        "app.py",
        "from chalicelib.shelf",
        "import scale\nfrom chalicelib.shelf",
    );
    shop.project.edit(
        "app.py",
        "{'shop': 'open',",
        "{'shop': 'open', 'unit': scale.UNIT,",
    );
    let run = shop.deploy();
    assert!(run.stderr.contains("Done: 8 created"), "{run}");
    let url = url_of(&shop);
    assert_eq!(web::get(&url).json()["unit"], "kg");
    assert_eq!(shop.deploy_steps(), []);

    shop.project
        .edit("app.py", "'shop': 'open'", "'shop': 'open today'");
    let of = |action: &str, id: &str| (action.to_owned(), id.to_owned());
    let update = |name: &str| of("update", &format!("lambda_function.{name}"));
    assert_eq!(shop.deploy_steps(), ["api_handler", "door"].map(update));
    let first = layers(&shop);

    shop.project.write("vendor/scale.py", "UNIT = 'stone'\n");
    let made = of("create", "lambda_layer.managed-layer");
    assert_eq!(shop.deploy_steps(), [made, update("api_handler"), update("door")]);
    assert_eq!(
        (&web::get(&url).json()["unit"], layers(&shop).len()),
        (&json!("stone"), 1)
    );
    assert_ne!(layers(&shop), first);

    shop.run(&["delete", "--local"]).expect_success();
    assert_eq!(layers(&shop), Vec::<i64>::new());
}

#[test]
fn without_python_a_sentence_says_so() {
    let project = Project::example("rest-api");
    let before = project.files();
    let grail = Grail::local(env!("CARGO_BIN_EXE_grail"), &project).without_python(&project);
    let run = grail.run(&["deploy", "--local"]).expect_code(1);
    assert!(run.stderr.contains("python3"), "{run}");
    assert!(
        !run.stderr.contains("panicked") && run.stderr.lines().count() < 8,
        "{run}"
    );
    let mut after = project.files();
    after.retain(|path, _| !path.starts_with(".chalice/grail"));
    assert_eq!(after, before);
}
