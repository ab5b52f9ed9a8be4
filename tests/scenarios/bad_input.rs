//! Bad input gets an answer: what is wrong, where, and what to do next; and nothing at all is changed.

use std::net::TcpListener;

use grail_tests::account::Account;
use grail_tests::cli::{Grail, Run};
use grail_tests::project::Project;
use grail_tests::proxy::{Fault, On};
use grail_tests::runtime::block_on;
use serde_json::{Value, json};

use crate::stand::Stand;

const CONFIG: &str = ".chalice/config.json";
const STATE: &str = ".chalice/grail/dev/state.json";
const JOURNAL: &str = ".chalice/grail/dev/journal.ndjson";
const DEPLOYED: &str = ".chalice/deployed/dev.json";

/// A deployed shop whose files are spoilt one at a time.
struct Spoilt {
    stand: Stand,
}

impl Spoilt {
    fn shop() -> Spoilt {
        Spoilt {
            stand: Stand::with_the_shop_open(),
        }
    }

    /// Runs grail with one file of the project as `text`, expects a refusal that changes nothing, and mends the file.
    fn with_file(&self, file: &str, text: &str, words: &[&str], says: &[&str]) -> Run {
        let project = &self.stand.project;
        let before = project.has(file).then(|| project.read(file));
        project.write(file, text);
        let run = self.refused(words, says);
        match before {
            Some(before) => project.write(file, &before),
            None => project.remove(file),
        }
        run
    }

    /// The same for an edit of the one place that reads `old`.
    fn with_edit(&self, file: &str, (old, new): (&str, &str), says: &[&str]) -> Run {
        let text = self.stand.project.read(file);
        assert_eq!(text.matches(old).count(), 1, "{file} does not read {old:?} once");
        self.with_file(file, &text.replace(old, new), &["deploy"], says)
    }

    /// The same for lines at the end of `app.py`.
    fn with_lines(&self, lines: &str, says: &[&str]) -> Run {
        let text = self.stand.project.read("app.py") + lines;
        self.with_file("app.py", &text, &["deploy"], says)
    }

    /// The same for the stage's configuration.
    fn with_setting(&self, key: &str, value: Value, says: &[&str]) -> Run {
        let mut config: Value = serde_json::from_str(&self.stand.project.read(CONFIG)).unwrap();
        config["stages"]["dev"][key] = value;
        self.with_file(CONFIG, &format!("{config:#}\n"), &["deploy"], says)
    }

    fn refused(&self, words: &[&str], says: &[&str]) -> Run {
        refused(&self.stand, &self.stand.grail, words, says)
    }
}

/// Fails unless the run ends with 1, says all of this and a next step on standard error, and changes nothing anywhere.
#[track_caller]
fn refused(stand: &Stand, grail: &Grail, words: &[&str], says: &[&str]) -> Run {
    let memory = stand.memory();
    stand.proxy.forget_calls();
    let run = grail.run(words).expect_code(1);
    assert_says(&run, says);
    let advises = ["next:", "help:", "expected"]
        .iter()
        .any(|word| run.stderr.contains(word));
    assert!(advises, "it names no next step: {run}");
    for word in ["panicked", "DispatchFailure {", "Some("] {
        assert!(!run.stderr.contains(word), "{word} is for programmers: {run}");
    }
    let writes = stand.proxy.calls().writes();
    assert!(writes.is_empty(), "it wrote {:?}: {run}", writes.names());
    let now = stand.memory();
    assert_eq!(
        now.keys().collect::<Vec<_>>(),
        memory.keys().collect::<Vec<_>>(),
        "files came or went: {run}"
    );
    for (path, content) in &memory {
        assert!(
            now.get(path) == Some(content),
            "{} was changed: {run}",
            path.display()
        );
    }
    run
}

/// Looks in the words of standard error, drawn or not: frames and line breaks of a drawing do not count.
#[track_caller]
fn assert_says(run: &Run, says: &[&str]) {
    let words = |text: &str| {
        let kept = text
            .split_whitespace()
            .filter(|word| !word.chars().all(|c| "│╭╰─├▶·×⚠┬┆".contains(c)));
        kept.collect::<Vec<_>>().join(" ")
    };
    let said = words(&run.stderr);
    for wanted in says {
        assert!(said.contains(&words(wanted)), "it does not say {wanted:?}: {run}");
    }
}

