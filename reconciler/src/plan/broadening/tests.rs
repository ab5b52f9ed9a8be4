//! Steps, and what they broaden.

use grail_providers::port::Diff;
use grail_state::{Handle, Proof, Remote, Template, Version};
use serde_json::json;

use super::*;

const ACCOUNT: &str = "123456789012";

fn remote(spec: Value, arn: &str) -> Remote {
    Remote {
        handle: Handle(arn.to_owned()),
        spec,
        outputs: [("arn".to_owned(), json!(arn))].into(),
        proof: Proof::Ours,
        additions: Vec::new(),
    }
}

fn step(id: u32, resource: &str, new: Value, old: Option<Value>) -> Step {
    Step {
        id: StepId(id),
        resource: resource.parse().unwrap(),
        action: match &old {
            None => Action::Create { replaces: None },
            Some(old) => Action::Update {
                diff: Diff::between(&new, old, &[]),
            },
        },
        want: Some(Template::from_value(new.clone())),
        wanted: Some(new),
        have: old.map(|old| remote(old, &format!("arn:{resource}"))),
        depends_on: Default::default(),
        after: Vec::new(),
        rank: id,
        why: Why::New,
        label: None,
    }
}

fn plan(build: Vec<Step>) -> Plan {
    Plan {
        build,
        sweep: Vec::new(),
        unchanged: Vec::new(),
        notes: BTreeMap::new(),
        additions: BTreeMap::new(),
        broadenings: Vec::new(),
        protected: None,
        moves: Default::default(),
        prune: Default::default(),
        base: Version::default(),
        digest: Digest::default(),
    }
}

fn told_of(build: Vec<Step>, recorded: &BTreeMap<ResourceId, Record>, kept: &[Value]) -> Vec<String> {
    let background = Background {
        recorded,
        definition: &|digest| kept.iter().find(|one| Digest::of_value(one) == *digest).cloned(),
        account: Some(ACCOUNT),
        access: &|kind| match kind.as_str() {
            "iam_role" => Access::Role,
            "lambda_function" => Access::Runs,
            "lambda_permission" => Access::Invocation,
            "rest_api" => Access::Routes,
            _ => Access::None,
        },
    };
    let all = broadenings(&plan(build), &background);
    all.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn check(new: (&str, Value), old: Option<Value>, told: &[&str]) {
    assert_eq!(
        told_of(vec![step(0, new.0, new.1, old)], &BTreeMap::new(), &[]),
        told
    );
}

fn role_of(action: &str) -> Value {
    json!({"name": "r", "trust": for_lambda(), "policies": {"r": {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": action, "Resource": "*"},
    ]}}})
}

#[test]
fn roles() {
    const ID: &str = "iam_role.default-role";
    check(
        (ID, role_of("s3:*")),
        None,
        &["iam_role.default-role allows s3:* on *"],
    );
    check((ID, role_of("s3:Get*")), Some(role_of("s3:*")), &[]);
    check(
        (ID, role_of("s3:*")),
        Some(role_of("s3:Get*")),
        &["iam_role.default-role allows s3:* on *"],
    );
    // Under which name a policy stands makes no difference, and several count as one.
    let mut renamed = role_of("s3:Get*");
    renamed["policies"] = json!({"other": renamed["policies"]["r"]});
    check((ID, renamed.clone()), Some(role_of("s3:*")), &[]);
    let mut two = role_of("s3:*");
    two["policies"]["b"] = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:Put*", "Resource": "*"}]});
    check(
        (ID, role_of("s3:*")),
        Some(two),
        &["iam_role.default-role no longer denies s3:put* on *"],
    );
    let mut open = role_of("s3:*");
    open["trust"] = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]});
    check(
        (ID, open),
        Some(role_of("s3:*")),
        &["iam_role.default-role allows sts:assumerole by *"],
    );
}

