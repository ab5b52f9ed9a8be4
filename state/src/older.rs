//! What earlier grails wrote, in the form of now: pure functions over its JSON, for whoever reads an older version.

use serde_json::{Map, Value};

/// In version 1, of the state and of a journal's line, a thing that stays and loses what others have added to it stood in `list`,
/// among those that are to be deleted, and nothing but its `children` told it apart. It is taken out of there, into `prune`: a
/// reader that overlooks a member of its own does nothing, where one that overlooked `children` would have deleted it.
pub(crate) fn set_prunings_apart(document: &mut Value, list: &str) -> Result<(), String> {
    let Some(Value::Array(things)) = document.get_mut(list) else {
        return Ok(());
    };
    let mut prune = Map::new();
    let mut doomed = Vec::new();
    for mut thing in std::mem::take(things) {
        match thing.as_object_mut().and_then(|thing| thing.remove("children")) {
            Some(Value::Array(children)) if !children.is_empty() => {
                let id = thing.get("id").and_then(Value::as_str);
                let id = id.ok_or("of what is to be removed, it is not said from where")?;
                let handle = thing.get("handle").cloned().unwrap_or_default();
                let pruning = [
                    ("handle".to_owned(), handle),
                    ("children".to_owned(), Value::Array(children)),
                ];
                prune.insert(id.to_owned(), Value::Object(pruning.into_iter().collect()));
            }
            _ => doomed.push(thing),
        }
    }
    *things = doomed;
    if let (false, Some(document)) = (prune.is_empty(), document.as_object_mut()) {
        document.insert("prune".to_owned(), Value::Object(prune));
    }
    Ok(())
}