#[test]
fn a_configuration_that_cannot_be_read_is_shown_where_it_breaks() {
    let shop = Spoilt::shop();
    shop.with_edit(
        CONFIG,
        ("\"app_name\": \"shop\",", "\"app_name\": \"shop\""),
        &[".chalice/config.json:4:3"],
    );
    shop.with_file(CONFIG, "", &["deploy"], &[".chalice/config.json"]);
    shop.with_file(CONFIG, "[]", &["deploy"], &[".chalice/config.json"]);
    shop.with_edit(
        CONFIG,
        ("\"GREETING\": \"welcome\"", "\"GREETING\": 4711"),
        &[
            ".chalice/config.json:8:21",
            "`GREETING` in `environment_variables`: expected a string, found a number",
        ],
    );
    shop.with_edit(
        CONFIG,
        ("app_name", "app_nam"),
        &["`app_name` is missing", "rename `app_nam` to `app_name`"],
    );
    shop.with_setting(
        "lambda_timeout",
        json!("sixty"),
        &[
            ".chalice/config.json:",
            "`lambda_timeout`: expected a whole number, found a string",
        ],
    );
    shop.with_setting(
        "manage_iam_role",
        json!(false),
        &[
            ".chalice/config.json:",
            "`manage_iam_role` is false, and no `iam_role_arn` is given",
            "give the ARN",
        ],
    );
    // All problems at once.
    let both = "{\n \"app_name\": \"shop\",\n \"lambda_memory_size\": \"big\",\n \"xray\": 1\n}\n";
    let says = [
        "config.json:3:24",
        "`lambda_memory_size`",
        "config.json:4:10",
        "`xray`",
    ];
    shop.with_file(CONFIG, both, &["deploy"], &says);
    // And every command says the same.
    for command in ["plan", "validate", "delete", "status"] {
        shop.with_file(CONFIG, "{", &[command], &[".chalice/config.json:1:"]);
    }
    std::fs::remove_file(shop.stand.project.root().join(CONFIG)).unwrap();
    shop.refused(&["deploy"], &[".chalice/config.json", "--project-dir"]);
}

#[test]
fn an_unknown_key_is_warned_of_with_a_suggestion_and_the_deployment_goes_on() {
    let stand = Stand::with_the_shop_open();
    stand
        .project
        .configure(|config| config["stages"]["dev"]["lambda_memry_size"] = 256.into());
    let (run, calls) = stand.run(&["deploy"]);
    let run = run.expect_success();
    assert_says(
        &run,
        &[
            "unknown key `lambda_memry_size`",
            "did you mean `lambda_memory_size`?",
            ".chalice/config.json:9:7",
        ],
    );
    assert!(calls.writes().is_empty(), "{:?}", calls.names());
    assert!(!run.stdout.contains("lambda_memry_size"), "{run}");
    stand.project.configure(|config| {
        config["stages"]["dev"]["lambda_functions"]["dor"] = json!({ "lambda_timeout": 5 });
    });
    let run = stand.grail.run(&["validate"]).expect_success();
    assert_says(&run, &["`lambda_functions` names `dor`", "did you mean `door`?"]);
}

#[test]
fn an_app_that_cannot_be_imported_is_shown_by_its_authors_own_lines() {
    let shop = Spoilt::shop();
    shop.with_edit(
        "app.py",
        ("def items():", "def items(:"),
        &["app.py:16:", "not valid Python", "def items(:"],
    );
    // The traceback is trimmed to the project's own lines: neither Python's import machinery nor the probe is in it.
    let run = shop.with_edit(
        "chalicelib/shelf.py",
        (
            "class Shelf",
            "raise ValueError('the shelf fell down')\nclass Shelf",
        ),
        &[
            "app.py failed while it was imported: ValueError: the shelf fell down",
            "app.py:4 in <module>",
            "chalicelib/shelf.py:4 in <module>: raise ValueError",
        ],
    );
    for word in ["importlib", "site-packages", "<frozen", "exec_module", "probe"] {
        assert!(!run.stderr.contains(word), "{word} shows: {run}");
    }
    shop.with_lines(
        "\nimport lanterns\n",
        &["app.py:", "needs the module `lanterns`", "requirements.txt"],
    );
    shop.with_lines("\nimport sys; sys.exit(3)\n", &["app.py:"]);
    shop.with_edit(
        "app.py",
        ("app = Chalice(app_name='shop')", "app = None"),
        &["app.py"],
    );
    let app = shop.stand.project.read("app.py");
    shop.stand.project.remove("app.py");
    shop.refused(&["deploy"], &["the project has no app.py", "--project-dir"]);
    shop.stand.project.write("app.py", &app);
    shop.stand.deploy();
}

