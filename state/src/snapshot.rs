//! The state at the last commit.
//!
//! A snapshot that an older grail wrote is upgraded, one version at a time, by pure functions over its JSON
//! ([`Snapshot::read`]); one of a newer grail, and one of another stack, are refused and left as they are. That the account
//! and region are the right ones ([`Snapshot::home`]) is the caller's to check: only it knows the current ones.
//!
//! The written form is JSON for people, whose first member `sum` is a checksum over all that follows its line. Of what is
//! altered by a broken disk, or cut off, nothing is believed: a handle that is wrong by one letter names a thing that does not
//! exist, and would be made a second time. Earlier grails wrote no `sum`, and that is still read; who changes the file by hand
//! takes the line with `sum` out.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::{Digest, checksum};
use crate::id::{ResourceId, StackId};
use crate::journal::{Doomed, Prune, Seq};
use crate::older::set_prunings_apart;
use crate::record::Record;
use crate::store::StoreError;

mod copies;
mod edit;
mod succession;

pub use copies::{keep_copy, read_copy, write_copy};
pub use edit::{EditError, Forgotten};
pub use succession::NoSuccessor;

/// The schema version that this build writes. Older ones are upgraded when read, newer ones are refused.
pub const SCHEMA: u32 = 2;

/// Turns a document of one schema version into the next. Sees the document as it was written, not as today's types.
type Upgrade = fn(Value) -> Result<Value, String>;

/// The way from version 1 to [`SCHEMA`]: the function at index `n` upgrades version `n + 1`. A new version of the schema
/// raises [`SCHEMA`] by one and appends one function here; nothing else changes.
const UPGRADES: &[Upgrade] = &[|mut document| {
    set_prunings_apart(&mut document, "doomed")?;
    Ok(document)
}];

/// How the written form begins: before its checksum, and between that and all the rest.
const OPENING: &[u8] = b"{\n  \"sum\": \"";
const CLOSING: &[u8] = b"\",\n";
/// How JSON for people begins.
const OPENED: &[u8] = b"{\n";

/// The members that it has besides its checksum. A checksum of which the name is damaged is none of them.
const MEMBERS: &[&str] = &[
    "schema",
    "stack",
    "home",
    "records",
    "doomed",
    "prune",
    "protected",
    "projections",
    "folded",
    "committed",
];

/// How many hashes of Chalice's file are kept, to know a stale checkout from a foreign deploy (design 8).
pub const KEPT_PROJECTIONS: usize = 100;

/// What is known of a stack at its last commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Schema version of this document.
    pub schema: u32,
    /// The stack that it describes.
    pub stack: StackId,
    /// The account and region that the stack lives in, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<Home>,
    /// Every resource that exists and is ours.
    pub records: BTreeMap<ResourceId, Record>,
    /// Things that should be gone and are not yet: the next `deploy` or `delete` goes on with them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doomed: Vec<Doomed>,
    /// What is to go from things that stay, and has not yet: the next `deploy` goes on with it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prune: BTreeMap<ResourceId, Prune>,
    /// Those of the records that no deploy and no delete may end.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub protected: BTreeSet<ResourceId>,
    /// Hashes of the forms of Chalice's file that we wrote, newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub projections: Vec<Digest>,
    /// The epoch and the number of the next journal entry after those folded in: older entries are history.
    #[serde(default)]
    pub folded: Folded,
    /// When it was committed, by the clock of the machine that did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed: Option<Timestamp>,
}

/// An AWS account and region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Home {
    /// Twelve digits.
    pub account: String,
    /// Such as `eu-west-1`.
    pub region: String,
}

/// Up to where the journal is folded into a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Folded {
    /// One holding of the lock.
    pub epoch: u64,
    /// The first number in that epoch that is not folded in.
    pub seq: Seq,
}

