//! `uv.lock`, as lines of requirements: every package that the project needs, at its locked version.
//!
//! uv writes what the project needs as a graph whose root is the project itself; what only its development needs hangs on
//! other edges, and is left out. A package is needed under the condition of the edges that lead to it; where one way to it
//! has none, it is needed always. A lock may have several versions of one package, each for some surroundings: the edges say
//! which, and under which condition. What comes from a folder, a file or a repository of sources is told, not guessed at: pip
//! would have to build it, and Lambda's processor is not this machine's.

use std::collections::{BTreeMap, BTreeSet};

use toml_edit::{DocumentMut, InlineTable, Item, Table, Value};

use super::CodeError;

/// Conditions in the language of requirements that hold together; none of them is always.
type Condition = BTreeSet<String>;
/// A package of a lock by its place in it, or one of its extras.
type Needed = (usize, Option<String>);

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
    let is_root = |one: &&Table| source(one, "virtual").or(source(one, "editable")) == Some(".");
    let root = packages
        .iter()
        .position(is_root)
        .ok_or_else(|| words("uv.lock names no project: run `uv lock` in it"))?;
    let mut needed: BTreeMap<Needed, Vec<Condition>> = BTreeMap::new();
    let mut next: Vec<(Needed, Condition)> = vec![((root, None), Condition::new())];
    while let Some(((package, extra), under)) = next.pop() {
        let Some(table) = packages.get(package) else {
            continue;
        };
        for edge in edges(table, extra.as_deref()) {
            let together: Condition = under.iter().cloned().chain(edge.marker.clone()).collect();
            let found = found(&packages, &edge)?;
            let extras = edge.extras.into_iter().map(Some);
            for one in std::iter::once(None).chain(extras).map(|extra| (found, extra)) {
                let known = needed.entry(one.clone()).or_default();
                // Packages need each other in circles: a way that asks for more than a known one adds nothing.
                if !known.iter().any(|one| one.is_subset(&together)) {
                    known.retain(|one| !together.is_subset(one));
                    known.push(together.clone());
                    next.push((one, together.clone()));
                }
            }
        }
    }
    let mut lines = BTreeSet::new();
    for ((package, extra), conditions) in needed {
        let table = packages
            .get(package)
            .filter(|_| extra.is_none() && package != root);
        lines.extend(table.map(|table| line(table, &conditions)).transpose()?);
    }
    Ok(lines.into_iter().collect())
}

/// The package that an edge leads to. Where a lock has several of a name, the edge says which.
fn found(packages: &[&Table], edge: &Edge) -> Result<usize, CodeError> {
    let name = &edge.name;
    let fits = |one: &Table| {
        said(one, "name") == Some(name)
            && edge
                .version
                .as_deref()
                .is_none_or(|version| said(one, "version") == Some(version))
            && edge
                .registry
                .as_deref()
                .is_none_or(|registry| source(one, "registry") == Some(registry))
    };
    let all: Vec<_> = packages.iter().enumerate().filter(|(_, one)| fits(one)).collect();
    match all.as_slice() {
        [(only, _)] => Ok(*only),
        [] => Err(words(format!("uv.lock needs `{name}` and does not have it"))),
        _ => Err(words(format!(
            "uv.lock has `{name}` several times, and does not say which of them is needed"
        ))),
    }
}

fn line(package: &Table, conditions: &[Condition]) -> Result<String, CodeError> {
    let name = said(package, "name").unwrap_or_default();
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
    /// Which of several, where there are several.
    version: Option<String>,
    registry: Option<String>,
    extras: Vec<String>,
    marker: Option<String>,
}

/// The packages that a package needs, or one of its extras. What an extra needs stands under the package that has the extra;
/// one that needs nothing more stands nowhere.
fn edges(package: &Table, extra: Option<&str>) -> Vec<Edge> {
    let all = match extra {
        None => package.get("dependencies"),
        Some(extra) => package
            .get("optional-dependencies")
            .and_then(|all| all.get(extra)),
    };
    let each = all.and_then(Item::as_array).into_iter().flatten();
    each.filter_map(|edge| edge_of(edge.as_inline_table()?)).collect()
}

fn edge_of(edge: &InlineTable) -> Option<Edge> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(ToOwned::to_owned);
    let extras = edge.get("extra").and_then(Value::as_array);
    Some(Edge {
        name: text(edge.get("name"))?,
        version: text(edge.get("version")),
        registry: text(
            edge.get("source")
                .and_then(|source| source.as_inline_table()?.get("registry")),
        ),
        extras: extras
            .into_iter()
            .flatten()
            .filter_map(|extra| text(Some(extra)))
            .collect(),
        marker: text(edge.get("marker")),
    })
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

    /// As uv 0.5 writes it for `requests[socks]` and a `numpy` that differs between versions of Python.
    const FORKED: &str = r#"
version = 1

[[package]]
name = "shop"
version = "0.1.0"
source = { virtual = "." }
dependencies = [
    { name = "requests", extra = ["socks", "nothing"] },
    { name = "numpy", version = "2.0.2", source = { registry = "https://packages.example/simple" }, marker = "python_full_version < '3.10'" },
    { name = "numpy", version = "2.2.1", source = { registry = "https://packages.example/simple" }, marker = "python_full_version >= '3.10'" },
]

[[package]]
name = "numpy"
version = "2.0.2"
source = { registry = "https://packages.example/simple" }

[[package]]
name = "numpy"
version = "2.2.1"
source = { registry = "https://packages.example/simple" }

[[package]]
name = "pysocks"
version = "1.7.1"
source = { registry = "https://packages.example/simple" }

[[package]]
name = "chardet"
version = "5.2.0"
source = { registry = "https://packages.example/simple" }

[[package]]
name = "requests"
version = "2.32.3"
source = { registry = "https://packages.example/simple" }

[package.optional-dependencies]
socks = [{ name = "pysocks" }]
use-chardet-on-py3 = [{ name = "chardet" }]
"#;

    #[test]
    fn extras_are_followed_and_of_several_versions_each_has_its_condition() {
        let lines = requirements(FORKED).unwrap();
        let lines: Vec<_> = lines.lines().collect();
        assert_eq!(
            lines,
            [
                "numpy==2.0.2 ; (python_full_version < '3.10')",
                "numpy==2.2.1 ; (python_full_version >= '3.10')",
                "pysocks==1.7.1",
                "requests==2.32.3",
            ]
        );
        let unsaid = FORKED.replace("name = \"numpy\", version = \"2.0.2\",", "name = \"numpy\",");
        let said = requirements(&unsaid).unwrap_err().to_string();
        assert!(said.contains("`numpy` several times"), "{said}");
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
