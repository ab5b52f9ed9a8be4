//! Which files of a project shape what is wanted: those of a Chalice project, and what a manifest names
//! ([`named`](crate::source::manifest::named)). Read as loosely as possible: a configuration that is broken in one place still
//! names the files of the others, and whoever mends it must be heard.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::follow::Followed;
use crate::source::manifest::named::named;

const CONFIG: &str = ".chalice/config.json";
/// Settings of grail, and manifests.
const OWN: [&str; 4] = ["grail.toml", "grail.yaml", "grail.yml", "grail.json"];
/// Folders that Chalice packs whole.
const TREES: [&str; 2] = ["chalicelib", "vendor"];
/// Keys of the configuration that name a file under `.chalice`.
const POLICY_KEYS: [&str; 2] = ["iam_policy_file", "api_gateway_policy_file"];
/// How many files may include each other.
const INCLUDES: usize = 64;

/// The files to follow for `stage` of the project in `project`, as far as they are known now.
pub fn followed(project: &Path, stage: &str) -> Followed {
    let chalice = project.join(".chalice");
    let mut files: BTreeSet<PathBuf> = OWN.iter().map(|name| project.join(name)).collect();
    files.extend([project.join("app.py"), project.join(CONFIG)]);
    files.insert(chalice.join(format!("policy-{stage}.json")));
    let config = std::fs::read(project.join(CONFIG)).ok();
    let config = config.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let mut policy_files = Vec::new();
    policies(&config.unwrap_or_default(), &mut policy_files);
    files.extend(policy_files.into_iter().map(|file| chalice.join(file)));
    files.extend(requirements(project.join("requirements.txt")));
    let mut trees: BTreeSet<PathBuf> = TREES.iter().map(|name| project.join(name)).collect();
    for path in named(project) {
        // What is not there yet may become either.
        if path != project {
            files.insert(path.clone());
        }
        trees.insert(path);
    }
    Followed {
        root: project.to_path_buf(),
        files,
        trees,
    }
}

/// The policy files that the configuration names, in whatever place.
fn policies(value: &Value, named: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            for (key, item) in entries {
                match item {
                    Value::String(file) if POLICY_KEYS.contains(&key.as_str()) => named.push(file.clone()),
                    _ => policies(item, named),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| policies(item, named)),
        _ => {}
    }
}

/// A file of requirements, and those that it includes (`-r other.txt`, `-c constraints.txt`).
fn requirements(first: PathBuf) -> BTreeSet<PathBuf> {
    let (mut found, mut open) = (BTreeSet::new(), vec![first]);
    while let Some(file) = open.pop() {
        if found.len() < INCLUDES && found.insert(file.clone()) {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let folder = file.parent().unwrap_or(Path::new(""));
            open.extend(text.lines().filter_map(included).map(|name| folder.join(name)));
        }
    }
    found
}

fn included(line: &str) -> Option<&str> {
    let line = line.split(" #").next().unwrap_or(line).trim();
    let flags = ["--requirement", "--constraint", "-r", "-c"];
    let rest = flags.iter().find_map(|flag| line.strip_prefix(flag))?;
    let name = rest.trim_start_matches(['=', ' ', '\t']).trim();
    // Something at an address is nobody's file.
    (!name.is_empty() && !name.contains("://")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> BTreeSet<String> {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path();
        for (name, text) in files {
            let path = project.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let followed = followed(project, "dev");
        let all = followed.files.iter().chain(&followed.trees);
        all.map(|path| path.strip_prefix(project).unwrap().display().to_string())
            .collect()
    }

    #[test]
    fn an_empty_project_is_followed_for_what_may_come() {
        let names = of(&[]);
        let wanted = [
            ".chalice/config.json",
            ".chalice/policy-dev.json",
            "app.py",
            "chalicelib",
            "grail.json",
            "grail.toml",
            "grail.yaml",
            "grail.yml",
            "requirements.txt",
            "vendor",
        ];
        assert_eq!(names.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn policy_files_are_followed_wherever_the_configuration_names_them() {
        let config = r#"{"stages": {"dev": {"api_gateway_policy_file": "api.json", "lambda_functions":
            {"f": {"iam_policy_file": "../../shared/f.json"}}}, "prod": {"iam_policy_file": "p.json"}}}"#;
        let names = of(&[(".chalice/config.json", config)]);
        for name in [
            ".chalice/api.json",
            ".chalice/../../shared/f.json",
            ".chalice/p.json",
        ] {
            assert!(names.contains(name), "{name}: {names:?}");
        }
        // What is broken keeps nothing else from being followed.
        assert!(of(&[(".chalice/config.json", "{\"stages\": ")]).contains("app.py"));
    }

    #[test]
    fn requirements_lead_to_others_and_not_in_circles() {
        let names = of(&[
            (
                "requirements.txt",
                "boto3\n-r req/base.txt # first\n--constraint=c.txt\n-r https://e.org/x.txt\n",
            ),
            ("req/base.txt", "-r ../requirements.txt\n-rmore.txt\n"),
        ]);
        for name in ["req/base.txt", "c.txt", "req/more.txt"] {
            assert!(names.contains(name), "{name}: {names:?}");
        }
        assert!(!names.iter().any(|name| name.contains("e.org")), "{names:?}");
    }
}