#[test]
fn a_domain_without_certificate_and_a_taken_name_are_refused_by_line() {
    let shop = Spoilt::shop();
    let lines = shop.stand.project.read("app.py").lines().count();
    let code = "\n\n@app.schedule('rate(1 hour)', name='rest_api')\ndef tidy(event):\n    pass\n";
    let taken = [
        "`rest_api` is the name of the REST API",
        "give the function another with `name=`",
        &format!("app.py:{}", lines + 3),
    ];
    shop.with_lines(code, &taken);
    shop.with_setting(
        "api_gateway_custom_domain",
        json!({ "domain_nam": "shop.example" }),
        &[
            "`api_gateway_custom_domain` has no `domain_name`",
            "`api_gateway_custom_domain` has no `certificate_arn`",
            "did you mean `domain_name`?",
            "config.json:",
        ],
    );
}

#[test]
fn without_python_one_is_asked_for_and_without_chalice_one_is_made() {
    let stand = Stand::of_the_shop();
    let says = [
        "found no Python",
        "install Python 3.10 or newer",
        "apt install python3",
    ];
    let grail = stand.grail.clone().without_python(&stand.project);
    refused(&stand, &grail, &["validate"], &says);
    stand.deploy();
    refused(&stand, &grail, &["deploy"], &says);
    grail.run(&["delete"]).expect_success();

    let grail = stand.grail.clone().without_chalice().with_shared_cache();
    let run = grail.run(&["validate"]).expect_success();
    assert_says(&run, &["shop is valid in stage dev: 5 route(s), 2 function(s)"]);
    // A second time it is there.
    let again = grail.run(&["validate"]).expect_success();
    assert!(!again.stderr.contains("making an environment"), "{again}");
}

#[test]
fn without_an_account_a_region_or_an_answer_nothing_begins() {
    let shop = Spoilt::shop();
    let stand = &shop.stand;
    for command in ["deploy", "plan", "delete"] {
        let nobody = stand
            .grail
            .clone()
            .without("AWS_ACCESS_KEY_ID")
            .without("AWS_SECRET_ACCESS_KEY");
        refused(
            stand,
            &nobody,
            &[command],
            &["no AWS credentials could be found", "AWS_PROFILE", "--local"],
        );
        let nowhere = stand.grail.clone().without("AWS_DEFAULT_REGION");
        refused(stand, &nowhere, &[command], &["no AWS region is set", "--region"]);
        // What is recorded lives elsewhere.
        let says = [
            "us-east-1",
            "eu-west-1",
            "use the profile and region that it was deployed with",
        ];
        shop.refused(&[command, "--region", "eu-west-1"], &says);
    }
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("http://127.0.0.1:{port}");
    let says = [
        &format!("the AWS endpoint {url} could not be reached"),
        "AWS_ENDPOINT_URL",
    ];
    refused(
        stand,
        &stand.grail.clone().env("AWS_ENDPOINT_URL", &url),
        &["deploy"],
        &says,
    );
    // A profile that is named counts, and not the keys that happen to lie in the environment.
    shop.refused(
        &["deploy", "--profile", "nobody"],
        &["there is no AWS profile `nobody`", "aws configure"],
    );
    let home = stand.project.beside("home").join(".aws");
    std::fs::create_dir_all(&home).unwrap();
    let keys = "aws_access_key_id = testing\naws_secret_access_key = testing\n";
    std::fs::write(
        home.join("config"),
        format!("[profile work]\n{keys}region = us-east-1\n"),
    )
    .unwrap();
    let bare = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"];
    let bare = bare.into_iter().fold(stand.grail.clone(), Grail::without);
    bare.run(&["plan", "--profile", "work"]).expect_success();
    bare.env("AWS_PROFILE", "work").run(&["plan"]).expect_success();
    stand.proxy.inject(
        On::operation("GetCallerIdentity"),
        Fault::refuse(
            403,
            "ExpiredToken",
            "The security token included in the request is expired",
        ),
    );
    shop.refused(
        &["deploy"],
        &["AWS refused the credentials", "expired", "sign in again"],
    );
}