#[test]
fn what_is_gone_is_compared_with_what_was_recorded() {
    let id: ResourceId = "iam_role.default-role".parse().unwrap();
    let record = Record {
        handle: Handle("r".to_owned()),
        spec: role_of("s3:*"),
        outputs: BTreeMap::new(),
        depends_on: Default::default(),
        rank: 0,
        token: None,
    };
    let recorded = BTreeMap::from([(id, record)]);
    let mut again = step(0, "iam_role.default-role", role_of("s3:*"), None);
    again.why = Why::Missing;
    assert_eq!(told_of(vec![again.clone()], &recorded, &[]), [""; 0]);
    again.why = Why::New;
    assert_eq!(told_of(vec![again], &recorded, &[]).len(), 1);
}

#[test]
fn a_function_under_another_role() {
    let function = |role: &str| json!({"name": "f", "role": role});
    let mut made = step(1, "iam_role.own", role_of("s3:Get*"), None);
    made.why = Why::Missing;
    let stand_in = "(known after deploy: iam_role.own/arn)";
    let told = |action: &str| {
        let kept = step(0, "iam_role.default-role", role_of(action), Some(role_of(action)));
        let turned = step(
            2,
            "lambda_function.f",
            function(stand_in),
            Some(function("arn:iam_role.default-role")),
        );
        let all = told_of(vec![kept, made.clone(), turned], &BTreeMap::new(), &[]);
        all.into_iter()
            .filter(|told| told.starts_with("lambda_function"))
            .collect::<Vec<_>>()
    };
    assert_eq!(told("s3:*"), [""; 0]);
    assert_eq!(
        told("sqs:*"),
        [
            "lambda_function.f runs as (known after deploy: iam_role.own/arn) instead of arn:iam_role.default-role, \
          which allows s3:get* on *"
        ]
    );
    check(
        ("lambda_function.f", function("arn:b")),
        Some(function("arn:a")),
        &[
            "lambda_function.f runs as another role, arn:b instead of arn:a: what they allow cannot be compared",
        ],
    );
    check(("lambda_function.f", function("arn:b")), None, &[]);
}

#[test]
fn callers_from_outside() {
    let permission = |principal: &str, source: &str, account: Option<&str>| json!({"function": "f", "principal": principal, "source_arn": source, "source_account": account});
    let told = |form: Value| {
        told_of(
            vec![step(0, "lambda_permission.p", form, None)],
            &BTreeMap::new(),
            &[],
        )
        .join("; ")
    };
    let events = "events.amazonaws.com";
    for ours in [
        permission(events, "arn:aws:events:eu-west-1:123456789012:rule/x", None),
        permission(
            "apigateway.amazonaws.com",
            "(known after deploy: rest_api.rest_api/execution_arn)/*",
            None,
        ),
        permission("s3.amazonaws.com", "arn:aws:s3:::bucket", Some(ACCOUNT)),
        permission("s3.amazonaws.com.cn", "arn:aws-cn:s3:::bucket", Some(ACCOUNT)),
    ] {
        assert_eq!(told(ours), "");
    }
    for (theirs, part) in [
        (
            permission(events, "arn:aws:events:eu-west-1:999999999999:rule/x", None),
            "of account 999999999999",
        ),
        (
            permission("s3.amazonaws.com", "arn:aws:s3:::bucket", None),
            "of any account",
        ),
        (permission(events, "*", None), "of any account"),
        (
            permission(events, "arn:aws:events:*:*:rule/x", None),
            "of account *",
        ),
        (
            permission("*", "arn:aws:events:eu-west-1:123456789012:rule/x", None),
            "lets * call",
        ),
        (
            permission("999999999999", "arn:aws:s3:::b", Some(ACCOUNT)),
            "lets 999999999999 call",
        ),
        (
            permission("s3.amazonaws.com", "*/(known after deploy: a.b/c)", None),
            "of any account",
        ),
    ] {
        let said = told(theirs.clone());
        assert!(said.contains(part), "{theirs}: {said}");
    }
}

