//! Documents of other languages within manifests and beside them: patterns of events, OpenAPI.

use super::*;

const HEAD: &str = "\
grail: 1
app: shop
defaults: {runtime: python3.12, handler: main.handler, code: src}
";

fn all(rest: &str) -> DesiredState {
    wished(&format!("{HEAD}{rest}"), "dev")
}

#[test]
fn a_reference_in_a_pattern_is_one_and_what_stands_around_it_is_kept() {
    let state = all(r#"
functions:
  resize: {}
  work:
    events:
      - pattern:
          event:
            source: [aws.lambda]
            detail:
              name: ['${functions.resize.name}', "a \"b\" \\u0001", 5, true]
              arn: [{prefix: '${functions.resize.arn}:'}]
"#);
    let pattern = form_of(&state, "event_rule.work-event")["pattern"].clone();
    let read: Value = serde_json::from_str(pattern.as_str().unwrap()).unwrap();
    let expected = json!({
        "source": ["aws.lambda"],
        "detail": {
            "name": ["lambda_function.resize/name", "a \"b\" \\u0001", 5, true],
            "arn": [{"prefix": "lambda_function.resize/arn:"}],
        },
    });
    assert_eq!(read, expected);
    let rule = state
        .resources
        .values()
        .find(|one| one.id.kind.as_str() == "event_rule");
    let needs: Vec<_> = rule
        .unwrap()
        .depends_on()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(needs.contains(&"lambda_function.resize".to_owned()), "{needs:?}");
}

#[test]
fn a_document_whose_title_has_no_place_is_refused_and_one_without_it_gets_one() {
    let manifest = format!("{HEAD}functions: {{work: {{}}}}\nrest_apis: {{main: {{openapi: api.yaml}}}}\n");
    for (info, taken) in [
        ("[a]", false),
        ("x", false),
        ("7", false),
        ("", true),
        ("{title: a}", true),
    ] {
        let document = format!("openapi: 3.0.1\ninfo: {info}\npaths: {{}}\n");
        let folder = folder(&[
            ("grail.yaml", manifest.as_str()),
            ("api.yaml", &document),
            ("src/main.py", ""),
        ]);
        match read(folder.path(), "dev") {
            Ok((manifest, _)) => {
                assert!(taken, "{info}");
                let state = lower(&manifest, &stand_in(), &Packages::default()).unwrap();
                let definition = &form_of(&state, "rest_api.main")["definition"];
                assert_eq!(definition["info"]["title"], "shop-dev-main");
            }
            Err(problems) => {
                let said = told(&problems);
                assert!(
                    !taken && said.contains("`info` of an OpenAPI document is an object"),
                    "{said}"
                );
            }
        }
    }
}
