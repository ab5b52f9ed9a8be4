//! The meaning of policies.
//!
//! Two policy documents mean the same if they allow and deny the same things. Chalice gives every generated statement a new
//! random `Sid`, writes one statement twice in some setups, and AWS hands documents back in its own spelling; so documents are
//! compared by [`canonical`], never by their text. A statement is read as the product of its actions and resources, which
//! makes `Sid`, order, repetition, the split into statements, and a list of one against a plain text disappear.
//!
//! What was given up: wildcards are not weighed against each other (`s3:*` beside `s3:GetObject` stays two grants), so two
//! documents of one meaning may still be told apart. That costs a needless write and never hides a change.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::Digester;
use grail_state::template::has_stand_in;
use serde_json::{Map, Value, json};

/// What a document without `Version` is read as (IAM's rule).
const DEFAULT_VERSION: &str = "2008-10-17";

/// The canonical form of a policy document: equal for documents of equal meaning, and itself a policy document.
///
/// What is not shaped like a policy document comes back as it is.
pub fn canonical(document: &Value) -> Value {
    let Some(fields) = document.as_object() else {
        return document.clone();
    };
    let statements: Vec<&Value> = match fields.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(one @ Value::Object(_)) => vec![one],
        _ => return document.clone(),
    };
    let Some(grants) = statements.into_iter().map(grants_of).collect::<Option<Vec<_>>>() else {
        return document.clone();
    };
    let version = fields
        .get("Version")
        .and_then(Value::as_str)
        .unwrap_or(DEFAULT_VERSION);
    let statements = grouped(grants.into_iter().flatten().collect());
    json!({"Version": version, "Statement": statements})
}

/// Operators of which every value has a form that leaves no room for a secret.
const TYPED: &[&str] = &[
    "Arn",
    "Bool",
    "Date",
    "IpAddress",
    "NotIpAddress",
    "Null",
    "Numeric",
];

/// Keys of which the values name places and accounts (IAM user guide, "Global condition context keys").
const NAMING: &[&str] = &[
    "aws:calledvia",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalservicename",
    "aws:requestedregion",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceorgid",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:viaawsservice",
    "iam:passedtoservice",
];

/// Whether the values of a condition may be shown. Those of all others may be agreed upon by two parties (`sts:ExternalId`,
/// `aws:Referer`, `aws:UserAgent`, tags), and are secrets.
pub fn shows(operator: &str, key: &str) -> bool {
    let bare = operator.rsplit(':').next().unwrap_or(operator);
    TYPED.iter().any(|typed| bare.starts_with(typed)) || NAMING.contains(&key.to_lowercase().as_str())
}

/// The [`canonical`] form with keyed digests in the place of values that do [not show](shows).
pub fn projected(document: &Value, digester: &Digester) -> Value {
    let mut document = canonical(document);
    hidden_values(&mut document, &mut |value| match value {
        Value::String(text) if !has_stand_in(text) => *text = digester.secret(text),
        Value::Number(number) => *value = Value::String(digester.secret(&number.to_string())),
        _ => {}
    });
    document
}

/// Whether some value of the document does not show.
pub fn has_hidden_values(document: &Value) -> bool {
    let mut any = false;
    hidden_values(&mut document.clone(), &mut |_| any = true);
    any
}

/// Calls `each` with every single value that does not show, wherever in the document a condition stands: a policy may be part of
/// a larger document, and one that is not shaped as IAM wants it may hold a secret all the same.
pub fn hidden_values(document: &mut Value, each: &mut dyn FnMut(&mut Value)) {
    match document {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::Object(operators) if name == "Condition" => hidden_in(operators, each),
                    value => hidden_values(value, each),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| hidden_values(item, each)),
        _ => {}
    }
}

fn hidden_in(operators: &mut Map<String, Value>, each: &mut dyn FnMut(&mut Value)) {
    for (operator, keys) in operators {
        let Value::Object(keys) = keys else {
            single_values(keys, each);
            continue;
        };
        let hidden = keys.iter_mut().filter(|(key, _)| !shows(operator, key));
        hidden.for_each(|(_, values)| single_values(values, each));
    }
}

