//! References between the resources of a manifest: `${<section>.<name>.<attribute>}`.
//!
//! A reference is also an order: what it names is there before what holds it. One that leads back to where it began is
//! refused, since nothing could be made first.

use grail_state::{Kind, ResourceId, Template};
use serde_json::json;

use super::form::Form;
use super::variables::{END, MARK};
use crate::source::chalice::lower::Account;
use crate::source::chalice::openapi::{INVOCATION_SUFFIX, invocation_prefix};
use crate::source::diagnostic::closest;

/// An attribute that can be referred to, and the output that it is.
type Attribute = (&'static str, &'static str);

/// The sections that can be referred to, the kind of what they hold, and the attributes with the outputs that they are.
pub(super) const SECTIONS: [(&str, &str, &[Attribute]); 12] = [
    (
        "functions",
        "lambda_function",
        &[
            ("arn", "arn"),
            ("name", "name"),
            ("invocation_uri", "arn"),
            ("url", "url"),
            ("version", "version"),
            ("version_arn", "version_arn"),
        ],
    ),
    ("roles", "iam_role", &[("arn", "arn"), ("name", "name")]),
    ("layers", "lambda_layer", &[("arn", "arn")]),
    (
        "rest_apis",
        "rest_api",
        &[("id", "id"), ("execution_arn", "execution_arn"), ("url", "url")],
    ),
    (
        "websocket_apis",
        "websocket_api",
        &[("id", "id"), ("execution_arn", "execution_arn"), ("url", "url")],
    ),
    (
        "domains",
        "custom_domain",
        &[
            ("name", "name"),
            ("alias", "alias_domain_name"),
            ("hosted_zone", "hosted_zone_id"),
        ],
    ),
    (
        "queues",
        "sqs_queue",
        &[("arn", "arn"), ("name", "name"), ("url", "url")],
    ),
    ("topics", "sns_topic", &[("arn", "arn"), ("name", "name")]),
    (
        "tables",
        "dynamodb_table",
        &[("arn", "arn"), ("name", "name"), ("stream_arn", "stream_arn")],
    ),
    (
        "buckets",
        "s3_bucket",
        &[("arn", "arn"), ("name", "name"), ("domain", "domain")],
    ),
    ("streams", "kinesis_stream", &[("arn", "arn"), ("name", "name")]),
    ("buses", "event_bus", &[("arn", "arn"), ("name", "name")]),
];

/// The attributes of an alias: `${functions.<function>.aliases.<alias>.<attribute>}`.
const OF_ALIASES: [Attribute; 5] = [
    ("arn", "arn"),
    ("name", "name"),
    ("version", "version"),
    ("invocation_uri", "arn"),
    ("url", "url"),
];

/// The function and the alias that a name of a reference is of.
fn alias_in<'a>(section: &str, name: &'a str) -> Option<(&'a str, &'a str)> {
    let (function, alias) = name.split_once(".aliases.")?;
    (section == "functions").then_some((function, alias))
}

/// True for a text that begins as a reference does.
pub(super) fn is_reference(variable: &str) -> bool {
    let section = variable.split('.').next().unwrap_or_default();
    variable.contains('.') && SECTIONS.iter().any(|(known, ..)| *known == section)
}

/// What is wrong with the reference `variable`, and what might be meant.
pub(super) fn fault(variable: &str, form: &Form) -> Option<(String, Option<String>)> {
    let section = variable.split('.').next().unwrap_or_default();
    let Some((_, _, attributes)) = SECTIONS.iter().find(|(known, ..)| *known == section) else {
        return Some((format!("`${{{variable}}}` is no reference"), None));
    };
    let rest = variable.get(section.len() + 1..).unwrap_or_default();
    let Some((name, attribute)) = rest.rsplit_once('.') else {
        let said = format!("`${{{variable}}}` names no attribute");
        return Some((said, Some(format!("write `${{{variable}.{}}}`", attributes[0].0))));
    };
    if let Some((function, alias)) = alias_in(section, name) {
        return alias_fault(function, alias, attribute, form);
    }
    let names = form.names(section);
    if !names.contains(&name) {
        let said = format!("there is no `{name}` under `{section}`");
        let hint = closest(name, names).map(|meant| format!("did you mean `{meant}`?"));
        return Some((said, hint));
    }
    if (section, attribute) == ("functions", "url") && !has_url(form, name) {
        let said = format!("the function `{name}` has no URL");
        return Some((said, Some("give it one: `url: {auth: aws_iam}`".to_owned())));
    }
    if section == "functions" && attribute.starts_with("version") && !is_published(form, name) {
        let said = format!("no version of the function `{name}` is published");
        return Some((said, Some("publish them: `publish: true`".to_owned())));
    }
    if (section, attribute) == ("tables", "stream_arn") && !has_stream(form, name) {
        let said = format!("the table `{name}` has no stream");
        return Some((said, Some("give it one: `stream: new_and_old`".to_owned())));
    }
    if !attributes.iter().any(|(known, _)| *known == attribute) {
        let known: Vec<_> = attributes.iter().map(|(known, _)| format!("`{known}`")).collect();
        let said = format!("what stands under `{section}` has no `{attribute}`");
        return Some((said, Some(format!("it has {}", known.join(", ")))));
    }
    None
}

