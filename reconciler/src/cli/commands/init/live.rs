//! A manifest of functions that are there.
//!
//! Each function keeps its name, its role, its layers: what the manifest says is what is there, so that taking the functions over
//! changes nothing but the tag that says whose they are. What calls them is not written: it stays as it is, and nobody's.

use std::collections::{BTreeMap, BTreeSet};

use grail_providers::aws::live::{LiveCode, LiveFunction, functions};
use serde_json::{Map, Value, json};

use crate::cli::pass::{Connected, Connection};
use crate::cli::refusal::Refusal;
use crate::cli::settings::Settings;
use crate::source::manifest::init;

/// What is told of it.
pub(super) const SAID: &str = "The functions stay whoever's they are until `grail deploy --adopt NAME` takes them over; \
    `grail plan --adopt NAME` shows what would change. Values of their environment stand in it as they are: put `${env:NAME}` \
    in the place of secrets.";

/// Tags by which tools know their functions.
const OF_TOOLS: [&str; 2] = [grail_providers::OWNER_TAG, "aws-chalice"];

/// The files, by their names.
pub(super) async fn files(settings: &Settings, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, Refusal> {
    let app = app_name(prefix);
    let how = Connection {
        only_looks: true,
        ..Connection::default()
    };
    let connected = Connected::to(settings, &app, how).await?;
    let found = functions(&connected.cloud.context, prefix).await;
    let cannot = "the functions of the account cannot be read";
    let found = found.map_err(|failure| Refusal::new(cannot).because(failure))?;
    if found.is_empty() {
        let said = format!("there is no function whose name begins with `{prefix}`");
        return Err(Refusal::new(said).hint("the profile and the region say in which account and where"));
    }
    let names = logical_names(&found, prefix);
    let (mut files, mut sections) = (Vec::new(), Map::new());
    for (name, function) in names.into_iter().zip(found) {
        let mut section = section(&function);
        let code = match function.code {
            LiveCode::Zip(bytes) => {
                let file = format!("code/{name}.zip");
                files.push((file.clone(), bytes));
                json!(file)
            }
            LiveCode::Image {
                uri,
                entry_point,
                command,
                working_directory,
            } => {
                let image = [
                    ("uri", json!(uri)),
                    ("entry_point", filled(json!(entry_point))),
                    ("command", filled(json!(command))),
                    ("working_directory", filled(json!(working_directory))),
                ];
                json!({"image": said(image)})
            }
        };
        section.insert("code".to_owned(), code);
        sections.insert(name, Value::Object(section));
    }
    files.insert(
        0,
        (
            "grail.yaml".to_owned(),
            init::of_functions(&app, prefix, &sections).into_bytes(),
        ),
    );
    Ok(files)
}

/// A name that the application may have.
fn app_name(prefix: &str) -> String {
    let name = plain(prefix);
    let name = name.trim_matches(['-', '_']);
    if name.is_empty() {
        "app".to_owned()
    } else {
        name.chars().take(64).collect()
    }
}

fn plain(name: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    name.chars().map(|c| if legal(c) { c } else { '-' }).collect()
}

/// What follows the prefix, where something does and no other function comes to the same.
fn logical_names(found: &[LiveFunction], prefix: &str) -> Vec<String> {
    let short = |function: &LiveFunction| {
        let rest = function.name.strip_prefix(prefix).unwrap_or(&function.name);
        plain(rest.trim_start_matches(['-', '_']))
    };
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    for function in found {
        *uses.entry(short(function)).or_default() += 1;
    }
    let whole = |function: &LiveFunction| plain(&function.name);
    let name = |function| {
        let name = short(function);
        let alone = !name.is_empty() && uses.get(&name) == Some(&1);
        if alone { name } else { whole(function) }
    };
    let names: Vec<_> = found.iter().map(name).collect();
    // One that keeps its whole name may be what another one is called in short.
    match names.iter().collect::<BTreeSet<_>>().len() == names.len() {
        true => names,
        false => found.iter().map(whole).collect(),
    }
}

/// What is said of a function, but for its code.
fn section(function: &LiveFunction) -> Map<String, Value> {
    let own = function
        .tags
        .iter()
        .filter(|(key, _)| !key.starts_with("aws:") && !OF_TOOLS.contains(&key.as_str()));
    let (subnets, groups) = &function.network;
    let vpc = match subnets.is_empty() {
        true => Value::Null,
        false => json!({"subnets": subnets, "security_groups": groups}),
    };
    let unless = |value: Value, default: Value| if value == default { Value::Null } else { value };
    said([
        ("name", json!(function.name)),
        ("description", filled(json!(function.description))),
        ("runtime", filled(json!(function.runtime))),
        ("handler", filled(json!(function.handler))),
        ("role", json!(function.role)),
        ("timeout", json!(function.timeout)),
        ("memory", json!(function.memory)),
        (
            "ephemeral_storage",
            unless(json!(function.ephemeral_storage), json!(512)),
        ),
        (
            "architecture",
            unless(json!(function.architecture), json!("x86_64")),
        ),
        ("environment", filled(json!(function.environment))),
        ("layers", filled(json!(function.layers))),
        ("vpc", vpc),
        ("dead_letter", filled(json!(function.dead_letter))),
        ("tracing", unless(json!(function.tracing), json!(false))),
        ("reserved_concurrency", json!(function.reserved_concurrency)),
        ("snap_start", unless(json!(function.snap_start), json!(false))),
        ("tags", filled(json!(own.collect::<BTreeMap<_, _>>()))),
    ])
}

fn said<const N: usize>(entries: [(&str, Value); N]) -> Map<String, Value> {
    let entries = entries.into_iter().filter(|(_, value)| !value.is_null());
    entries.map(|(key, value)| (key.to_owned(), value)).collect()
}

/// What has something in it, or null.
fn filled(value: Value) -> Value {
    let empty = matches!(&value, Value::Object(entries) if entries.is_empty())
        || matches!(&value, Value::Array(items) if items.is_empty())
        || value == "";
    if empty { Value::Null } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(name: &str) -> LiveFunction {
        LiveFunction {
            name: name.to_owned(),
            ..LiveFunction::default()
        }
    }

    #[test]
    fn names_are_what_follows_the_prefix_unless_two_would_be_alike() {
        let found = ["shop-", "shop-a", "shop--a", "shop-b.c"].map(called);
        assert_eq!(
            logical_names(&found, "shop-"),
            ["shop-", "shop-a", "shop--a", "b-c"]
        );
        let found = ["shop", "shop-shop", "shop-b"].map(called);
        assert_eq!(logical_names(&found, "shop"), ["shop", "shop-shop", "shop-b"]);
        assert_eq!(app_name("shop-prod-"), "shop-prod");
        assert_eq!(app_name(""), "app");
    }
}