#[test]
fn a_record_of_another_account_or_region_is_refused_before_any_look() {
    for (role, elsewhere) in [
        (
            "arn:aws:lambda:us-east-1:999999999999:function:shop-dev",
            "account 999999999999",
        ),
        (
            "arn:aws:lambda:eu-west-1:123456789012:function:shop-dev",
            "region eu-west-1",
        ),
    ] {
        let stand = Stand::of_the_shop();
        let entry = json!({ "name": "api_handler", "resource_type": "lambda_function", "lambda_arn": role });
        let record = json!({ "resources": [entry], "schema_version": "2.0", "backend": "api" });
        stand.project.write(DEPLOYED, &format!("{record:#}\n"));
        stand.project.write(".chalice/grail/.gitignore", "*\n");
        for command in ["deploy", "delete", "plan"] {
            let says = [
                "`api_handler` is recorded in",
                elsewhere,
                "123456789012",
                "us-east-1",
                "--profile",
            ];
            refused(&stand, &stand.grail, &[command], &says);
            assert_eq!(stand.proxy.calls().names(), ["GetCallerIdentity"]);
        }
    }
}

#[test]
fn a_damaged_record_is_kept_as_it_is() {
    let shop = Spoilt::shop();
    let half = |file: &str| {
        let text = shop.stand.project.read(file);
        text[..text.len() / 2].to_owned()
    };
    for command in ["deploy", "delete", "plan"] {
        shop.with_file(
            DEPLOYED,
            &half(DEPLOYED),
            &[command],
            &["dev.json", "left as it is"],
        );
        shop.with_file(
            STATE,
            &half(STATE),
            &[command],
            &["state.json", "is damaged", "left as it is"],
        );
        shop.with_file(
            JOURNAL,
            "no entry\nno entry\n",
            &[command],
            &["journal.ndjson", "is damaged", "left as it is"],
        );
    }
    shop.with_file(STATE, &half(STATE), &["status"], &["state.json", "is damaged"]);
    shop.with_file(DEPLOYED, "{}", &["deploy"], &["dev.json"]);
    shop.with_file(DEPLOYED, &half(DEPLOYED), &["url"], &["dev.json"]);
    let mut newer: Value = serde_json::from_str(&shop.stand.project.read(STATE)).unwrap();
    assert!(newer["schema"].is_u64(), "{newer}");
    newer["schema"] = 999.into();
    shop.with_file(
        STATE,
        &newer.to_string(),
        &["deploy"],
        &["state.json", "999", "newer grail"],
    );
}

#[test]
fn a_place_that_cannot_be_written_is_told_before_anything_is_done() {
    // The tests may run as root, whom no permission stops: a file stands where a folder should be.
    for (file, named) in [
        (".chalice/grail", ".chalice/grail"),
        (".chalice/grail/dev", ".chalice/grail/dev"),
        (".chalice/deployed", ".chalice/deployed"),
    ] {
        let stand = Stand::of_the_shop();
        stand.project.write(".chalice/grail/.gitignore", "*\n");
        let path = stand.project.root().join(file);
        if path.is_dir() {
            std::fs::remove_dir_all(&path).unwrap();
        }
        std::fs::write(&path, "in the way").unwrap();
        refused(&stand, &stand.grail, &["deploy"], &[named]);
    }
}

#[test]
fn a_stage_that_somebody_works_on_is_left_to_them() {
    let stand = Stand::with_the_shop_open();
    stand.project.edit("app.py", "'shop': 'open'", "'shop': 'closed'");
    // The first deployment waits here until two more calls of this kind have come: its own second, and the test's.
    let gate = stand.proxy.hold(On::operation("UpdateFunctionCode"), 3);
    let first = stand.grail.start(&["deploy"]);
    while stand.proxy.calls().named("UpdateFunctionCode").len() < 2 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let memory = stand.memory();
    for command in ["deploy", "delete", "rollback"] {
        let run = stand.grail.run(&[command]).expect_code(5);
        assert_says(
            &run,
            &["the stage is locked by", "grail deploy", "wait until it is done"],
        );
    }
    let run = stand.grail.run(&["deploy", "--output", "json"]).expect_code(5);
    assert_eq!(run.events()[0]["exit"], 5, "{run}");
    // Looking is free.
    let status = stand.grail.run(&["status"]);
    assert!(status.stdout.contains("locked by"), "{status}");
    assert_eq!(stand.memory(), memory);
    assert_eq!(stand.proxy.calls().writes().len(), 2);

    let account = Account::at(&stand.proxy.endpoint());
    let nobody = account
        .lambda()
        .update_function_code()
        .function_name("nobody")
        .s3_bucket("b")
        .s3_key("k");
    block_on(nobody.send()).unwrap_err();
    gate.assert_met();
    first.wait().expect_success();
    stand.deploy();
}