impl Snapshot {
    /// The state of a stack of which nothing is known.
    pub fn empty(stack: StackId) -> Self {
        Self {
            schema: SCHEMA,
            stack,
            home: None,
            records: BTreeMap::new(),
            doomed: Vec::new(),
            prune: BTreeMap::new(),
            protected: BTreeSet::new(),
            projections: Vec::new(),
            folded: Folded::default(),
            committed: None,
        }
    }

    /// Reads the written form, upgraded where an older grail wrote it. `what` names the file or object in errors.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::TooNew`], and [`StoreError::OtherStack`] if it describes another stack than
    /// `expected`.
    pub fn read(text: &[u8], what: &str, expected: &StackId) -> Result<Self, StoreError> {
        let corrupt = |why: String| StoreError::Corrupt {
            what: what.to_owned(),
            why,
        };
        let summed = check_sum(text).map_err(corrupt)?;
        let document: Value = serde_json::from_slice(text).map_err(|error| corrupt(error.to_string()))?;
        let strange = document.as_object().and_then(unknown).cloned();
        let document = upgraded(document, what, UPGRADES)?;
        if let (false, Some(member)) = (summed, strange) {
            return Err(corrupt(format!(
                "it does not begin with its checksum, and no grail writes `{member}`"
            )));
        }
        let snapshot: Self = serde_json::from_value(document).map_err(|error| corrupt(error.to_string()))?;
        snapshot.check_stack(what, expected)?;
        Ok(snapshot)
    }

    /// Refuses the state of another stack than `expected`.
    pub(crate) fn check_stack(&self, what: &str, expected: &StackId) -> Result<(), StoreError> {
        if self.stack == *expected {
            return Ok(());
        }
        Err(StoreError::OtherStack {
            what: what.to_owned(),
            found: self.stack.clone(),
            expected: expected.clone(),
        })
    }

    /// The written form: JSON as people read it, behind its checksum and with one final line break.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it has no form in JSON, which no snapshot that was read or folded has.
    pub fn to_text(&self, what: &str) -> Result<Vec<u8>, StoreError> {
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| StoreError::Corrupt {
            what: what.to_owned(),
            why: error.to_string(),
        })?;
        text.push(b'\n');
        let rest = text.strip_prefix(OPENED).unwrap_or(&text);
        Ok([OPENING, checksum(rest).as_bytes(), CLOSING, rest].concat())
    }

    /// Forgets what is said of things that are not recorded, or are others by now.
    pub fn keep_to_records(&mut self) {
        let records = &self.records;
        self.protected.retain(|id| records.contains_key(id));
        self.prune.retain(|id, prune| {
            let record = records.get(id);
            record.is_some_and(|record| record.handle == prune.handle)
        });
    }

    /// Remembers a form of Chalice's file that we wrote, as the newest, and forgets the oldest beyond [`KEPT_PROJECTIONS`].
    pub fn remember_projection(&mut self, projection: Digest) {
        self.projections.retain(|known| *known != projection);
        self.projections.push(projection);
        let surplus = self.projections.len().saturating_sub(KEPT_PROJECTIONS);
        self.projections.drain(..surplus);
    }
}

/// True if the text begins with a checksum, which fits; false if it does not begin with one.
fn check_sum(text: &[u8]) -> Result<bool, String> {
    let Some(rest) = text.strip_prefix(OPENING) else {
        return Ok(false);
    };
    let end = rest.iter().position(|byte| *byte == b'"').unwrap_or(rest.len());
    let (sum, rest) = rest.split_at(end);
    match rest.strip_prefix(CLOSING) {
        Some(rest) if checksum(rest).as_bytes() == sum => Ok(true),
        _ => Err("it does not fit its checksum".to_owned()),
    }
}

/// A member that no grail writes.
fn unknown(document: &serde_json::Map<String, Value>) -> Option<&String> {
    document.keys().find(|member| !MEMBERS.contains(&member.as_str()))
}

