//! Variables, includes, stages.

use super::*;

const TEXT: &str = "\
grail: 1
app: shop
defaults:
  runtime: python3.12
  handler: main.handler
  code: src
  memory: 256
  environment: {LEVEL: info, A: '1'}
functions:
  work:
    timeout: 10
    environment: {A: '2', NAME: '${app}-${stage}'}
  rest:
    timeout: ${env:TIMEOUT}
stages:
  prod:
    defaults:
      timeout: 20
      environment: {LEVEL: warn}
    functions:
      rest: {memory: 512, environment: null}
      more: {description: only here}
  slim:
    functions:
      rest: null
";

#[test]
fn a_stage_wins_over_the_top_and_a_function_over_both() {
    let dev = wished(TEXT, "dev");
    let work = form_of(&dev, "lambda_function.work");
    assert_eq!((&work["timeout"], &work["memory"]), (&json!(10), &json!(256)));
    assert_eq!(
        work["environment"],
        json!({"LEVEL": "info", "A": "2", "NAME": "shop-dev"})
    );
    assert_eq!(form_of(&dev, "lambda_function.rest")["timeout"], 30);

    let prod = wished(TEXT, "prod");
    let work = form_of(&prod, "lambda_function.work");
    // What a stage says of all wins over what the top says of one, as in Chalice's configuration.
    assert_eq!(work["timeout"], 20);
    assert_eq!(
        work["environment"],
        json!({"LEVEL": "warn", "A": "2", "NAME": "shop-prod"})
    );
    let rest = form_of(&prod, "lambda_function.rest");
    assert_eq!((&rest["memory"], &rest["environment"]), (&json!(512), &json!({})));
    assert!(ids(&prod).contains(&"lambda_function.more".to_owned()));
    assert!(!ids(&wished(TEXT, "slim")).contains(&"lambda_function.rest".to_owned()));
}

#[test]
fn variables_are_what_their_places_ask_for() {
    let text = "\
grail: 1
app: shop
functions:
  work:
    runtime: python3.12
    handler: main.handler
    code: src
    timeout: ${env:TIMEOUT}
    memory: ${env:MEMORY, 512}
    environment:
      TEXT: ${env:TIMEOUT}
      WITHIN: before-${env:EMPTY}-${env:NONE,}after
      PLAIN: $${stage} costs $5
      ONCE: ${env:BRACES}
      FILE: ${file:src/main.py}
      PLACE: ${account}/${region}
      ROLE: ${roles.worker.arn}
      MADE: 'arn ${roles.worker.name}!'
roles:
  worker: {statements: [{Effect: Allow, Action: 's3:*', Resource: 'arn:${partition}:s3:::x-${account}'}]}
";
    let state = wished(text, "dev");
    let work = form_of(&state, "lambda_function.work");
    assert_eq!((&work["timeout"], &work["memory"]), (&json!(30), &json!(512)));
    let environment = &work["environment"];
    assert_eq!(environment["TEXT"], "30");
    assert_eq!(environment["WITHIN"], "before--after");
    assert_eq!(environment["PLAIN"], "${stage} costs $5");
    assert_eq!(
        environment["ONCE"], "${stage}",
        "what a variable gives is not read again"
    );
    assert_eq!(environment["FILE"], "def handler(event, context): pass");
    assert_eq!(environment["PLACE"], "123456789012/eu-central-1");
    assert_eq!(environment["ROLE"], "iam_role.worker/arn");
    assert_eq!(environment["MADE"], "arn iam_role.worker/name!");
    let role = form_of(&state, "iam_role.worker");
    let resource = &role["policies"]["shop-dev-worker"]["Statement"][0]["Resource"];
    assert_eq!(resource, "arn:aws:s3:::x-123456789012");
}

#[test]
fn files_are_laid_together_and_what_two_say_is_told_with_both_places() {
    let one = "grail: 1\napp: shop\ninclude: functions/*.yaml\ndefaults: {runtime: python3.12, handler: main.handler, code: src}\n";
    let a = "functions:\n  a: {timeout: 3}\nstages:\n  dev:\n    functions:\n      a: {timeout: 4}\n";
    let b = "functions:\n  b: {timeout: 5}\n";
    let twice = "functions:\n  a: {timeout: 6}\n";
    let files = [
        ("grail.yaml", one),
        ("src/main.py", ""),
        ("functions/a.yaml", a),
        ("functions/b.yaml", b),
    ];
    let good = folder(&files);
    let (manifest, _) = read(good.path(), "dev").unwrap();
    let form = manifest.form(&stand_in()).unwrap();
    let timeouts: Vec<_> = form.functions().map(|(name, one)| (name, one.timeout)).collect();
    assert_eq!(timeouts, [("a", Some(4)), ("b", Some(5))]);

    std::fs::write(good.path().join("functions/c.yaml"), twice).unwrap();
    let problems = read(good.path(), "dev").unwrap_err();
    assert_eq!(
        told(&problems),
        "functions/c.yaml:2:3: `functions.a` stands in two files: here and at functions/a.yaml:2 [manifest::twice]\n"
    );
}

