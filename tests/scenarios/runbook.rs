//! `deploy/RUNBOOK.md` has a place for every exit code, every outcome and every error that ends a command, and for none that is not
//! there any more.

use std::collections::BTreeSet;

use grail_tests::sources;

/// The enumerations whose variants the runbook names, each with the file that declares it.
const NAMED: [(&str, &str); 21] = [
    ("Exit", "reconciler/src/cli/exit.rs"),
    ("Outcome", "reconciler/src/event.rs"),
    ("Standing", "reconciler/src/serve/board.rs"),
    ("LockError", "state/src/store.rs"),
    ("StoreError", "state/src/store.rs"),
    ("ObjectError", "state/src/store/object/objects.rs"),
    ("ArtifactError", "state/src/artifacts.rs"),
    ("SealError", "state/src/seal.rs"),
    ("KeyError", "state/src/seal.rs"),
    ("ReadError", "state/src/chalice/read.rs"),
    ("EngineError", "reconciler/src/engine.rs"),
    ("ContextError", "providers/src/aws/context.rs"),
    ("PlanError", "reconciler/src/plan/error.rs"),
    ("ProbeError", "reconciler/src/source/chalice/probe/failure.rs"),
    ("PackageError", "reconciler/src/source/chalice/package/error.rs"),
    ("PythonError", "reconciler/src/source/python/error.rs"),
    ("LocalError", "reconciler/src/local.rs"),
    ("GitError", "reconciler/src/source/git.rs"),
    ("CrewError", "reconciler/src/serve/crew.rs"),
    ("ImportError", "reconciler/src/engine/session/import.rs"),
    ("EditError", "state/src/snapshot/edit.rs"),
];

fn file(path: &str) -> String {
    let all = sources::all();
    let found = all.into_iter().find(|source| source.path == path);
    found.unwrap_or_else(|| panic!("there is no {path}")).text
}

/// The variants of an enumeration, as `Name::Variant`, with what stands behind each name.
fn variants(name: &str, path: &str) -> Vec<(String, String)> {
    let text = file(path);
    let (_, body) = text
        .split_once(&format!("pub enum {name} {{\n"))
        .unwrap_or_else(|| panic!("{path} declares no {name}"));
    let (body, _) = body.split_once("\n}").expect("an enumeration ends");
    // Variants stand at the first indentation; their fields and attributes do not, or do not begin with a capital.
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    let of_variants = lines.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
    of_variants
        .map(|line| {
            let end = line
                .find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(line.len());
            (format!("{name}::{}", &line[..end]), line[end..].to_owned())
        })
        .collect()
}

#[test]
fn every_way_to_end_has_its_place_in_the_runbook() {
    let page = file("deploy/RUNBOOK.md");
    let named: BTreeSet<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| word.contains("::"))
        .collect();
    let mut known = BTreeSet::new();
    for (name, path) in NAMED {
        let of_it = variants(name, path);
        assert!(of_it.len() > 2, "the variants of {name} were not read: {of_it:?}");
        known.extend(of_it.into_iter().map(|(variant, _)| variant));
    }
    let missing: Vec<_> = known.iter().filter(|one| !named.contains(one.as_str())).collect();
    assert!(missing.is_empty(), "the runbook does not name {missing:?}");
    let gone: Vec<_> = named.iter().filter(|one| !known.contains(**one)).collect();
    assert!(gone.is_empty(), "the runbook names what is not there: {gone:?}");
}

#[test]
fn each_exit_code_has_a_section_under_its_number() {
    let page = file("deploy/RUNBOOK.md");
    let of_codes = variants("Exit", "reconciler/src/cli/exit.rs");
    assert!(of_codes.len() > 6);
    for (variant, rest) in of_codes {
        let code = rest.trim_matches([' ', '=', ',']);
        let (_, section) = page
            .split_once(&format!("\n### {code}: "))
            .unwrap_or_else(|| panic!("the runbook has no section for the code {code}"));
        let section = section.split("\n#").next().unwrap_or_default();
        assert!(
            section.contains(&format!("`{variant}`")),
            "the section of {code} speaks of another"
        );
    }
}

#[test]
fn what_the_runbook_leads_to_is_there() {
    let page = file("deploy/RUNBOOK.md");
    let anchor = |heading: &str| {
        let kept = heading
            .trim_start_matches(['#', ' '])
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    let anchors: BTreeSet<String> = page
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(anchor)
        .collect();
    let links: Vec<&str> = page
        .split("](#")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .collect();
    assert!(links.len() > 8);
    for link in links {
        assert!(anchors.contains(link), "there is no heading {link}");
    }
}