fn definition(security: Value, policy: Option<Value>) -> Value {
    let mut document = json!({
        "openapi": "3.0.1", "info": {"title": "shop"},
        "paths": {"/pets/{id}": {"get": {"security": security}, "options": {}}, "/": {"get": {}}},
        "components": {"securitySchemes": {"api_key": {"type": "apiKey"}, "jwt": {"type": "apiKey", "uri": "a"}}},
    });
    if let Some(policy) = policy {
        document["x-amazon-apigateway-policy"] = policy;
    }
    document
}

fn api(endpoint: &str, definition: &Value) -> Value {
    json!({"name": "shop", "endpoint_type": endpoint, "definition": definition})
}

#[track_caller]
fn check_api(old: (&str, &Value), new: (&str, &Value), told: &[&str]) {
    let have = api(old.0, &json!(Digest::of_value(old.1)));
    let mut one = step(0, "rest_api.rest_api", api(new.0, new.1), Some(have));
    one.wanted = Some(api(new.0, &json!(Digest::of_value(new.1))));
    assert_eq!(
        told_of(vec![one], &BTreeMap::new(), std::slice::from_ref(old.1)),
        told
    );
}

#[test]
fn what_an_api_asks() {
    let plain = definition(json!([]), None);
    let key = definition(json!([{"api_key": []}]), None);
    let both = definition(json!([{"api_key": []}, {"jwt": []}]), None);
    let region = "REGIONAL";
    check_api((region, &plain), (region, &both), &[]);
    check_api((region, &key), (region, &both), &[]);
    check_api(
        (region, &key),
        (region, &plain),
        &["rest_api.rest_api no longer asks for `api_key` at GET /pets/{id}"],
    );
    check_api(
        (region, &both),
        (region, &key),
        &["rest_api.rest_api asks for `api_key` instead of `api_key` and `jwt` at GET /pets/{id}"],
    );
    let mut other = both.clone();
    other["components"]["securitySchemes"]["jwt"]["uri"] = json!("b");
    check_api(
        (region, &both),
        (region, &other),
        &["rest_api.rest_api asks otherwise for `jwt`, which cannot be compared, at GET /pets/{id}"],
    );
    let mut renamed = plain.clone();
    let route = renamed["paths"]["/pets/{id}"].take();
    renamed["paths"] = json!({"/pets/{name}": route});
    check_api(
        (region, &key),
        (region, &renamed),
        &["rest_api.rest_api no longer asks for `api_key` at GET /pets/{name}"],
    );
}

#[test]
fn who_is_let_into_an_api() {
    let by = |who: &str| {
        json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": who}, "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}]})
    };
    let plain = definition(json!([]), None);
    let narrow = definition(json!([]), Some(by("123456789012")));
    let wide = definition(json!([]), Some(by("*")));
    let more = "rest_api.rest_api allows execute-api:invoke on execute-api:/* by *";
    check_api(("EDGE", &wide), ("EDGE", &narrow), &[]);
    check_api(("EDGE", &narrow), ("EDGE", &wide), &[more]);
    check_api(("EDGE", &plain), ("EDGE", &narrow), &[]);
    check_api(("PRIVATE", &plain), ("PRIVATE", &wide), &[more]);
    check_api(
        ("EDGE", &narrow),
        ("EDGE", &plain),
        &["rest_api.rest_api has no policy any more: everybody may call it"],
    );
    check_api(
        ("PRIVATE", &plain),
        ("REGIONAL", &plain),
        &["rest_api.rest_api is reached from the internet (REGIONAL)"],
    );
}

#[test]
fn an_api_that_is_not_known_counts() {
    let plain = definition(json!([]), None);
    let have = api("EDGE", &json!("changed outside: 12345678"));
    let one = step(0, "rest_api.rest_api", api("EDGE", &plain), Some(have));
    let told = told_of(vec![one], &BTreeMap::new(), &[]);
    assert!(
        told.len() == 1 && told[0].contains("cannot be compared"),
        "{told:?}"
    );
}
