//! What must hold when a case is over.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::site::Site;
use super::story::{Chapter, Story};
use crate::difference::difference;
use crate::world::World;

/// What a place comes to: the account, Chalice's file, grail's own memory.
#[derive(Debug)]
pub(super) struct Kept {
    world: World,
    record: Option<String>,
    /// The handle of each resource that is recorded, ids replaced by words.
    names: BTreeMap<String, String>,
}

impl Kept {
    /// As it is now.
    pub(super) fn at(site: &Site) -> Kept {
        let world = site.world();
        let (snapshot, _) = site.memory();
        Kept {
            names: names(&snapshot, &world),
            record: site.record(),
            world,
        }
    }
}

/// The story came to its end: everything is as after an undisturbed run, and the next run has nothing to do.
pub(super) fn as_desired(site: &Site, story: &Story) -> Result<(), String> {
    same(site, "undisturbed", &story.after)?;
    site.proxy.forget_calls();
    let words: &[&str] = match story.chapter {
        Chapter::Delete => &["delete"],
        Chapter::First | Chapter::Update => &["deploy"],
    };
    is_at_rest(site, words)
}

/// Everything is as it was before the story, and nothing is open.
pub(super) fn as_before(site: &Site, story: &Story) -> Result<(), String> {
    same(site, "before", &story.before)?;
    let (was, is) = (lasting(&story.before.world), lasting(&site.world()));
    expect_same("ids that last, before", &was, &is)
}

/// The account is what the deployed subject was, whatever happened between.
pub(super) fn as_deployed(site: &Site, story: &Story) -> Result<(), String> {
    same(site, "deployed", &story.before)?;
    is_at_rest(site, &["deploy"])
}

/// Nothing is left of the subject. A log group stays for its logs, without its retention.
pub(super) fn nothing_is_left(site: &Site, story: &Story) -> Result<(), String> {
    let (before, mut now) = (story.bare.comparable(), site.world().comparable());
    let kept = now["log_groups"].as_object().cloned().unwrap_or_default();
    for (name, group) in kept {
        let retention = &group["retention_days"];
        if !retention.is_null() {
            return Err(format!(
                "the log group {name} keeps its retention of {retention} days"
            ));
        }
    }
    now["log_groups"] = before["log_groups"].clone();
    expect_same("before anything", &before, &now)?;
    let (snapshot, journal) = site.memory();
    let names = names(&snapshot, &site.world());
    if !names.is_empty() || journal != 0 {
        return Err(format!("still recorded: {names:?}, {journal} lines of journal"));
    }
    is_at_rest(site, &["delete"])
}

fn is_at_rest(site: &Site, words: &[&str]) -> Result<(), String> {
    site.proxy.forget_calls();
    let run = site.run(words)?;
    let writes = site.proxy.calls().writes();
    if run.code != Some(0) || !writes.is_empty() {
        return Err(format!(
            "`{}` has something to do: {:?}\n{run}",
            words.join(" "),
            writes.names()
        ));
    }
    Ok(())
}

fn same(site: &Site, whose: &str, wanted: &Kept) -> Result<(), String> {
    let now = Kept::at(site);
    expect_same(whose, &wanted.world.comparable(), &now.world.comparable())?;
    if now.record != wanted.record {
        let [wanted, now] = [&wanted.record, &now.record].map(|text| text.clone().unwrap_or_default());
        return Err(format!("Chalice's file, {whose}:\n{wanted}\nnow:\n{now}"));
    }
    if now.names != wanted.names {
        return Err(format!(
            "recorded, {whose}:\n{:#?}\nnow:\n{:#?}",
            wanted.names, now.names
        ));
    }
    let (snapshot, journal) = site.memory();
    if journal != 0 {
        return Err(format!("the journal has {journal} lines"));
    }
    recorded_is_there(&snapshot, &now.world)
}

/// Every id of a server's making in the snapshot's handles stands in the account.
fn recorded_is_there(snapshot: &Value, world: &World) -> Result<(), String> {
    let account = world.exact().to_string();
    let doomed = snapshot["doomed"].as_array().map_or(0, Vec::len);
    if doomed != 0 {
        return Err(format!("{doomed} things still wait for their deletion"));
    }
    for (id, handle) in handles(snapshot) {
        let ids = handle.split(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '-'));
        for part in ids.filter(|part| is_uuid(part)) {
            if !account.contains(part) {
                return Err(format!("{id} is recorded as {handle}, which is not there"));
            }
        }
    }
    Ok(())
}

fn names(snapshot: &Value, world: &World) -> BTreeMap<String, String> {
    let spoken = handles(snapshot).into_iter().map(|(id, handle)| {
        let words = world.in_words(&handle);
        let parts = words.split_inclusive(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '-'));
        let bare: String = parts
            .map(|part| {
                let end = part.trim_end_matches(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '-'));
                if is_uuid(end) {
                    part.replace(end, "<uuid>")
                } else {
                    part.to_owned()
                }
            })
            .collect();
        (id, bare)
    });
    spoken.collect()
}

fn handles(snapshot: &Value) -> BTreeMap<String, String> {
    let records = snapshot["records"].as_object().into_iter().flatten();
    let each = records.map(|(id, record)| {
        let handle = record["handle"].as_str().unwrap_or_default();
        (id.clone(), handle.to_owned())
    });
    each.collect()
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.chars().all(|sign| sign == '-' || sign.is_ascii_hexdigit())
}

/// Ids that no way back may change, because what has them can never be made again as it was: APIs, versions of layers,
/// names under which domains are reached, positions in streams.
fn lasting(world: &World) -> Value {
    let mut ids = serde_json::Map::new();
    for section in [
        "rest_apis",
        "websocket_apis",
        "domains",
        "layers",
        "event_sources",
    ] {
        let things = world.exact()[section].as_object().into_iter().flatten();
        for (name, thing) in things.filter(|(name, _)| !name.contains(":sqs:")) {
            let mut found = BTreeSet::new();
            collect_ids(thing, &mut found);
            ids.insert(format!("{section} {name}"), found.into_iter().collect());
        }
    }
    Value::Object(ids)
}

fn collect_ids(thing: &Value, found: &mut BTreeSet<String>) {
    const IDS: [&str; 5] = ["id", "uuid", "arn", "target", "distribution"];
    match thing {
        Value::Object(fields) => {
            let identity = fields.get("identity").and_then(Value::as_object);
            for (key, value) in identity.into_iter().flatten() {
                if let (true, Some(text)) = (IDS.contains(&key.as_str()), value.as_str()) {
                    found.insert(format!("{key} {text}"));
                }
            }
            fields.values().for_each(|inner| collect_ids(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| collect_ids(inner, found)),
        _ => {}
    }
}

fn expect_same(whose: &str, wanted: &Value, now: &Value) -> Result<(), String> {
    let lines = difference(wanted, now);
    if lines.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{whose} (first) and now (second) differ:\n{}",
        lines.join("\n")
    ))
}
