//! Our notifications in a bucket's one document: read, merged, put, read again. S3 has no condition on the put, so what
//! others write between our read and our put is lost to them, as it is there.
//!
//! Ours are the entries that lead to a function of the wish or of what we recorded, and those with an id that we derived for
//! this stack. An entry keeps its id and its place; all others are put back as they were read. The document has a simple form here, without the spellings that S3 allows: the real
//! kind's own tests are about those.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::template::has_stand_in;
use grail_state::wire::Several;
use grail_state::{Kind, Proof, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cloud::Cloud;
use super::look::{names, seen, text};
use super::physics::{Progress, Refused, Written};
use super::world::{Entry, Notifications, World, function_name};
use crate::port::{Birth, Change, Cost, Failure, Lane, Locator, Removal, Resource, Seen, Sight, Undelete};

/// How often we merge anew when others overwrite us.
const TRIES: usize = 4;

pub(super) struct ModelNotification(pub(super) Cloud);

/// The form of our notifications in one bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    bucket: String,
    entries: BTreeMap<String, Wanted>,
}

/// One notification, by the name of its entry in Chalice's file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    function: String,
    events: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suffix: Option<String>,
}

impl Resource for ModelNotification {
    const KIND: Kind = Kind::new("s3_notification");
    const IMMUTABLE: &'static [&'static str] = &["bucket"];
    const UNDELETE: Undelete = Undelete::Exact;
    const ACTIONS: &'static [&'static str] = &[];
    const VOLATILE: &'static [&'static str] = &["entries"];
    const READS: Cost = Cost {
        each: 1,
        lists: 0,
        page: 0,
    };
    const WIRES: &'static [Wire] = &[Wire {
        handle: Some("bucket"),
        several: Some(Several {
            output: "entries",
            beside: "lambda_arn",
        }),
        ..Wire::to("s3_event")
    }];
    type Spec = Spec;

    fn lane(spec: &Value) -> Option<Lane> {
        Some(Lane(format!("s3:{}", spec.get("bucket")?.as_str()?)))
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let mut ours = Ours::default();
        ours.add_form(at.spec);
        ours.add_form(at.record.map(|record| &record.spec));
        ours.add_outputs(at.record.map(|record| &record.outputs));
        let natural = text(at.spec, "bucket").map(ToOwned::to_owned);
        let see = |world: &World, bucket: &str| see(world, bucket, &ours);
        self.0
            .find("GetBucketNotification", names(&at, natural), see)
            .await
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        self.merge(request.spec, Ours::default()).await
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let mut ours = Ours::default();
        ours.add_form(Some(request.have));
        ours.add_outputs(Some(request.outputs));
        self.merge(request.want, ours).await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let mut ours = Ours::default();
        ours.add_form(Some(request.spec));
        ours.add_outputs(Some(request.outputs));
        let nothing = Spec {
            bucket: request.handle.0.clone(),
            entries: BTreeMap::new(),
        };
        let mut progress = Progress::default();
        for _ in 0..TRIES {
            let Some(there) = self.read(&nothing.bucket, &progress).await? else {
                return Ok(());
            };
            let merged = merged(&there, &nothing, &ours);
            if merged == there {
                return Ok(());
            }
            progress.step(self.put(&nothing.bucket, merged).await)?;
        }
        Err(progress.gone(&nothing.bucket))
    }
}

impl ModelNotification {
    async fn merge(&self, want: &Spec, mut ours: Ours) -> Result<Seen<Spec>, Failure> {
        ours.add(want);
        let mut progress = Progress::default();
        for _ in 0..TRIES {
            let Some(there) = self.read(&want.bucket, &progress).await? else {
                return Err(progress.fail(Refused::NotFound(want.bucket.clone()).into()));
            };
            let merged = merged(&there, want, &ours);
            if merged == there {
                let found = sight(&want.bucket, &there, &ours);
                return found.ok_or_else(|| progress.gone(&want.bucket));
            }
            progress.step(self.put(&want.bucket, merged).await)?;
        }
        Err(progress.gone(&want.bucket))
    }

    async fn read(&self, bucket: &str, progress: &Progress) -> Result<Option<Notifications>, Failure> {
        let document = |world: &World| Some(world.buckets.get(bucket)?.notifications.clone());
        let read = self.0.read("GetBucketNotification", bucket, document).await;
        read.map_err(|failure| progress.fail(failure))
    }

    async fn put(&self, bucket: &str, document: Notifications) -> Result<(), Written> {
        let name = bucket.to_owned();
        self.0
            .write("PutBucketNotification", bucket, move |world, _| {
                acceptable(world, &name, &document)?;
                let bucket = world.buckets.get_mut(&name).ok_or(Refused::NotFound(name))?;
                bucket.notifications = document;
                Ok(())
            })
            .await
    }
}

/// What makes an entry ours: the function that it leads to, with the name that we have for it; or its id.
#[derive(Default)]
struct Ours(BTreeMap<String, String>);

impl Ours {
    /// Our name for an entry, if it is ours.
    fn name<'a>(&'a self, entry: &'a Entry) -> Option<&'a str> {
        let by_function = self.0.get(&entry.function).map(String::as_str);
        by_function.or_else(|| entry.id.strip_prefix(self.stem()?.as_str()))
    }