fn has_stream(form: &Form, name: &str) -> bool {
    let table = form.tables.get(name).and_then(Option::as_ref);
    table.is_some_and(|table| table.stream.is_some())
}

fn has_url(form: &Form, name: &str) -> bool {
    let function = form.functions.get(name).and_then(Option::as_ref);
    function.is_some_and(|function| function.url.is_some())
}

fn is_published(form: &Form, name: &str) -> bool {
    let function = form.functions.get(name).and_then(Option::as_ref);
    let publish = function.and_then(|function| function.publish.as_ref());
    publish.and_then(super::versions::Publish::said).is_some()
}

fn alias_fault(
    function: &str,
    alias: &str,
    attribute: &str,
    form: &Form,
) -> Option<(String, Option<String>)> {
    let functions = form.names("functions");
    let Some(known) = form.functions.get(function) else {
        let said = format!("there is no `{function}` under `functions`");
        let hint = closest(function, functions).map(|meant| format!("did you mean `{meant}`?"));
        return Some((said, hint));
    };
    let aliases = known.as_ref().and_then(|function| function.aliases.as_ref());
    let Some(said) = aliases.and_then(|aliases| aliases.get(alias)) else {
        let names = aliases.into_iter().flatten().map(|(name, _)| name.as_str());
        let hint = closest(alias, names).map(|meant| format!("did you mean `{meant}`?"));
        return Some((format!("the function `{function}` has no alias `{alias}`"), hint));
    };
    if attribute == "url" && said.url.is_none() {
        let text = format!("the alias `{alias}` of `{function}` has no URL");
        return Some((text, Some("give it one: `url: {auth: aws_iam}`".to_owned())));
    }
    if OF_ALIASES.iter().any(|(known, _)| *known == attribute) {
        return None;
    }
    let known: Vec<_> = OF_ALIASES.iter().map(|(known, _)| format!("`{known}`")).collect();
    let text = format!("an alias has no `{attribute}`");
    Some((text, Some(format!("it has {}", known.join(", ")))))
}

/// The marks in a text: what is known of the account, and references.
pub(super) fn marks(text: &str) -> impl Iterator<Item = &str> {
    text.split(MARK)
        .skip(1)
        .filter_map(|part| part.split_once(END).map(|(mark, _)| mark))
}

/// True for a text with a reference in it, which nothing can be said of before the deploy.
pub(super) fn refers(text: &str) -> bool {
    marks(text).any(is_reference)
}

/// The text with what is known of the account put in.
pub(super) fn at_home(text: &str, account: &Account) -> String {
    let known = [
        ("account", &account.account),
        ("region", &account.region),
        ("partition", &account.partition),
    ];
    known.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("{MARK}{name}{END}"), value)
    })
}

/// The text as a template: its references, put together with what stands around them. They have been checked.
pub(super) fn template(text: &str, account: &Account) -> Template {
    let mut parts: Vec<Template> = Vec::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once(MARK) {
        let Some((mark, after)) = from.split_once(END) else {
            break;
        };
        if !before.is_empty() {
            parts.push(Template::Lit(json!(before)));
        }
        parts.extend(referred(mark, account));
        rest = after;
    }
    if !rest.is_empty() || parts.is_empty() {
        parts.push(Template::Lit(json!(rest)));
    }
    match parts.len() {
        1 => parts.remove(0),
        _ => Template::Join(parts),
    }
}

/// What a mark stands for.
fn referred(mark: &str, account: &Account) -> Vec<Template> {
    let section = mark.split('.').next().unwrap_or_default();
    let known = SECTIONS.iter().find(|(known, ..)| *known == section);
    let rest = mark
        .get(section.len() + 1..)
        .and_then(|rest| rest.rsplit_once('.'));
    let (Some((_, kind, attributes)), Some((name, attribute))) = (known, rest) else {
        return Vec::new();
    };
    let alias = alias_in(section, name);
    let attributes = if alias.is_some() { &OF_ALIASES } else { *attributes };
    let output = attributes.iter().find(|(known, _)| *known == attribute);
    let output = output.map_or("arn", |(_, output)| output);
    // The address of an API is that of its stage; a function has one beside it.
    let kind = match (*kind, output) {
        ("lambda_function", "url") => "function_url",
        ("lambda_function", _) if alias.is_some() => "lambda_alias",
        ("lambda_function", "version" | "version_arn") => "lambda_version",
        ("rest_api", "url") => "api_stage",
        ("websocket_api", "url") => "websocket_stage",
        (kind, _) => kind,
    };
    let name = alias.map_or_else(
        || name.to_owned(),
        |(function, alias)| format!("{function}/{alias}"),
    );
    let output = output.strip_prefix("version_").unwrap_or(output);
    let value = Template::reference(ResourceId::new(Kind::new(kind), name), output);
    match attribute {
        "invocation_uri" => vec![
            Template::Lit(json!(invocation_prefix(&account.partition, &account.region))),
            value,
            Template::Lit(json!(INVOCATION_SUFFIX)),
        ],
        _ => vec![value],
    }
}