fn upgraded(mut document: Value, what: &str, upgrades: &[Upgrade]) -> Result<Value, StoreError> {
    let corrupt = |why: String| StoreError::Corrupt {
        what: what.to_owned(),
        why,
    };
    let known = u32::try_from(upgrades.len() + 1).unwrap_or(u32::MAX);
    let found = document.get("schema").and_then(Value::as_u64).unwrap_or(0);
    if found == 0 {
        return Err(corrupt("it names no schema version".to_owned()));
    }
    let found = u32::try_from(found).unwrap_or(u32::MAX);
    if found > known {
        return Err(StoreError::TooNew {
            what: what.to_owned(),
            found,
            known,
        });
    }
    for (version, upgrade) in (1..).zip(upgrades).skip_while(|(version, _)| *version < found) {
        document = upgrade(document).map_err(|why| {
            corrupt(format!(
                "it cannot be upgraded from schema version {version}: {why}"
            ))
        })?;
        if let Some(object) = document.as_object_mut() {
            object.insert("schema".to_owned(), Value::from(version + 1));
        }
    }
    Ok(document)
}

/// Which snapshot was read: a compare-and-swap succeeds only on the one it names. Opaque; `None` is "there was none".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Version(pub Option<String>);

impl Version {
    /// The version of the snapshot with this written form.
    pub fn of_text(text: &[u8]) -> Self {
        Self(Some(Digest::of(text).0))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stack() -> StackId {
        StackId {
            app: "shop".into(),
            stage: "dev".into(),
        }
    }

    #[test]
    fn there_is_one_upgrade_for_each_version_but_the_newest() {
        assert_eq!(UPGRADES.len() + 1, SCHEMA as usize);
    }

    #[test]
    fn a_snapshot_survives_its_written_form() {
        let mut snapshot = Snapshot::empty(stack());
        snapshot.home = Some(Home {
            account: "123456789012".into(),
            region: "eu-west-1".into(),
        });
        snapshot.remember_projection(Digest::of(b"x"));
        let text = snapshot.to_text("state.json").unwrap();
        assert_eq!(Snapshot::read(&text, "state.json", &stack()).unwrap(), snapshot);
        assert_ne!(Version::of_text(&text), Version::default());
    }

    #[test]
    fn the_first_form_stays_readable() {
        // As version 1 wrote it. Never change this text: a later version adds another beside it.
        let text = br#"{"schema": 1, "stack": {"app": "shop", "stage": "dev"},
            "home": {"account": "123456789012", "region": "eu-west-1"},
            "records": {"lambda_function.worker": {"handle": "arn:aws:lambda:eu-west-1:123456789012:function:shop-dev-worker",
                "spec": {"memory": 128}, "outputs": {"name": "shop-dev-worker"}, "depends_on": ["iam_role.default-role"], "rank": 2}},
            "projections": ["00"], "folded": {"epoch": 3, "seq": 7}, "committed": "2026-01-02T03:04:05Z"}"#;
        let snapshot = Snapshot::read(text, "state.json", &stack()).unwrap();
        assert_eq!(snapshot.folded, Folded { epoch: 3, seq: 7 });
        assert_eq!(
            snapshot.records["lambda_function.worker".parse().as_ref().unwrap()].rank,
            2
        );
    }