    /// What the ids that we derive begin with. Functions are named for application and stage.
    fn stem(&self) -> Option<String> {
        let mut parts = function_name(self.0.keys().next()?).splitn(3, '-');
        Some(format!("grail-{}-{}-", parts.next()?, parts.next()?))
    }

    fn add(&mut self, spec: &Spec) {
        for (name, wanted) in &spec.entries {
            self.0.insert(wanted.function.clone(), name.clone());
        }
    }

    /// A form of any age; stand-ins lead nowhere.
    fn add_form(&mut self, form: Option<&Value>) {
        let entries = form
            .and_then(|form| form.get("entries"))
            .and_then(Value::as_object);
        for (name, entry) in entries.into_iter().flatten() {
            self.add_named(name, entry.get("function"));
        }
    }

    fn add_outputs(&mut self, outputs: Option<&BTreeMap<String, Value>>) {
        let entries = outputs
            .and_then(|outputs| outputs.get("entries"))
            .and_then(Value::as_object);
        for (name, entry) in entries.into_iter().flatten() {
            self.add_named(name, entry.get("lambda_arn"));
        }
    }

    fn add_named(&mut self, name: &str, function: Option<&Value>) {
        let known = function
            .and_then(Value::as_str)
            .filter(|function| !has_stand_in(function));
        if let Some(function) = known {
            self.0
                .entry(function.to_owned())
                .or_insert_with(|| name.to_owned());
        }
    }
}

/// The document with our entries as wanted: each in its place, new ones at the end, unwanted ones gone.
fn merged(there: &Notifications, want: &Spec, ours: &Ours) -> Notifications {
    let mut wanted: BTreeMap<&str, &Wanted> = want
        .entries
        .values()
        .map(|one| (one.function.as_str(), one))
        .collect();
    let mut functions = Vec::new();
    for entry in &there.functions {
        match (wanted.remove(entry.function.as_str()), ours.name(entry).is_some()) {
            (Some(wanted), _) => functions.push(entry_of(wanted, entry.id.clone())),
            (None, true) => {}
            (None, false) => functions.push(entry.clone()),
        }
    }
    let fresh = want
        .entries
        .iter()
        .filter(|(_, one)| wanted.contains_key(one.function.as_str()));
    let stem = ours.stem().unwrap_or_default();
    functions.extend(fresh.map(|(name, one)| entry_of(one, format!("{stem}{name}"))));
    Notifications {
        functions,
        others: there.others.clone(),
    }
}

fn entry_of(wanted: &Wanted, id: String) -> Entry {
    Entry {
        id,
        function: wanted.function.clone(),
        events: wanted.events.clone(),
        prefix: wanted.prefix.clone(),
        suffix: wanted.suffix.clone(),
    }
}

/// S3 refuses entries that overlap, and new ones for functions that do not let it in.
fn acceptable(world: &World, bucket: &str, document: &Notifications) -> Result<(), Refused> {
    let there = world
        .buckets
        .get(bucket)
        .map(|bucket| &bucket.notifications.functions);
    for (place, entry) in document.functions.iter().enumerate() {
        let rest = document.functions.iter().skip(place + 1);
        if rest.into_iter().any(|other| entry.overlaps(other)) {
            return Err(Refused::Invalid(format!(
                "{} overlaps with another entry",
                entry.id
            )));
        }
        let is_new = there.is_none_or(|there| !there.contains(entry));
        if is_new && !lets_in(world, &entry.function, bucket) {
            let why = format!("unable to validate the destination {}", entry.function);
            return Err(Refused::Invalid(why));
        }
    }
    Ok(())
}

fn lets_in(world: &World, function: &str, bucket: &str) -> bool {
    let source = format!("arn:aws:s3:::{bucket}");
    let function = world.functions.get(function_name(function));
    function.is_some_and(|function| {
        let mut statements = function.policy.values();
        statements.any(|one| one["principal"] == "s3.amazonaws.com" && one["source_arn"] == source)
    })
}

fn see(world: &World, bucket: &str, ours: &Ours) -> Option<Seen<Spec>> {
    sight(bucket, &world.buckets.get(bucket)?.notifications, ours)
}

/// Nothing, if no entry is ours.
fn sight(bucket: &str, document: &Notifications, ours: &Ours) -> Option<Seen<Spec>> {
    let mut entries = BTreeMap::new();
    let mut doubled = BTreeSet::new();
    for entry in &document.functions {
        let Some(name) = ours.name(entry) else {
            continue;
        };
        let wanted = Wanted {
            function: entry.function.clone(),
            events: entry.events.clone(),
            prefix: entry.prefix.clone(),
            suffix: entry.suffix.clone(),
        };
        // Chalice may have left two for one function; the second shows as one too many.
        let name = if doubled.insert(name) {
            name.to_owned()
        } else {
            entry.id.clone()
        };
        entries.insert(name, wanted);
    }
    if entries.is_empty() {
        return None;
    }
    let told: BTreeMap<_, _> = entries
        .iter()
        .map(|(name, entry)| {
            (
                name.clone(),
                json!({"bucket": bucket, "lambda_arn": entry.function}),
            )
        })
        .collect();
    let spec = Spec {
        bucket: bucket.to_owned(),
        entries,
    };
    Some(seen(bucket, spec, [("entries", json!(told))], Proof::Ours))
}
