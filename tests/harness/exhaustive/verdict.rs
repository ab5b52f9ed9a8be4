//! What must hold when a case is over.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::site::Site;
use super::story::{Chapter, Story};
use crate::difference::difference;
use crate::world::World;

/// What a place comes to: the account, Chalice's file, grail's own memory.
#[derive(Debug)]
pub(super) struct Kept {
    world: World,
    /// Chalice's file, ids replaced by words.
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
            record: site.record().map(|text| world.in_words(&text)),
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

/// Everything is as it was `before` the story, and nothing is open.
pub(super) fn as_before(site: &Site, before: &Kept) -> Result<(), String> {
    let now = same_but_for_logs(site, "before", before)?;
    let (was, is) = (lasting(&before.world), lasting(&now.world));
    expect_same("ids that last, before", &was, &is)
}

/// The account is what the deployed subject was, whatever happened between.
pub(super) fn as_deployed(site: &Site, story: &Story) -> Result<(), String> {
    same_but_for_logs(site, "deployed", &story.before)?;
    is_at_rest(site, &["deploy"])
}

/// Nothing is left of the subject.
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

fn forget_ages(world: &mut Value) {
    for api in world["websocket_apis"]
        .as_object_mut()
        .into_iter()
        .flat_map(|apis| apis.values_mut())
    {
        for stage in api["stages"]
            .as_object_mut()
            .into_iter()
            .flat_map(|stages| stages.values_mut())
        {
            stage["serves"] = Value::Null;
        }
    }
}

/// An account without the log groups that were not there before and have no retention: a group stays for its logs.
fn without_kept_logs(before: &Value, mut now: Value) -> Value {
    if let Some(groups) = now["log_groups"].as_object_mut() {
        groups.retain(|name, group| {
            !before["log_groups"][name].is_null() || !group["retention_days"].is_null()
        });
    }
    now
}

fn same(site: &Site, whose: &str, wanted: &Kept) -> Result<(), String> {
    let now = Kept::at(site);
    expect_same(whose, &wanted.world.comparable(), &now.world.comparable())?;
    same_memory(site, whose, wanted, &now)
}

fn same_but_for_logs(site: &Site, whose: &str, wanted: &Kept) -> Result<Kept, String> {
    let now = Kept::at(site);
    let (mut world, mut is) = (wanted.world.comparable(), now.world.comparable());
    // A deployment that nobody is shown any more may stay: which one is shown is compared by its id.
    forget_ages(&mut world);
    forget_ages(&mut is);
    let is = without_kept_logs(&world, is);
    expect_same(whose, &world, &is)?;
    same_memory(site, whose, wanted, &now)?;
    Ok(now)
}

fn same_memory(site: &Site, whose: &str, wanted: &Kept, now: &Kept) -> Result<(), String> {
    let texts = [&wanted.record, &now.record].map(|text| json!({ "Chalice's file": text }));
    expect_same(whose, &texts[0], &texts[1])?;
    expect_same(whose, &json!(wanted.names), &json!(now.names))?;
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

/// Handles by resource, without what the server chose.
fn names(snapshot: &Value, world: &World) -> BTreeMap<String, String> {
    let spoken = handles(snapshot).into_iter().map(|(id, handle)| {
        let words = world.in_words(&handle);
        let parts = words.split_inclusive([':', '/']).map(|part| {
            let bare = part.trim_end_matches([':', '/']);
            match bare.rsplit_once('-') {
                _ if is_uuid(bare) => part.replace(bare, "<uuid>"),
                // The statement of an API's permission is named after the API's id.
                Some((name, digest)) if bare.starts_with("grail-") && is_hexadecimal(digest) => {
                    format!("{name}-<digest>")
                }
                _ => part.to_owned(),
            }
        });
        (id, parts.collect())
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
    lengths == [8, 4, 4, 4, 12] && text.split('-').all(is_hexadecimal)
}

fn is_hexadecimal(text: &str) -> bool {
    text.chars().all(|sign| sign.is_ascii_hexdigit())
}

/// Ids that no way back may change, because what has them can never be made again as it was: those of APIs and of the
/// deployments that they show, versions of layers, names under which domains are reached, positions in streams.
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
            let identity = |thing: &Value| -> Value {
                let kept = thing["identity"].as_object().into_iter().flatten();
                let kept =
                    kept.filter(|(key, _)| !["description", "deployments", "mark"].contains(&key.as_str()));
                kept.map(|(key, value)| (key.clone(), value.clone())).collect()
            };
            let parts = ["stages", "versions"].map(|part| match &thing[part] {
                Value::Object(parts) => parts.values().map(identity).collect(),
                Value::Array(parts) => parts.iter().map(identity).collect(),
                _ => Value::Null,
            });
            ids.insert(format!("{section} {name}"), json!([identity(thing), parts]));
        }
    }
    Value::Object(ids)
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
