//! `uv.lock`, as lines of requirements: every package that the project needs, at its locked version.
//!
//! uv writes what the project needs as a graph whose root is the project itself; what only its development needs hangs on
//! other edges, and is left out. A package is needed under the condition of the edges that lead to it; where one way to it
//! has none, it is needed always. What comes from a folder, a file or a repository of sources is told, not guessed at: pip
//! would have to build it, and Lambda's processor is not this machine's.

use std::collections::{BTreeMap, BTreeSet};

use toml_edit::{DocumentMut, Item, Table};

use super::CodeError;

/// Conditions in the language of requirements that hold together; none of them is always.
type Condition = BTreeSet<String>;

/// The lines of requirements of a lock.
pub(super) fn requirements(text: &str) -> Result<String, CodeError> {
    let lock: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        words(format!("uv.lock cannot be read: {}", error.message()))
    })?;
    let packages: Vec<&Table> = lock
        .get("package")
        .and_then(Item::as_array_of_tables)
        .into_iter()
        .flatten()
        .collect();
    let named = |name: &str| {
        packages
            .iter()
            .find(|one| said(one, "name") == Some(name))
            .copied()
    };
    let root = packages
        .iter()
        .find(|one| source(one, "virtual").or(source(one, "editable")) == Some("."))
        .ok_or_else(|| words("uv.lock names no project: run `uv lock` in it"))?;
    let mut needed: BTreeMap<String, Vec<Condition>> = BTreeMap::new();
    let mut next: Vec<(&Table, Condition)> = vec![(root, Condition::new())];
    while let Some((package, under)) = next.pop() {
        for edge in edges(package) {
            let together: Condition = under.iter().cloned().chain(edge.marker).collect();
            let Some(found) = named(&edge.name) else {
                return Err(words(format!(
                    "uv.lock needs `{}` and does not have it",
                    edge.name
                )));
            };
            let known = needed.entry(edge.name).or_default();
            // Packages need each other in circles: a way that asks for more than a known one adds nothing.
            if !known.iter().any(|one| one.is_subset(&together)) {
                known.retain(|one| !together.is_subset(one));
                known.push(together.clone());
                next.push((found, together));
            }
        }
    }
    let mut lines = String::new();
    for (name, conditions) in needed {
        let Some(package) = named(&name) else { continue };
        lines.push_str(&line(&name, package, &conditions)?);
    }
    Ok(lines)
}

fn line(name: &str, package: &Table, conditions: &[Condition]) -> Result<String, CodeError> {
    let (Some(version), Some(_)) = (said(package, "version"), source(package, "registry")) else {
        let said = format!("`{name}` in uv.lock comes from no registry, so there is no wheel of it to fetch");
        return Err(words(said));
    };
    if conditions.iter().any(Condition::is_empty) {
        return Ok(format!("{name}=={version}\n"));
    }
    let together = |all: &Condition| {
        let all: Vec<_> = all.iter().map(|one| format!("({one})")).collect();
        all.join(" and ")
    };
    let any: Vec<_> = conditions.iter().map(together).collect();
    Ok(format!("{name}=={version} ; {}\n", any.join(" or ")))
}

/// What a package needs.
struct Edge {
    name: String,
    marker: Option<String>,
}

/// The packages that a package needs. Of extras that are asked for, uv writes the packages beside the others.
fn edges(package: &Table) -> Vec<Edge> {
    let all = package.get("dependencies").and_then(Item::as_array);
    let each = all
        .into_iter()
        .flatten()
        .filter_map(toml_edit::Value::as_inline_table);
    each.filter_map(|edge| {
        let text = |key: &str| {
            edge.get(key)
                .and_then(toml_edit::Value::as_str)
                .map(ToOwned::to_owned)
        };
        Some(Edge {
            name: text("name")?,
            marker: text("marker"),
        })
    })
    .collect()
}

fn said<'a>(package: &'a Table, key: &str) -> Option<&'a str> {
    package.get(key).and_then(Item::as_str)
}

fn source<'a>(package: &'a Table, key: &str) -> Option<&'a str> {
    package.get("source")?.get(key)?.as_str()
}

fn words(said: impl Into<String>) -> CodeError {
    CodeError::Words(said.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
version = 1
requires-python = ">=3.12"

[[package]]
name = "shop"
version = "0.1.0"
source = { virtual = "." }
dependencies = [
    { name = "requests" },
    { name = "tzdata", marker = "sys_platform == 'win32'" },
]

[package.dev-dependencies]
dev = [{ name = "pytest" }]

[[package]]
name = "requests"
version = "2.32.3"
source = { registry = "https://packages.example/simple" }
dependencies = [
    { name = "idna" },
    { name = "chardet", marker = "python_full_version < '3.13'" },
]

[[package]]
name = "idna"
version = "3.10"
source = { registry = "https://packages.example/simple" }

[[package]]
name = "chardet"
version = "5.2.0"
source = { registry = "https://packages.example/simple" }
dependencies = [{ name = "idna", marker = "extra == 'x'" }, { name = "requests" }]

[[package]]
name = "tzdata"
version = "2024.2"
source = { registry = "https://packages.example/simple" }

[[package]]
name = "pytest"
version = "8.3.3"
source = { registry = "https://packages.example/simple" }
"#;

    #[test]
    fn a_lock_is_what_the_project_needs_at_its_versions_and_under_its_conditions() {
        let lines = requirements(LOCK).unwrap();
        let lines: Vec<_> = lines.lines().collect();
        assert_eq!(
            lines,
            [
                "chardet==5.2.0 ; (python_full_version < '3.13')",
                "idna==3.10",
                "requests==2.32.3",
                "tzdata==2024.2 ; (sys_platform == 'win32')",
            ]
        );
    }

    #[test]
    fn what_cannot_be_fetched_is_told() {
        let local = LOCK.replace(
            "version = \"3.10\"\nsource = { registry = \"https://packages.example/simple\" }",
            "version = \"3.10\"\nsource = { directory = \"../idna\" }",
        );
        let missing = LOCK.replace("name = \"tzdata\"\nversion", "name = \"tz\"\nversion");
        for (lock, why) in [
            (local.as_str(), "`idna` in uv.lock comes from no registry"),
            (missing.as_str(), "uv.lock needs `tzdata`"),
            ("version = 1\n", "names no project"),
            ("version = ", "cannot be read"),
        ] {
            let said = requirements(lock).unwrap_err().to_string();
            assert!(said.contains(why), "{said}");
        }
    }
}
