//! Things that functions attach to.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use crate::source::diagnostic::closest;
use crate::source::manifest::lower::things::{PATIENCE, physical, visibility};
use crate::source::manifest::shape::stand_in;
use crate::source::manifest::things::{DeclaredQueue, DeclaredTable, FIFO};

/// How a section is called, the longest name of its things, and which letters beside letters and digits it may have.
const NAMES: [(&str, &str, usize, &str); 6] = [
    ("queues", "a queue", 80, "-_"),
    ("topics", "a topic", 256, "-_"),
    ("tables", "a table", 255, "-_."),
    ("buckets", "a bucket", 63, "-."),
    ("streams", "a stream", 128, "-_."),
    ("buses", "an event bus", 256, "-_."),
];

/// How many global indexes a table has at most, unless AWS allows more (DynamoDB quotas).
const MOST_INDEXES: usize = 20;

impl Check<'_> {
    pub(super) fn things(&mut self) {
        for (section, what, longest, letters) in NAMES {
            self.names(section, what, longest, letters);
        }
        let form = self.form;
        for (name, queue) in &form.queues {
            if let Some(queue) = queue {
                self.declared_queue(name, queue);
            }
        }
        for (name, topic) in &form.topics {
            let Some(topic) = topic else { continue };
            let given = topic.name.as_deref();
            self.fifo("topics", name, given, topic.fifo, topic.content_deduplication);
        }
        for (name, table) in &form.tables {
            if let Some(table) = table {
                self.table(name, table);
            }
        }
    }

    /// The names in AWS, and that no two are alike.
    fn names(&mut self, section: &'static str, what: &str, longest: usize, letters: &str) {
        let (form, manifest) = (self.form, self.manifest);
        let account = stand_in().account;
        let all: Vec<_> = form
            .names(section)
            .into_iter()
            .map(|logical| (logical, physical(form, manifest, &account, section, logical)))
            .collect();
        for (logical, name) in &all {
            let plain = name
                .strip_suffix(FIFO)
                .filter(|_| matches!(section, "queues" | "topics"));
            let small = section == "buckets";
            let legal = |c: char| {
                c.is_ascii_digit()
                    || c.is_ascii_lowercase()
                    || (!small && c.is_ascii_uppercase())
                    || letters.contains(c)
            };
            let length = name.chars().count();
            let given = manifest.tree.get(section).and_then(|all| all.get(logical));
            let is_given = given.is_some_and(|thing| thing.get("name").is_some());
            let path: &[&str] = if is_given {
                &[section, logical, "name"]
            } else {
                &[section, logical]
            };
            let said = if length > longest {
                format!("the name `{name}` of {what} has {length} characters, and AWS takes {longest}")
            } else if !plain.unwrap_or(name).chars().all(legal) {
                let case = if small { "lower-case letters" } else { "letters" };
                let shown: Vec<_> = letters.chars().map(|c| format!("`{c}`")).collect();
                format!(
                    "`{name}`: the name of {what} has {case}, digits, {}",
                    shown.join(", ")
                )
            } else {
                continue;
            };
            let code = if length > longest {
                "manifest::length"
            } else {
                "manifest::name"
            };
            match is_given {
                true => self.error(path, code, said),
                false => self.error_with(path, code, said, "give it a `name`"),
            }
        }
        self.unlike(section, all.into_iter());
    }

    /// What is said of order fits the name.
    fn fifo(
        &mut self,
        section: &'static str,
        name: &str,
        given: Option<&str>,
        fifo: Option<bool>,
        once: Option<bool>,
    ) {
        let is_fifo = fifo == Some(true);
        if given.is_some_and(|given| given.ends_with(FIFO) != is_fifo) {
            let said = match is_fifo {
                true => format!("the name of what is `fifo` ends in `{FIFO}`"),
                false => format!("only the name of what is `fifo` ends in `{FIFO}`"),
            };
            self.error(&[section, name, "name"], "manifest::fifo", said);
        }
        if once == Some(true) && !is_fifo {
            let said = "`content_deduplication` counts for what is `fifo` alone";
            self.error_with(
                &[section, name, "content_deduplication"],
                "manifest::fifo",
                said,
                "say `fifo: true`",
            );
        }
    }

    fn declared_queue(&mut self, name: &str, queue: &DeclaredQueue) {
        let given = queue.name.as_deref();
        self.fifo("queues", name, given, queue.fifo, queue.content_deduplication);
        let Some(dead) = &queue.dead_letter else { return };
        let path = ["queues", name, "dead_letter", "queue"];
        if dead.queue == name {
            let said = "a queue gives up its messages to another one, not to itself";
            self.error(&path, "manifest::dead-letter", said);
        }
        let is_fifo = match self.form.queues.get(&dead.queue).and_then(Option::as_ref) {
            Some(declared) => declared.fifo == Some(true),
            None => dead.queue.ends_with(FIFO),
        };
        if is_fifo != (queue.fifo == Some(true)) {
            let said = "what a FIFO queue gives up goes to a FIFO queue, and of others to others";
            self.error(&path, "manifest::fifo", said);
        }
    }

    /// Whether the queue hides a message for as long as its function may take.
    pub(super) fn hidden(&mut self, path: &[&str], name: &str, queue: &DeclaredQueue, timeout: u32) {
        let hidden = visibility(self.form, name, queue);
        if hidden < timeout {
            let said = format!(
                "`{name}` hides messages for {hidden} s and the function may take {timeout} s: they would be given out again meanwhile"
            );
            let hint = "Lambda refuses such a queue; AWS advises six times the function's `timeout`";
            self.error_with(path, "manifest::visibility", said, hint);
        } else if hidden < timeout.saturating_mul(PATIENCE) {
            let said =
                format!("`{name}` hides messages for {hidden} s, and the function may take {timeout} s");
            let hint = "AWS advises six times the function's `timeout`: a batch that is throttled comes again meanwhile";
            self.warn(path, "manifest::visibility", said, hint);
        }
    }

    /// Keys and indexes are made of the attributes, and each attribute is of use.
    fn table(&mut self, name: &str, table: &DeclaredTable) {
        let Some(key) = &table.key else {
            let said = format!("the table `{name}` lacks `key`");
            let hint = "say by which attribute an item is found: `key: {partition: id}`";
            self.error_with(&["tables", name], "manifest::missing", said, hint);
            return;
        };
        let mut used: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let own = [
            (Some(&key.partition), vec!["key", "partition"]),
            (key.sort.as_ref(), vec!["key", "sort"]),
        ];
        let of_indexes = table.indexes.iter().flatten().flat_map(|(index, one)| {
            let at = |part| vec!["indexes", index.as_str(), part];
            [
                (Some(&one.partition), at("partition")),
                (one.sort.as_ref(), at("sort")),
            ]
        });
        for (attribute, at) in own.into_iter().chain(of_indexes) {
            if let Some(attribute) = attribute {
                used.entry(attribute).or_insert(at);
            }
        }
        let known: BTreeSet<&str> = table.attributes.keys().map(String::as_str).collect();
        for (attribute, at) in &used {
            if !known.contains(attribute) {
                let path: Vec<_> = ["tables", name].into_iter().chain(at.iter().copied()).collect();
                let said = format!("`{attribute}` is no attribute of the table `{name}`");
                let hint = match closest(attribute, known.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("say its type: `attributes: {{{attribute}: S}}`"),
                };
                self.error_with(&path, "manifest::key", said, hint);
            }
        }
        for attribute in known.iter().filter(|known| !used.contains_key(*known)) {
            let said = format!("`{attribute}` is part of no key");
            let hint = "only attributes of keys have a type: items may have any others besides";
            self.error_with(
                &["tables", name, "attributes", attribute],
                "manifest::key",
                said,
                hint,
            );
        }
        let same = |partition: &String, sort: &Option<String>| sort.as_ref() == Some(partition);
        if same(&key.partition, &key.sort) {
            let said = "one attribute is both parts of the key";
            self.error(&["tables", name, "key", "sort"], "manifest::key", said);
        }
        for (index, one) in table.indexes.iter().flatten() {
            if same(&one.partition, &one.sort) {
                let said = "one attribute is both parts of the key";
                self.error(&["tables", name, "indexes", index, "sort"], "manifest::key", said);
            }
            let length = index.chars().count();
            if !(3..=255).contains(&length) {
                let said = "the name of an index has 3 to 255 characters";
                self.error(&["tables", name, "indexes", index], "manifest::name", said);
            }
        }
        if table.indexes.as_ref().is_some_and(|all| all.len() > MOST_INDEXES) {
            let said = format!("DynamoDB takes {MOST_INDEXES} global indexes of a table");
            self.error(&["tables", name, "indexes"], "manifest::limit", said);
        }
    }
}