    #[test]
    fn what_stood_among_deletions_and_stays_is_read_as_what_stays() {
        // As version 1 wrote it, checksum and all. Never change this text.
        let text = r#"{
  "sum": "SUM",
  "schema": 1,
  "stack": {
    "app": "shop",
    "stage": "dev"
  },
  "records": {
    "iam_role.r": {
      "handle": "r",
      "spec": {},
      "outputs": {},
      "depends_on": [],
      "rank": 0
    }
  },
  "doomed": [
    {
      "id": "iam_role.old",
      "handle": "old",
      "spec": {},
      "outputs": {},
      "depends_on": [],
      "rank": 0
    },
    {
      "id": "iam_role.r",
      "handle": "r",
      "spec": {},
      "outputs": {},
      "depends_on": [],
      "rank": 0,
      "children": [
        "policy theirs"
      ]
    }
  ],
  "folded": {
    "epoch": 3,
    "seq": 7
  }
}
"#;
        let rest = text.split_once(CLOSING_TEXT).unwrap().1;
        let text = text.replace("SUM", &checksum(rest.as_bytes()));
        let snapshot = Snapshot::read(text.as_bytes(), "state.json", &stack()).unwrap();
        assert_eq!(snapshot.schema, SCHEMA);
        let doomed: Vec<_> = snapshot.doomed.iter().map(|one| one.handle.0.as_str()).collect();
        assert_eq!(doomed, ["old"]);
        let (id, prune) = snapshot.prune.first_key_value().unwrap();
        assert_eq!(
            (id.to_string().as_str(), prune.handle.0.as_str()),
            ("iam_role.r", "r")
        );
        assert_eq!(prune.children, ["policy theirs"]);
        // Written in the form of now, it is the same, and a grail of before refuses it.
        let text = snapshot.to_text("state.json").unwrap();
        assert_eq!(Snapshot::read(&text, "state.json", &stack()).unwrap(), snapshot);
        let document: Value = serde_json::from_slice(&text).unwrap();
        let refused = upgraded(document, "state.json", &[]);
        assert!(matches!(
            refused,
            Err(StoreError::TooNew {
                found: 2,
                known: 1,
                ..
            })
        ));
    }

    #[test]
    fn every_member_can_stand_without_a_checksum() {
        let mut snapshot = summed().0;
        let id: ResourceId = "iam_role.r".parse().unwrap();
        snapshot.protected.insert(id.clone());
        let prune = Prune {
            handle: crate::Handle("r".into()),
            children: vec!["policy theirs".into()],
        };
        snapshot.prune.insert(id, prune);
        let text = String::from_utf8(snapshot.to_text("state.json").unwrap()).unwrap();
        let lines = text
            .split_inclusive('\n')
            .filter(|line| !line.contains("\"sum\""));
        let without: String = lines.collect();
        assert_eq!(
            Snapshot::read(without.as_bytes(), "state.json", &stack()).unwrap(),
            snapshot
        );
    }

    /// As version 1 wrote it. Never change this text.
    const SUMMED_BEFORE: &str = r#"{
  "sum": "SUM",
  "schema": 1,
  "stack": {
    "app": "shop",
    "stage": "dev"
  },
  "records": {},
  "folded": {
    "epoch": 3,
    "seq": 7
  }
}
"#;

    /// As this build writes it. Never change this text.
    const SUMMED: &str = r#"{
  "sum": "SUM",
  "schema": 2,
  "stack": {
    "app": "shop",
    "stage": "dev"
  },
  "records": {},
  "folded": {
    "epoch": 3,
    "seq": 7
  }
}
"#;

    fn summed() -> (Snapshot, Vec<u8>) {
        let mut snapshot = Snapshot::empty(stack());
        snapshot.folded = Folded { epoch: 3, seq: 7 };
        let text = snapshot.to_text("state.json").unwrap();
        (snapshot, text)
    }

    #[test]
    fn the_form_with_a_checksum_stays_readable() {
        let (snapshot, text) = summed();
        let rest = SUMMED.split_once(CLOSING_TEXT).unwrap().1;
        let expected = SUMMED.replace("SUM", &checksum(rest.as_bytes()));
        assert_eq!(String::from_utf8(text).unwrap(), expected);
        for text in [SUMMED, SUMMED_BEFORE] {
            let rest = text.split_once(CLOSING_TEXT).unwrap().1;
            let text = text.replace("SUM", &checksum(rest.as_bytes()));
            let read = Snapshot::read(text.as_bytes(), "state.json", &stack()).unwrap();
            assert_eq!(read, snapshot);
        }
    }

    const CLOSING_TEXT: &str = "SUM\",\n";

    #[test]
    fn no_flipped_bit_and_no_cut_goes_unseen() {
        let (_, text) = summed();
        let read = |text: &[u8]| Snapshot::read(text, "state.json", &stack());
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut flipped = text.clone();
                flipped[at] ^= 1 << bit;
                let refused = read(&flipped);
                assert!(
                    matches!(refused, Err(StoreError::Corrupt { .. })),
                    "bit {bit} of byte {at}: {refused:?}"
                );
            }
            let refused = read(&text[..at]);
            assert!(
                matches!(refused, Err(StoreError::Corrupt { .. })),
                "cut at {at}: {refused:?}"
            );
        }
    }

    #[test]
    fn a_form_changed_by_hand_is_read_once_its_checksum_is_taken_out() {
        let (mut snapshot, text) = summed();
        let changed = String::from_utf8(text)
            .unwrap()
            .replace("\"seq\": 7", "\"seq\": 8");
        let read = |text: &str| Snapshot::read(text.as_bytes(), "state.json", &stack());
        let refused = read(&changed).unwrap_err().to_string();
        assert_eq!(refused, "state.json is damaged: it does not fit its checksum");
        let without: String = changed
            .split_inclusive('\n')
            .filter(|line| !line.contains("\"sum\""))
            .collect();
        snapshot.folded.seq = 8;
        assert_eq!(read(&without).unwrap(), snapshot);
        // What is written anew by another tool has a checksum that fits no more.
        let value: Value = serde_json::from_str(&changed).unwrap();
        let refused = read(&value.to_string()).unwrap_err().to_string();
        assert!(refused.contains("does not begin with its checksum"), "{refused}");
    }

    #[test]
    fn older_documents_go_through_every_step_and_newer_ones_through_none() {
        let chain: &[Upgrade] = &[
            |mut document| {
                document["b"] = document["a"].take();
                Ok(document)
            },
            |mut document| {
                document["c"] = json!([document["b"].as_str().ok_or("`b` is no text")?]);
                Ok(document)
            },
        ];
        let up = |document| upgraded(document, "state.json", chain);
        assert_eq!(
            up(json!({"schema": 1, "a": "x"})).unwrap(),
            json!({"schema": 3, "a": null, "b": "x", "c": ["x"]})
        );
        assert_eq!(
            up(json!({"schema": 2, "b": "x"})).unwrap(),
            json!({"schema": 3, "b": "x", "c": ["x"]})
        );
        assert_eq!(up(json!({"schema": 3})).unwrap(), json!({"schema": 3}));
        assert_eq!(
            up(json!({"schema": 2, "b": 1})).unwrap_err().to_string(),
            "state.json is damaged: it cannot be upgraded from schema version 2: `b` is no text"
        );
        assert!(matches!(
            up(json!({"schema": 4})),
            Err(StoreError::TooNew {
                found: 4,
                known: 3,
                ..
            })
        ));
        for bad in [json!({}), json!({"schema": "1"}), json!({"schema": 0}), json!([])] {
            assert!(matches!(up(bad), Err(StoreError::Corrupt { .. })));
        }
    }

    #[test]
    fn the_state_of_another_stack_is_refused_by_both_names() {
        let other = StackId {
            app: "blog".into(),
            stage: "dev".into(),
        };
        let text = Snapshot::empty(other).to_text("state.json").unwrap();
        let error = Snapshot::read(&text, "state.json", &stack()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "state.json is the state of blog-dev, and this is shop-dev"
        );
    }

    #[test]
    fn only_the_last_projections_are_kept() {
        let mut snapshot = Snapshot::empty(stack());
        for number in 0..KEPT_PROJECTIONS + 5 {
            snapshot.remember_projection(Digest(number.to_string()));
        }
        snapshot.remember_projection(Digest("50".into()));
        assert_eq!(snapshot.projections.len(), KEPT_PROJECTIONS);
        assert_eq!(snapshot.projections.first().unwrap().0, "5");
        assert_eq!(snapshot.projections.last().unwrap().0, "50");
        assert_eq!(
            snapshot
                .projections
                .iter()
                .filter(|known| known.0 == "50")
                .count(),
            1
        );
    }
}
