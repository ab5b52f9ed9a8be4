//! Two policy documents by meaning: what the new one allows that the old one did not.
//!
//! All that a document allows is what some statement allows and none denies. So the new document allows no more than the old
//! one if each thing that it allows was allowed by one statement before, on no harder condition, and each thing that was
//! denied still is, on no harder condition. Things are the elements of the product of actions, resources and principals,
//! as [`policy::canonical`] spells them; a negated list is one element. That one statement's element is covered by several old
//! ones together is not seen: it is told although nothing is gained. Nothing that is gained is ever passed over, except by what
//! lies outside both documents.

use std::collections::{BTreeMap, BTreeSet};

use grail_providers::policy;
use serde_json::{Map, Value};

use super::pattern::{covers, meets};

/// Operators of which a shorter list of values is the harder condition (IAM user guide, "Condition operators").
const ANY_OF: &[&str] = &[
    "StringEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "NumericEquals",
    "DateEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "ArnEquals",
    "ArnLike",
];

/// Operators of which a longer list of values is the harder condition.
const NONE_OF: &[&str] = &[
    "StringNotEquals",
    "StringNotEqualsIgnoreCase",
    "StringNotLike",
    "NumericNotEquals",
    "DateNotEquals",
    "NotIpAddress",
    "ArnNotEquals",
    "ArnNotLike",
];

/// What `new` allows and `old` did not, in sentences without a subject ("allows s3:GetObject on *"); empty if it allows no
/// more. Without an old document everything that the new one allows is more.
pub(super) fn gained(old: Option<&Value>, new: &Value) -> Vec<String> {
    if old.is_some_and(|old| policy::same_meaning(old, new)) {
        return Vec::new();
    }
    let had = match old.map(Document::read).transpose() {
        Ok(had) => had.unwrap_or_default(),
        Err(why) => return vec![incomparable("what was there", &why)],
    };
    let has = match Document::read(new) {
        Ok(has) => has,
        Err(why) => return vec![incomparable("what is wanted", &why)],
    };
    if had.version != has.version && !had.statements.is_empty() && [old, Some(new)].iter().any(uses_variables)
    {
        return vec![incomparable(
            "the two",
            "they are of different versions, and name variables",
        )];
    }
    let allowed = has.lacking_in(&had, true);
    let denied = had.lacking_in(&has, false);
    let told = |word: &'static str, lacking: Vec<String>| {
        lacking.into_iter().map(move |what| format!("{word} {what}"))
    };
    told("allows", allowed)
        .chain(told("no longer denies", denied))
        .collect()
}

fn incomparable(which: &str, why: &str) -> String {
    format!("may allow more: {which} cannot be compared ({why})")
}

fn uses_variables(document: &Option<&Value>) -> bool {
    document.is_some_and(|document| grail_state::digest::canonical(document).contains("${"))
}

#[derive(Default)]
struct Document {
    version: String,
    statements: Vec<Statement>,
}

struct Statement {
    allows: bool,
    actions: Vec<Element>,
    resources: Vec<Element>,
    /// `None` where the document belongs to an identity.
    who: Vec<Option<Element>>,
    condition: BTreeMap<(String, String), Value>,
}

/// One of a list, or a negated list as a whole.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Element {
    One(String),
    AllBut(BTreeSet<String>),
}

impl Document {
    fn read(document: &Value) -> Result<Self, String> {
        let strange = document.as_object().into_iter().flat_map(Map::keys);
        let known = ["Version", "Id", "Statement"];
        if let Some(key) = strange.into_iter().find(|key| !known.contains(&key.as_str())) {
            return Err(format!("`{key}` is not known"));
        }
        let canonical = policy::canonical(document);
        let fields = canonical.as_object().ok_or("it is no document")?;
        let statements = match fields.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().map(Statement::read).collect(),
            Some(_) => Err("its statements have no form that is known".to_owned()),
            None => Ok(Vec::new()),
        };
        Ok(Self {
            version: fields
                .get("Version")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            statements: statements?,
        })
    }

    /// What our statements that allow (or deny) name and none of `other`'s does, in words.
    fn lacking_in(&self, other: &Self, allows: bool) -> Vec<String> {
        let theirs: Vec<_> = other
            .statements
            .iter()
            .filter(|statement| statement.allows == allows)
            .collect();
        let ours = self.statements.iter().filter(|one| one.allows == allows);
        ours.flat_map(|statement| statement.lacking_in(&theirs)).collect()
    }
}