#[test]
fn wrong_usage_has_its_own_code_and_a_suggestion() {
    let stand = Stand::of_the_shop();
    let untouched = stand.project.files();
    let cases: [(&[&str], &str); 9] = [
        (&["deply"], "did you mean `deploy`?"),
        (&["rollbck"], "did you mean `rollback`?"),
        (&["frobnicate"], "grail help"),
        (&["deploy", "--paralelism", "3"], "'--parallelism'"),
        (&["deploy", "--parallelism", "0"], "0"),
        (&["deploy", "--parallelism", "many"], "many"),
        (&["deploy", "--on-failure", "cry"], "rollback"),
        (
            &["deploy", "--local", "--endpoint-url", "http://127.0.0.1:1"],
            "--endpoint-url",
        ),
        (&[], "Usage"),
    ];
    for (words, says) in cases {
        let run = stand.grail.run(words).expect_code(64);
        assert!(run.stderr.contains(says), "{run}");
        assert_eq!(run.stdout, "", "{run}");
    }
    for stage in ["../dev", ".dev", ""] {
        let run = stand.grail.run(&["deploy", "--stage", stage]);
        assert_says(&run.expect_code(1), &["cannot be the name of a stage"]);
    }
    let run = stand
        .grail
        .run(&["deploy", "--project-dir", "nowhere"])
        .expect_code(1);
    assert_says(&run, &["there is no project folder nowhere", "--project-dir"]);
    assert_eq!(stand.project.files(), untouched);
    assert!(stand.proxy.calls().is_empty());
    for words in [["--help"], ["--version"]] {
        assert!(!stand.grail.run(&words).expect_success().stdout.is_empty());
    }
}

/// A role that anybody may have made.
fn make_role(account: &Account, name: &str) -> String {
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    let asked = account
        .iam()
        .create_role()
        .role_name(name)
        .assume_role_policy_document(trust);
    let role = block_on(asked.send()).unwrap();
    role.role().unwrap().arn().to_owned()
}

/// A function that somebody made by hand.
fn make_function(account: &Account, name: &str, role: &str) {
    use grail_tests::account::sdk::lambda::{primitives::Blob, types};
    let archive = grail_tests::fixtures::archive(&[("app.py", "def app(event, context): return 'theirs'")]);
    let code = types::FunctionCode::builder()
        .zip_file(Blob::new(archive))
        .build();
    let asked = account
        .lambda()
        .create_function()
        .function_name(name)
        .code(code)
        .role(role);
    let asked = asked.runtime(types::Runtime::Python311).handler("app.app");
    block_on(asked.send()).unwrap();
}

#[test]
fn a_stranger_under_our_name_is_refused_until_it_is_adopted() {
    let stand = Stand::of_the_shop();
    let account = Account::at(&stand.proxy.quiet_endpoint());
    make_function(&account, "shop-dev", &make_role(&account, "somebody"));
    let before = stand.world();
    // The package is built already, so that what follows leaves no new file.
    let says = [
        "lambda_function.api_handler",
        "function:shop-dev exists already",
        "nothing shows that it belongs to this stage",
        "--adopt lambda_function.api_handler",
    ];
    let run = stand.grail.run(&["deploy"]).expect_code(1);
    assert_says(&run, &says);
    refused(&stand, &stand.grail, &["deploy"], &says);
    refused(&stand, &stand.grail, &["plan"], &says);
    refused(&stand, &stand.grail, &["deploy", "--adopt", "door"], &says);
    stand.world().assert_untouched_since(&before);

    let (run, calls) = stand.run(&["deploy", "--adopt", "lambda_function.api_handler"]);
    run.expect_success();
    assert_eq!(calls.named("CreateFunction").len(), 1, "{:?}", calls.names());
    let function = &stand.world().section("functions")["shop-dev"];
    assert_eq!(
        function["configuration"]["role"],
        "arn:aws:iam::123456789012:role/shop-dev"
    );
    assert_eq!(stand.deploy().writes().names(), [""; 0]);
}

