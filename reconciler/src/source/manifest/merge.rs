//! Several files to one tree, and a tree to what counts in one stage.
//!
//! `include` names files (`functions/*.yaml` takes all that match, sorted) whose sections are laid together with those of the
//! file that includes them. What two files both say is an error that names both places: nothing wins by its position.
//!
//! Of a stage's overrides these rules hold, the same as in Chalice's configuration, from the strongest:
//!
//! | For a function | For everything else |
//! | --- | --- |
//! | `stages.<stage>.functions.<name>` | `stages.<stage>` |
//! | `stages.<stage>.defaults` | the top |
//! | `functions.<name>` | |
//! | `defaults` | |
//!
//! `aliases`, `environment` and `tags` are merged key by key, all else is taken whole from the strongest that says it. Unlike in Chalice a
//! `null` takes away what weaker ones say (where they say nothing it does nothing), and a function's own `environment` counts at the top too.

use std::path::Path;

use super::node::{Content, Entry, Node};
use super::parse::parse;
use super::{code::like, reading};
use crate::source::diagnostic::Problem;

/// The sections whose entries are named things, each of which a stage may change key by key.
const NAMED: [&str; 12] = [
    "functions",
    "roles",
    "layers",
    "rest_apis",
    "websocket_apis",
    "domains",
    "queues",
    "topics",
    "tables",
    "buckets",
    "streams",
    "buses",
];
/// What is merged key by key.
const MAPS: [&str; 3] = ["aliases", "environment", "tags"];
/// The sections of things that are called by names.
pub(super) fn sections() -> &'static [&'static str] {
    &NAMED
}

/// How many files a manifest has at most.
const MAX_FILES: usize = 1_000;

/// Lays the files that `root` includes together with it. `files` are those that were read, and grows.
pub(super) fn include(
    root: &mut Node,
    project: &Path,
    files: &mut Vec<String>,
    check: &mut dyn FnMut(&Node),
    problems: &mut Vec<Problem>,
) {
    let Some(entry) = root.take("include") else { return };
    let items: Vec<&Node> = match &entry.value.content {
        Content::List(items) => items.iter().collect(),
        Content::Text(_) => vec![&entry.value],
        _ => return,
    };
    for item in items {
        let Some(pattern) = item.as_text() else { continue };
        let found = match matching(project, pattern) {
            Ok(found) => found,
            Err(problem) => {
                problems.push(problem.at(item.at.place()));
                continue;
            }
        };
        for name in found {
            if files.contains(&name) {
                continue;
            }
            if files.len() >= MAX_FILES {
                let said = format!("a manifest has at most {MAX_FILES} files");
                problems.push(Problem::error("manifest::include", said).at(item.at.place()));
                return;
            }
            files.push(name.clone());
            let text = match super::text_of(project, &name) {
                Ok(text) => text,
                Err(why) => {
                    let said = format!("`{name}` cannot be read: {why}");
                    problems.push(Problem::error("manifest::include", said).at(item.at.place()));
                    continue;
                }
            };
            match parse(&name, &text) {
                Ok(mut part) => {
                    check(&part);
                    head(&mut part, problems);
                    include(&mut part, project, files, check, problems);
                    unite(root, part, problems);
                }
                Err(more) => problems.extend(more),
            }
        }
    }
}

/// What is read of the first file alone, before anything else: it stands there.
const HEAD: [&str; 2] = ["app", "replaces"];

fn head(part: &mut Node, problems: &mut Vec<Problem>) {
    for entry in HEAD.iter().filter_map(|key| part.take(key)) {
        let said = format!(
            "`{}` stands in the first file, not in one that it includes",
            entry.key
        );
        problems.push(Problem::error("manifest::include", said).at(entry.at.place()));
    }
}

/// The files of the project that a pattern means, sorted: `*` stands for any part of a name, in the last part of the path.
fn matching(project: &Path, pattern: &str) -> Result<Vec<String>, Problem> {
    let fault = |said: String| Problem::error("manifest::include", said);
    let Some(path) = reading::inside(pattern) else {
        return Err(fault(format!("`{pattern}` leads out of the project")));
    };
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let folder = path.parent().unwrap_or(Path::new(""));
    if !name.contains('*') {
        return match project.join(&path).is_file() {
            true => Ok(vec![path.display().to_string()]),
            false => Err(fault(format!("there is no file `{pattern}`"))),
        };
    }
    let entries = std::fs::read_dir(project.join(folder))
        .map_err(|error| fault(format!("the folder of `{pattern}` cannot be read: {error}")))?;
    let found = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let found = found.filter(|found| like(name, found) && project.join(folder).join(found).is_file());
    let mut names: Vec<_> = found
        .map(|name| folder.join(name).display().to_string())
        .collect();
    names.sort();
    match names.is_empty() {
        true => Err(fault(format!("no file fits `{pattern}`"))),
        false => Ok(names),
    }
}

/// Adds what `part` says to `whole`.
fn unite(whole: &mut Node, part: Node, problems: &mut Vec<Problem>) {
    unite_at(whole, part, &mut Vec::new(), problems);
}