impl Statement {
    fn read(statement: &Value) -> Result<Self, String> {
        const KNOWN: [&str; 9] = [
            "Action",
            "Condition",
            "Effect",
            "NotAction",
            "NotPrincipal",
            "NotResource",
            "Principal",
            "Resource",
            "Sid",
        ];
        let fields = statement.as_object().ok_or("a statement is no object")?;
        if let Some(key) = fields.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            return Err(format!("`{key}` is not known"));
        }
        let allows = match fields.get("Effect").and_then(Value::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            _ => return Err("a statement neither allows nor denies".to_owned()),
        };
        let who = match (fields.get("Principal"), fields.get("NotPrincipal")) {
            (None, None) => vec![None],
            (Some(names), None) => principals(names)?
                .into_iter()
                .map(|who| Some(Element::One(who)))
                .collect(),
            (None, Some(names)) => vec![Some(Element::AllBut(principals(names)?))],
            (Some(_), Some(_)) => {
                return Err("a statement has both `Principal` and `NotPrincipal`".to_owned());
            }
        };
        Ok(Self {
            allows,
            actions: elements(fields, "Action", "NotAction")?,
            resources: elements(fields, "Resource", "NotResource")?,
            who,
            condition: condition(fields.get("Condition"))?,
        })
    }

    /// What it names and none of `others` does. Actions that lack on the same resource share a line.
    fn lacking_in(&self, others: &[&Self]) -> Vec<String> {
        let others: Vec<_> = others
            .iter()
            .filter(|other| is_no_harder(&other.condition, &self.condition))
            .collect();
        let mut lines = Vec::new();
        for who in &self.who {
            let others: Vec<_> = others.iter().filter(|other| other.names(who)).collect();
            let mut lacking: BTreeMap<Vec<&Element>, Vec<&Element>> = BTreeMap::new();
            for resource in &self.resources {
                let there: Vec<_> = others
                    .iter()
                    .filter(|other| other.resources.iter().any(|wide| wide.covers(resource)))
                    .collect();
                let actions: Vec<_> = self
                    .actions
                    .iter()
                    .filter(|action| {
                        !there
                            .iter()
                            .any(|other| other.actions.iter().any(|wide| wide.covers(action)))
                    })
                    .collect();
                if !actions.is_empty() {
                    lacking.entry(actions).or_default().push(resource);
                }
            }
            for (actions, resources) in lacking {
                lines.push(self.told(&actions, &resources, who.as_ref()));
            }
        }
        lines
    }

    fn names(&self, who: &Option<Element>) -> bool {
        self.who.iter().any(|wide| match (wide, who) {
            (None, None) => true,
            (Some(wide), Some(who)) => wide.covers_principal(who),
            _ => false,
        })
    }

    fn told(&self, actions: &[&Element], resources: &[&Element], who: Option<&Element>) -> String {
        let list = |elements: &[&Element]| {
            let all: Vec<_> = elements.iter().map(|element| element.told()).collect();
            all.join(", ")
        };
        let mut told = list(actions);
        if !matches!(resources, [Element::One(all)] if all.is_empty()) {
            told.push_str(&format!(" on {}", list(resources)));
        }
        if let Some(who) = who {
            told.push_str(&format!(" by {}", who.told()));
        }
        if !self.condition.is_empty() {
            let all: Vec<_> = self
                .condition
                .iter()
                .map(|((operator, key), values)| match policy::shows(operator, key) {
                    true => format!("{operator} {key} {}", grail_state::digest::canonical(values)),
                    // Definitions of APIs come here in clear.
                    false => format!("{operator} {key} has the right value"),
                })
                .collect();
            told.push_str(&format!(" if {}", all.join(" and ")));
        }
        told
    }
}