fn single_values(value: &mut Value, each: &mut dyn FnMut(&mut Value)) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|item| single_values(item, each)),
        Value::Array(items) => items.iter_mut().for_each(|item| single_values(item, each)),
        single => each(single),
    }
}

/// Whether two policy documents mean the same.
pub fn same_meaning(one: &Value, other: &Value) -> bool {
    canonical(one) == canonical(other)
}

/// One action on one resource, under everything else that the statement says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    /// Effect, principals, conditions, as canonical text. Sorts and groups; the values are in `rest_of`.
    rest: String,
    resource: Side,
    action: Side,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`. A negated list is one whole: its elements are not grants of their own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Absent,
    One(String),
    Not(BTreeSet<String>),
}

fn grants_of(statement: &Value) -> Option<Vec<Grant>> {
    let fields = statement.as_object()?;
    let mut rest = Map::new();
    for (key, value) in fields {
        match key.as_str() {
            "Sid" | "Action" | "NotAction" | "Resource" | "NotResource" => {}
            "Principal" | "NotPrincipal" => drop(rest.insert(key.clone(), principals(value))),
            "Condition" => drop(rest.insert(key.clone(), conditions(value))),
            _ => drop(rest.insert(key.clone(), value.clone())),
        }
    }
    let rest = grail_state::digest::canonical(&Value::Object(rest));
    let actions = sides(fields.get("Action"), fields.get("NotAction"), |action| {
        action.to_lowercase()
    })?;
    let resources = sides(fields.get("Resource"), fields.get("NotResource"), str::to_owned)?;
    let grants = actions.iter().flat_map(|action| {
        let grant = |resource: &Side| Grant {
            rest: rest.clone(),
            resource: resource.clone(),
            action: action.clone(),
        };
        resources.iter().map(grant).collect::<Vec<_>>()
    });
    Some(grants.collect())
}

fn sides(given: Option<&Value>, negated: Option<&Value>, spelled: fn(&str) -> String) -> Option<Vec<Side>> {
    match (given, negated) {
        (Some(given), None) => Some(
            texts(given)?
                .iter()
                .map(|text| Side::One(spelled(text)))
                .collect(),
        ),
        (None, Some(negated)) => Some(vec![Side::Not(
            texts(negated)?.iter().map(|text| spelled(text)).collect(),
        )]),
        (None, None) => Some(vec![Side::Absent]),
        (Some(_), Some(_)) => None,
    }
}

/// Joins grants that differ in the action only, then those that differ in the resource only. The outcome hangs on the set of
/// grants alone.
fn grouped(grants: BTreeSet<Grant>) -> Vec<Value> {
    let mut actions: BTreeMap<(String, Side), BTreeSet<Side>> = BTreeMap::new();
    for grant in grants {
        actions
            .entry((grant.rest, grant.resource))
            .or_default()
            .insert(grant.action);
    }
    let mut resources: BTreeMap<(String, BTreeSet<Side>), BTreeSet<Side>> = BTreeMap::new();
    for ((rest, resource), actions) in actions {
        for actions in apart(actions) {
            resources
                .entry((rest.clone(), actions))
                .or_default()
                .insert(resource.clone());
        }
    }
    let mut statements = Vec::new();
    for ((rest, actions), resources) in resources {
        for resources in apart(resources) {
            let mut statement: Map<String, Value> = serde_json::from_str(&rest).unwrap_or_default();
            put(&mut statement, "Action", &actions);
            put(&mut statement, "Resource", &resources);
            statements.push(Value::Object(statement));
        }
    }
    statements
}

/// Plain elements can share a statement; a negated list needs one of its own.
fn apart(sides: BTreeSet<Side>) -> Vec<BTreeSet<Side>> {
    let (plain, others): (BTreeSet<_>, BTreeSet<_>) =
        sides.into_iter().partition(|side| matches!(side, Side::One(_)));
    let plain = (!plain.is_empty()).then_some(plain);
    plain
        .into_iter()
        .chain(others.into_iter().map(|other| BTreeSet::from([other])))
        .collect()
}

fn put(statement: &mut Map<String, Value>, field: &str, sides: &BTreeSet<Side>) {
    if let Some(Side::Not(elements)) = sides.first() {
        statement.insert(format!("Not{field}"), json!(elements));
        return;
    }
    let plain = |side: &Side| {
        if let Side::One(text) = side {
            Some(text.clone())
        } else {
            None
        }
    };
    let elements: Vec<_> = sides.iter().filter_map(plain).collect();
    if !elements.is_empty() {
        statement.insert(field.to_owned(), json!(elements));
    }
}

/// `"*"` is `{"AWS": "*"}`, and an account's root is the account's number.
fn principals(value: &Value) -> Value {
    let all = json!({"AWS": "*"});
    let value = if value == "*" { &all } else { value };
    let Some(kinds) = value.as_object() else {
        return value.clone();
    };
    let one = |(kind, names): (&String, &Value)| {
        let names = match texts(names) {
            Some(names) => json!(names.iter().map(|name| account_of(name)).collect::<BTreeSet<_>>()),
            None => names.clone(),
        };
        (kind.clone(), names)
    };
    Value::Object(kinds.iter().map(one).collect())
}

fn account_of(principal: &str) -> String {
    let parts: Vec<_> = principal.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "iam", "", account, "root"] => (*account).to_owned(),
        _ => principal.to_owned(),
    }
}

/// Keys in lower case (IAM ignores their case), values as sorted lists of texts.
fn conditions(value: &Value) -> Value {
    let Some(operators) = value.as_object() else {
        return value.clone();
    };
    let operator = |(operator, keys): (&String, &Value)| {
        let Some(keys) = keys.as_object() else {
            return (operator.clone(), keys.clone());
        };
        let key = |(key, wanted): (&String, &Value)| {
            let wanted = match texts(wanted) {
                Some(wanted) => json!(wanted.into_iter().collect::<BTreeSet<_>>()),
                None => wanted.clone(),
            };
            (key.to_lowercase(), wanted)
        };
        (operator.clone(), Value::Object(keys.iter().map(key).collect()))
    };
    Value::Object(operators.iter().map(operator).collect())
}

/// A text or a list of texts. Numbers and truth values are texts to IAM.
fn texts(value: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    };
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        one => text(one).map(|one| vec![one]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(statements: Value) -> Value {
        json!({"Version": "2012-10-17", "Statement": statements})
    }

    #[test]
    fn spelling_order_and_repetition_do_not_count() {
        let one = policy(json!([
            {"Sid": "3f0a", "Effect": "Allow", "Action": ["s3:GetObject", "S3:putobject"], "Resource": ["*"]},
            {"Effect": "Allow", "Action": "ec2:DescribeNetworkInterfaces", "Resource": "*"},
            {"Effect": "Allow", "Action": ["ec2:DescribeNetworkInterfaces"], "Resource": "*"},
        ]));
        let other = policy(json!([
            {"Effect": "Allow", "Action": ["EC2:DescribeNetworkInterfaces", "s3:PutObject"], "Resource": "*"},
            {"Sid": "x", "Effect": "Allow", "Resource": "*", "Action": "s3:getObject"},
        ]));
        assert!(same_meaning(&one, &other));
        assert_eq!(
            canonical(&one),
            policy(json!([{"Effect": "Allow", "Resource": ["*"],
                "Action": ["ec2:describenetworkinterfaces", "s3:getobject", "s3:putobject"]}]))
        );
    }

    #[test]
    fn one_statement_need_not_be_a_list() {
        let statement = json!({"Effect": "Allow", "Action": "sqs:*", "Resource": "arn:q"});
        assert!(same_meaning(
            &policy(statement.clone()),
            &policy(json!([statement]))
        ));
    }

    #[test]
    fn what_is_granted_counts() {
        let base = json!({"Effect": "Allow", "Action": ["s3:Get", "s3:Put"], "Resource": ["a", "b"]});
        let changes = [
            ("Effect", json!("Deny")),
            ("Action", json!(["s3:Get"])),
            ("Resource", json!(["a", "B"])),
            ("Condition", json!({"Bool": {"aws:SecureTransport": "true"}})),
            ("Principal", json!("*")),
        ];
        for (field, value) in changes {
            let mut changed = base.clone();
            changed[field] = value;
            assert!(
                !same_meaning(&policy(json!([base])), &policy(json!([changed]))),
                "{field}"
            );
        }
        let version = json!({"Version": "2008-10-17", "Statement": [base]});
        assert!(!same_meaning(&policy(json!([base])), &version));
        assert!(same_meaning(&json!({"Statement": [base]}), &version));
    }

    #[test]
    fn a_product_is_not_its_diagonal() {
        let product = policy(json!([{"Effect": "Allow", "Action": ["x", "y"], "Resource": ["a", "b"]}]));
        let diagonal = policy(json!([
            {"Effect": "Allow", "Action": "x", "Resource": "a"},
            {"Effect": "Allow", "Action": "y", "Resource": "b"},
        ]));
        assert!(!same_meaning(&product, &diagonal));
        let rest = json!([
            {"Effect": "Allow", "Action": "x", "Resource": "a"},
            {"Effect": "Allow", "Action": "y", "Resource": ["b", "a"]},
            {"Effect": "Allow", "Action": "x", "Resource": "b"},
        ]);
        assert!(same_meaning(&product, &policy(rest)));
    }

    #[test]
    fn negated_lists_stay_whole() {
        let one = policy(json!([{"Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "Resource": "*"}]));
        let split = policy(json!([
            {"Effect": "Deny", "NotAction": ["iam:*"], "Resource": "*"},
            {"Effect": "Deny", "NotAction": ["sts:*"], "Resource": "*"},
        ]));
        assert!(!same_meaning(&one, &split));
        let turned = policy(json!([{"Effect": "Deny", "Resource": ["*"], "NotAction": ["STS:*", "iam:*"]}]));
        assert!(same_meaning(&one, &turned));
        assert_eq!(
            canonical(&one)["Statement"][0]["NotAction"],
            json!(["iam:*", "sts:*"])
        );
    }

    #[test]
    fn trust_policies_ignore_an_empty_sid_and_the_form_of_principals() {
        let trust = |sid: bool, principal: Value| {
            let mut statement =
                json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"});
            if sid {
                statement["Sid"] = "".into();
            }
            policy(json!([statement]))
        };
        let service = json!({"Service": "lambda.amazonaws.com"});
        let listed = json!({"Service": ["lambda.amazonaws.com"]});
        assert!(same_meaning(&trust(true, service.clone()), &trust(false, listed)));
        assert!(same_meaning(
            &trust(false, json!("*")),
            &trust(false, json!({"AWS": ["*"]}))
        ));
        let root = json!({"AWS": "arn:aws:iam::123456789012:root"});
        assert!(same_meaning(
            &trust(false, root),
            &trust(false, json!({"AWS": "123456789012"}))
        ));
        assert!(!same_meaning(
            &trust(false, service),
            &trust(false, json!({"Service": "edge"}))
        ));
    }

    #[test]
    fn conditions_are_compared_by_key_and_set_of_values() {
        let with = |condition: Value| {
            policy(json!([{"Effect": "Allow", "Action": "a:b", "Resource": "*", "Condition": condition}]))
        };
        let one = with(
            json!({"StringEquals": {"aws:SourceVpce": ["b", "a"]}, "Bool": {"aws:SecureTransport": true}}),
        );
        let other = with(
            json!({"Bool": {"AWS:SecureTransport": "true"}, "StringEquals": {"aws:sourceVpce": ["a", "b"]}}),
        );
        assert!(same_meaning(&one, &other));
        assert!(!same_meaning(
            &one,
            &with(json!({"StringEquals": {"aws:SourceVpce": "a"}}))
        ));
    }

    #[test]
    fn what_two_parties_have_agreed_upon_does_not_show() {
        let digester = grail_state::seal::Keys::from_master(&[7; 32]).digester;
        let of = |external: &str| {
            policy(
                json!([{"Effect": "Allow", "Action": "sts:AssumeRole", "Condition": {
                "StringEquals": {"sts:ExternalId": external, "aws:SourceVpc": "vpc-1"},
                "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}, "ForAnyValue:ArnLike": {"aws:x": "arn:y"}}}]),
            )
        };
        let shown = projected(&of("hush-hush"), &digester);
        let condition = &shown["Statement"][0]["Condition"];
        assert!(
            condition["StringEquals"]["sts:externalid"][0]
                .as_str()
                .unwrap()
                .starts_with("secret:"),
            "{shown}"
        );
        assert_eq!(condition["StringEquals"]["aws:sourcevpc"], json!(["vpc-1"]));
        assert_eq!(condition["IpAddress"]["aws:sourceip"], json!(["10.0.0.0/8"]));
        assert!(!shown.to_string().contains("hush"), "{shown}");
        assert_eq!(shown, projected(&of("hush-hush"), &digester));
        assert_ne!(shown, projected(&of("other"), &digester));
    }

    #[test]
    fn a_secret_does_not_show_in_a_policy_of_another_shape_either() {
        let digester = grail_state::seal::Keys::from_master(&[7; 32]).digester;
        for condition in [
            json!({"StringEquals": {"sts:ExternalId": "hush-hush", "aws:SourceVpc": "vpc-1"}}),
            json!({"StringEquals": {"sts:ExternalId": [918_273, "x"], "aws:SourceVpc": "vpc-1"}}),
            json!({"StringEquals": {"sts:ExternalId": {"is": "hush-hush"}, "aws:SourceVpc": "vpc-1"}}),
            json!({"StringEquals": "hush-hush", "ArnLike": {"aws:SourceVpc": "vpc-1"}}),
        ] {
            // Both `Action` and `NotAction`: it has no canonical form.
            let statement =
                json!({"Effect": "Allow", "Action": "a", "NotAction": "b", "Condition": condition});
            for document in [
                json!({"Statement": statement}),
                json!({"Statement": [statement]}),
                json!({"Resources": {"Role": {"Policy": {"Statement": statement}}}}),
            ] {
                let shown = projected(&document, &digester).to_string();
                assert!(!shown.contains("hush") && !shown.contains("918273"), "{shown}");
                assert!(shown.contains("vpc-1"), "{shown}");
                assert!(has_hidden_values(&document), "{document}");
            }
        }
    }

    #[test]
    fn what_is_no_policy_is_left_alone() {
        for odd in [
            json!("x"),
            json!({}),
            json!({"Statement": 3}),
            json!({"Statement": ["x"]}),
        ] {
            assert_eq!(canonical(&odd), odd);
        }
    }

    fn statement() -> impl Strategy<Value = Value> {
        let list = |names: &'static [&'static str]| proptest::sample::subsequence(names, 1..=names.len());
        let effect = proptest::sample::select(&["Allow", "Deny"][..]);
        (effect, list(&["s3:Get", "s3:Put", "sqs:Send"]), list(&["a", "b", "c"]))
            .prop_map(|(effect, action, resource)| json!({"Effect": effect, "Action": action, "Resource": resource}))
    }

    fn atoms(document: &Value) -> BTreeSet<(String, String, String)> {
        let mut atoms = BTreeSet::new();
        for statement in document["Statement"].as_array().into_iter().flatten() {
            for action in texts(&statement["Action"]).into_iter().flatten() {
                for resource in texts(&statement["Resource"]).into_iter().flatten() {
                    let effect = statement["Effect"].as_str().unwrap_or_default().to_owned();
                    atoms.insert((effect, action.to_lowercase(), resource));
                }
            }
        }
        atoms
    }

    proptest! {
        /// The form keeps the grants, is its own form, and two documents share it exactly if they share the grants.
        #[test]
        fn the_form_stands_for_the_grants(
            one in proptest::collection::vec(statement(), 0..5),
            other in proptest::collection::vec(statement(), 0..5),
        ) {
            let (one, other) = (policy(json!(one)), policy(json!(other)));
            let form = canonical(&one);
            prop_assert_eq!(atoms(&form), atoms(&one));
            prop_assert_eq!(canonical(&form), form);
            prop_assert_eq!(same_meaning(&one, &other), atoms(&one) == atoms(&other));
        }
    }
}
