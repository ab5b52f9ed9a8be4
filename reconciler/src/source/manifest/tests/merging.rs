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