impl Element {
    fn told(&self) -> String {
        match self {
            Self::One(text) => text.clone(),
            Self::AllBut(names) => {
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                format!("all but {}", names.join(" and "))
            }
        }
    }

    fn covers(&self, narrow: &Self) -> bool {
        match (self, narrow) {
            (Self::One(wide), Self::One(narrow)) => covers(wide, narrow),
            (Self::AllBut(names), Self::One(narrow)) => !names.iter().any(|name| meets(name, narrow)),
            (Self::One(wide), Self::AllBut(_)) => wide == "*",
            (Self::AllBut(few), Self::AllBut(many)) => {
                few.iter().all(|name| many.iter().any(|wide| covers(wide, name)))
            }
        }
    }

    /// The same for principals, of which no pattern but `*` is known, and whose negation is hard to tell: the whole account of a
    /// principal that is left out is not. So of those only the same is covered.
    fn covers_principal(&self, narrow: &Self) -> bool {
        self == narrow || *self == Self::One(EVERYBODY.to_owned())
    }
}

const EVERYBODY: &str = "*";

/// Each principal with its kind, save for everybody.
fn principals(value: &Value) -> Result<BTreeSet<String>, String> {
    let unknown = || "a principal has no form that is known".to_owned();
    let Value::Object(kinds) = value else {
        return texts(value).ok_or_else(unknown);
    };
    let mut all = BTreeSet::new();
    for (kind, names) in kinds {
        for name in texts(names).ok_or_else(unknown)? {
            all.insert(match (kind.as_str(), name.as_str()) {
                ("AWS", EVERYBODY) => EVERYBODY.to_owned(),
                _ => format!("{kind} {name}"),
            });
        }
    }
    Ok(all)
}

fn elements(fields: &Map<String, Value>, key: &str, negated: &str) -> Result<Vec<Element>, String> {
    let unknown = || format!("`{key}` has no form that is known");
    match (fields.get(key), fields.get(negated)) {
        // A trust policy names no resource: it is that of one.
        (None, None) if key == "Resource" => Ok(vec![Element::One(String::new())]),
        (None, None) => Err(format!("a statement has no `{key}`")),
        (Some(given), None) => Ok(texts(given)
            .ok_or_else(unknown)?
            .into_iter()
            .map(Element::One)
            .collect()),
        (None, Some(negated)) => Ok(vec![Element::AllBut(texts(negated).ok_or_else(unknown)?)]),
        (Some(_), Some(_)) => Err(format!("a statement has both `{key}` and `{negated}`")),
    }
}

fn texts(value: &Value) -> Option<BTreeSet<String>> {
    match value {
        Value::String(text) => Some(BTreeSet::from([text.clone()])),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect(),
        _ => None,
    }
}

fn condition(value: Option<&Value>) -> Result<BTreeMap<(String, String), Value>, String> {
    let unknown = || "a condition has no form that is known".to_owned();
    let Some(value) = value else {
        return Ok(BTreeMap::new());
    };
    let mut all = BTreeMap::new();
    for (operator, keys) in value.as_object().ok_or_else(unknown)? {
        for (key, values) in keys.as_object().ok_or_else(unknown)? {
            // Keys are compared without regard to case.
            all.insert((operator.clone(), key.to_lowercase()), values.clone());
        }
    }
    Ok(all)
}

/// Whether `ours` holds wherever `theirs` holds: all of its parts stand in `theirs`, each as hard or harder there.
fn is_no_harder(
    ours: &BTreeMap<(String, String), Value>,
    theirs: &BTreeMap<(String, String), Value>,
) -> bool {
    ours.iter().all(|(part, wide)| {
        let Some(narrow) = theirs.get(part) else {
            return false;
        };
        if wide == narrow {
            return true;
        }
        let (Some(wide), Some(narrow)) = (texts(wide), texts(narrow)) else {
            return false;
        };
        let operator = part.0.as_str();
        (ANY_OF.contains(&operator) && narrow.is_subset(&wide) && !narrow.is_empty())
            || (NONE_OF.contains(&operator) && wide.is_subset(&narrow))
    })
}

#[cfg(test)]
mod tests;