#[test]
fn json_is_read_as_well() {
    let text = "{\"grail\": 1, \"app\": \"shop\", \"functions\": {\"w\": {\"runtime\": \"nodejs22.x\", \"handler\": \"i.h\", \"code\": {\"inline\": \"exports.h = 1\\n\"}, \"timeot\": 3}}}";
    let folder = folder(&[("grail.json", text)]);
    let problems = read(folder.path(), "dev").unwrap_err();
    assert_eq!(
        told(&problems),
        "grail.json:1:131: there is no `timeot` here [manifest::unknown-key] (did you mean `timeout`?)\n"
    );
}

#[test]
fn null_takes_a_variable_and_a_tag_away_and_does_nothing_where_there_is_none() {
    let text = "\
grail: 1
app: shop
defaults: {runtime: python3.12, handler: main.handler, code: src, environment: {A: '1', B: '2'}, tags: {x: y}}
functions:
  work: {environment: {A: null, NONE: ~, C: '3'}}
stages:
  prod:
    defaults: {environment: {B: null}, tags: {x: null}}
";
    let dev = form_of(&wished(text, "dev"), "lambda_function.work");
    assert_eq!(dev["environment"], json!({"B": "2", "C": "3"}));
    assert_eq!(dev["tags"]["x"], "y");
    let prod = form_of(&wished(text, "prod"), "lambda_function.work");
    assert_eq!(prod["environment"], json!({"C": "3"}));
    assert_eq!(prod["tags"]["x"], Value::Null);
}

#[test]
fn what_is_read_of_the_first_file_alone_stands_in_no_other() {
    let files = [
        ("grail.yaml", "grail: 1\napp: shop\ninclude: [more.yaml]\n"),
        ("more.yaml", "replaces: chalice\napp: shop\n"),
    ];
    let folder = folder(&files);
    let said = told(&read(folder.path(), "dev").unwrap_err());
    assert!(
        said.contains("more.yaml:1:1: `replaces` stands in the first file"),
        "{said}"
    );
    assert!(
        said.contains("more.yaml:2:1: `app` stands in the first file"),
        "{said}"
    );
    assert!(!said.contains("stands in two files"), "{said}");
}

#[test]
fn a_file_is_included_once_however_its_path_is_written_and_folders_are_none() {
    let one = "grail: 1\napp: shop\ninclude: [./parts/a.yaml, parts/a.yaml, 'parts//a.yaml', 'parts/*.y*l', 'p*s/b.yaml']\n\
               defaults: {runtime: python3.12, handler: main.handler, code: src}\n";
    let files = [
        ("grail.yaml", one),
        ("src/main.py", ""),
        ("parts/a.yaml", "functions: {a: {}}\n"),
        ("parts/b.yaml", "functions: {b: {}}\n"),
        ("parts/c.yaml/kept", ""),
    ];
    let folder = folder(&files);
    let said = told(&read(folder.path(), "dev").unwrap_err());
    assert!(said.contains("there is no file `p*s/b.yaml`"), "{said}");
    std::fs::write(
        folder.path().join("grail.yaml"),
        one.replace(", 'p*s/b.yaml'", ""),
    )
    .unwrap();
    let (manifest, _) = read(folder.path(), "dev").unwrap_or_else(|problems| panic!("{}", told(&problems)));
    let form = manifest.form(&stand_in()).unwrap();
    assert_eq!(form.names("functions"), ["a", "b"]);
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_waited_for() {
    let manifest = "grail: 1\napp: shop\ninclude: [pipe.yaml]\nfunctions: {w: {runtime: python3.12, handler: a.b, code: src}}\n\
                    rest_apis: {main: {openapi: pipe.yaml}}\n";
    let folder = folder(&[("grail.yaml", manifest), ("src/main.py", "")]);
    let made = std::process::Command::new("mkfifo")
        .arg(folder.path().join("pipe.yaml"))
        .status();
    assert!(made.unwrap().success());
    let said = told(&read(folder.path(), "dev").unwrap_err());
    assert!(said.contains("there is no file `pipe.yaml`"), "{said}");
}