#[test]
fn a_missing_right_is_named() {
    let stand = Stand::of_the_shop();
    let empty = stand.world();
    let read = stand
        .proxy
        .inject(On::operation("GetRole"), Fault::access_denied());
    let run = stand.grail.run(&["deploy"]).expect_code(1);
    assert_says(
        &run,
        &["iam_role.default-role", "the credentials lack `iam:GetRole`"],
    );
    assert!(read.struck() > 0);
    stand.proxy.heal();

    let write = stand
        .proxy
        .inject(On::operation("ImportRestApi"), Fault::access_denied());
    let run = stand.grail.run(&["deploy"]).expect_code(3);
    assert_says(
        &run,
        &[
            "rest_api.rest_api",
            "the credentials lack `apigateway:",
            "Everything is as it was before",
        ],
    );
    assert!(write.struck() > 0);
    stand.proxy.heal();
    stand.world().assert_untouched_since(&empty);

    let write = stand.proxy.inject(
        On::operation("CreateFunction").about("shop-dev-door"),
        Fault::refuse(
            403,
            "AccessDeniedException",
            "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: lambda:CreateFunction on resource: x",
        ),
    );
    let run = stand.grail.run(&["deploy"]).expect_code(3);
    assert_says(
        &run,
        &[
            "lambda_function.door",
            "the credentials lack `lambda:CreateFunction`",
        ],
    );
    assert!(write.struck() > 0);
    stand.proxy.heal();
    stand.world().assert_untouched_since(&empty);
    stand.deploy();
}

#[test]
fn a_secret_shows_nowhere() {
    const CANARY: &str = "canary-5f1c0e7a";
    let stand = Stand::of_the_shop();
    let plant = |value: &str| {
        let value = value.to_owned();
        stand.project.configure(move |config| {
            config["stages"]["dev"]["environment_variables"]["TOKEN"] = value.into();
        });
    };
    let kept = |file: &std::path::Path| file.ends_with("config.json");
    let check = |run: &Run| {
        for text in [&run.stdout, &run.stderr] {
            assert!(!text.contains(CANARY), "the secret shows: {run}");
        }
        for (path, content) in stand.project.files() {
            let found = content
                .windows(CANARY.len())
                .any(|window| window == CANARY.as_bytes());
            assert!(!found || kept(&path), "the secret stands in {}", path.display());
        }
        for (path, content) in files_below(&stand.project) {
            let found = content
                .windows(CANARY.len())
                .any(|window| window == CANARY.as_bytes());
            assert!(!found, "the secret stands in {}", path.display());
        }
    };
    let forms: [&[&str]; 3] = [&[], &["--output", "json"], &["--debug", "--verbose"]];

    // Nothing is deployed yet; then a step fails and the way back is gone; then it succeeds.
    plant(CANARY);
    for form in forms {
        check(&stand.grail.run(&[&["plan"], form].concat()).expect_success());
        stand
            .proxy
            .inject(On::operation("CreateDeployment"), Fault::access_denied());
        check(&stand.grail.run(&[&["deploy"], form].concat()).expect_code(3));
        stand.proxy.heal();
    }
    check(&stand.grail.run(&["deploy", "--debug"]).expect_success());
    let sent = stand.world().section("functions")["shop-dev"].to_string();
    assert!(sent.contains(CANARY), "the function never got it: {sent}");

    // It changes to another secret, and what was before is sealed for the way back.
    for (number, form) in forms.into_iter().enumerate() {
        plant(&format!("{CANARY}-{number}"));
        check(&stand.grail.run(&[&["plan"], form].concat()).expect_success());
        stand.proxy.inject(
            On::operation("UpdateFunctionConfiguration").nth(2),
            Fault::refuse(400, "InvalidParameterValueException", "not this one"),
        );
        check(&stand.grail.run(&[&["deploy"], form].concat()).expect_code(3));
        stand.proxy.heal();
        check(&stand.grail.run(&[&["deploy"], form].concat()).expect_success());
        check(&stand.grail.run(&[&["status"], form].concat()).expect_success());
    }

    // The app itself fails while it holds it in its hands.
    let app = stand.project.read("app.py");
    stand.project.write(
        "app.py",
        &(app + "\nimport os\nraise ValueError(os.environ['TOKEN'])\n"),
    );
    for form in forms {
        check(&stand.grail.run(&[&["deploy"], form].concat()).expect_code(1));
    }
    for form in forms {
        check(&stand.grail.run(&[&["delete"], form].concat()).expect_success());
    }
}

/// What grail left beside the project: caches and its user's configuration.
fn files_below(project: &Project) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut folders = vec![project.beside("home")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(content) = std::fs::read(&path) {
                files.push((path, content));
            }
        }
    }
    files
}