fn unite_at(whole: &mut Node, part: Node, path: &mut Vec<String>, problems: &mut Vec<Problem>) {
    let (Content::Map(mine), Content::Map(theirs)) = (&mut whole.content, part.content) else {
        return;
    };
    for entry in theirs {
        // Each file says by itself which version it is written in.
        if path.is_empty() && entry.key == "grail" {
            continue;
        }
        let Some(known) = mine.iter_mut().find(|known| known.key == entry.key) else {
            mine.push(entry);
            continue;
        };
        let both = matches!(
            (&known.value.content, &entry.value.content),
            (Content::Map(_), Content::Map(_))
        );
        path.push(entry.key.clone());
        if both && is_section(path) {
            unite_at(&mut known.value, entry.value, path, problems);
        } else {
            let said = format!(
                "`{}` stands in two files: here and at {}",
                path.join("."),
                known.at.origin()
            );
            problems.push(Problem::error("manifest::twice", said).at(entry.at.place()));
        }
        path.pop();
    }
}

/// What several files may each say a part of: sections, stages, and the sections of stages.
fn is_section(path: &[String]) -> bool {
    let parts: Vec<_> = path.iter().map(String::as_str).collect();
    match parts.as_slice() {
        [section] => NAMED.contains(section) || *section == "stages",
        ["stages", _] => true,
        ["stages", _, section] => NAMED.contains(section),
        _ => false,
    }
}

/// What of `root` counts in `stage`: no `stages`, no `defaults`, every function whole.
pub(super) fn effective(mut root: Node, stage: &str) -> Node {
    let stages = root.take("stages").map(|entry| entry.value);
    let own = stages.as_ref().and_then(|stages| stages.get(stage));
    let mut over = own.cloned().unwrap_or_else(|| Node {
        at: root.at.clone(),
        content: Content::Map(Vec::new()),
    });
    let weak = root.take("defaults").map(|entry| entry.value);
    let strong = over.take("defaults").map(|entry| entry.value);
    let over_functions = over.take("functions");
    let functions = root.take("functions");
    lay(&mut root, over, 0);
    if let Some(functions) = with_functions(functions, over_functions, weak, strong)
        && let Content::Map(entries) = &mut root.content
    {
        entries.push(functions);
    }
    if let Content::Map(sections) = &mut root.content {
        for section in sections
            .iter_mut()
            .filter(|section| NAMED.contains(&section.key.as_str()))
        {
            if let Content::Map(entries) = &mut section.value.content {
                entries.sort_by(|a, b| a.key.cmp(&b.key));
            }
        }
    }
    root
}

fn with_functions(
    functions: Option<Entry>,
    over: Option<Entry>,
    weak: Option<Node>,
    strong: Option<Node>,
) -> Option<Entry> {
    let mut over = over;
    let mut section = match functions {
        Some(section) => section,
        None => Entry {
            value: Node {
                at: over.as_ref()?.value.at.clone(),
                content: Content::Map(Vec::new()),
            },
            key: over.as_ref()?.key.clone(),
            at: over.as_ref()?.at.clone(),
        },
    };
    let Content::Map(entries) = &mut section.value.content else {
        return Some(section);
    };
    // Functions of this stage alone.
    let known: std::collections::BTreeSet<String> = entries.iter().map(|entry| entry.key.clone()).collect();
    let mut own: std::collections::BTreeMap<String, Entry> = Default::default();
    if let Some(Content::Map(over)) = over.as_mut().map(|over| &mut over.value.content) {
        for entry in over.drain(..) {
            if !known.contains(&entry.key) {
                let mut bare = entry.clone();
                bare.value.content = Content::Map(Vec::new());
                entries.push(bare);
            }
            own.insert(entry.key.clone(), entry);
        }
    }
    let gone = |entry: &Entry| own.get(&entry.key).is_some_and(|own| own.value.is_null());
    entries.retain(|entry| !gone(entry));
    for entry in entries {
        // What is no object is told where it stands.
        if !matches!(entry.value.content, Content::Map(_)) {
            continue;
        }
        let at = entry.value.at.clone();
        let written = std::mem::replace(
            &mut entry.value,
            Node {
                at,
                content: Content::Map(Vec::new()),
            },
        );
        let own = own.remove(&entry.key).map(|entry| entry.value);
        for layer in [weak.clone(), Some(written), strong.clone(), own]
            .into_iter()
            .flatten()
        {
            lay(&mut entry.value, layer, 2);
        }
    }
    Some(section)
}

/// Lays `over` over `under`: entries of `over` win; sections, the things in them, and [`MAPS`] are laid entry by entry.
/// `depth` is 0 for the whole, 1 for a section, 2 for a thing in it.
fn lay(under: &mut Node, over: Node, depth: usize) {
    let (Content::Map(mine), Content::Map(_)) = (&mut under.content, &over.content) else {
        *under = over;
        return;
    };
    let Content::Map(over) = over.content else { return };
    for entry in over {
        let at = mine.iter().position(|known| known.key == entry.key);
        let Some(at) = at else {
            if !entry.value.is_null() {
                mine.push(entry);
            }
            continue;
        };
        if entry.value.is_null() {
            mine.remove(at);
            continue;
        }
        let Some(known) = mine.get_mut(at) else { continue };
        let deeper = match depth {
            0 => NAMED.contains(&entry.key.as_str()),
            1 => true,
            _ => MAPS.contains(&entry.key.as_str()),
        };
        if deeper {
            lay(&mut known.value, entry.value, depth + 1);
        } else {
            *known = entry;
        }
    }
}
