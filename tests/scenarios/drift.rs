//! What others do to our things behind our back: every field of every kind that is managed is changed, every kind of thing is
//! deleted, and every kind of child is hung on them. `drift` and `plan` report all of it and nothing else, one deployment
//! repairs it, and the children stay, until `--prune-foreign` takes exactly those that the plan has named.

mod children;
mod fields;
mod gone;
mod scene;
mod table;
mod things;

use std::collections::{BTreeMap, BTreeSet};

use grail_state::artifacts::MemoryArtifacts;
use grail_state::seal::Keys;
use grail_state::{Kind, StackId};
use serde_json::Value;

use crate::emulated::{Cloud, Emulator};
use scene::Scene;
use table::{FIELDS, How};

/// How many fields the table changes, at least.
const CHANGED: usize = 46;

/// Fields that are reported, by resource.
type Fields = BTreeMap<String, BTreeSet<String>>;

/// The table names every field of every kind's form and no other, so that a new field cannot be left out here.
#[test]
fn the_table_has_every_field_of_every_kind() {
    let cloud = Cloud::start(Emulator::Moto);
    let stack = StackId {
        app: "bazaar".to_owned(),
        stage: "dev".to_owned(),
    };
    let digester = Keys::from_master(&[7; 32]).digester;
    let catalog = cloud.catalog(stack, &MemoryArtifacts::default(), digester);
    let forms = catalog.iter().flat_map(|provider| {
        let schema = provider.schema();
        let fields = schema["properties"].as_object().unwrap().clone();
        let kind: Kind = provider.kind();
        fields
            .into_iter()
            .map(move |(field, _)| (kind.to_string(), field))
    });
    let forms: BTreeSet<_> = forms.collect();
    for (kind, field, how) in FIELDS {
        if let How::Never(why) = how {
            assert!(
                !why.is_empty(),
                "{kind}.{field} says not why nobody can change it"
            );
        }
    }
    // A field that was changed here once is not declared unchangeable later.
    let changed = FIELDS.iter().filter(|(_, _, how)| matches!(how, How::Changed(_)));
    assert!(changed.count() >= CHANGED, "fewer fields are changed than were");
    let table: Vec<_> = FIELDS
        .iter()
        .map(|(kind, field, _)| ((*kind).to_owned(), (*field).to_owned()))
        .collect();
    assert_eq!(table.len(), table.iter().collect::<BTreeSet<_>>().len());
    assert_eq!(table.into_iter().collect::<BTreeSet<_>>(), forms);
}

#[test]
fn every_field_that_is_changed_and_every_child_is_reported_and_one_deployment_repairs() {
    let scene = Scene::deployed();
    scene.assert_no_drift();
    let children = children::hang(&scene);
    scene.expect_children(&children);

    let mut changed = Fields::new();
    for (kind, field, how) in FIELDS {
        if let How::Changed(change) = how {
            let id = change(&scene);
            assert!(id.starts_with(&format!("{kind}.")), "{field} of {id} for {kind}");
            changed.entry(id).or_default().insert((*field).to_owned());
        }
    }
    let (reported, whole) = scene.drift(2);
    assert_eq!(top(&fields_of(&whole)), changed, "{reported}");
    assert!(
        whole["drifted"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["reason"]["is"] == "changed_outside")
    );
    assert!(
        !reported.to_string().contains(fields::CANARY),
        "a secret is shown"
    );
    scene.expect_children(&children);

    assert_eq!(top(&scene.planned()), changed, "the plan says something else");
    scene.ground.run(&["deploy"]).expect_success();
    scene.assert_no_drift();
    let children = children::after_an_overwrite(children);
    scene.expect_children(&children);
    let writes = scene.ground.deploy().writes();
    assert!(
        writes.is_empty(),
        "a deploy after a repair writes: {:?}",
        writes.names()
    );
    pruned(&scene, &children);
}

/// What the plan names goes, and nothing else.
fn pruned(scene: &Scene, children: &Fields) {
    let stays = |child: &String| children::STAY.iter().any(|words| child.starts_with(words));
    let divided = |stay: bool| {
        let each = children.iter().map(|(id, all)| {
            let some = all.iter().filter(|child| stays(child) == stay).cloned();
            (id.clone(), some.collect::<BTreeSet<_>>())
        });
        each.filter(|(_, some)| !some.is_empty()).collect::<Fields>()
    };
    let (run, plan) = scene.plan(&["--prune-foreign"]);
    assert_eq!(plan["sweep"], serde_json::json!([]), "{run}");
    assert_eq!(plan["build"], serde_json::json!([]), "{run}");
    let named = plan["prune"].as_object().unwrap().iter().map(|(id, prune)| {
        let all = prune["children"].as_array().unwrap().iter();
        let all = all.map(|child| child.as_str().unwrap().to_owned());
        (id.clone(), all.collect())
    });
    assert_eq!(named.collect::<Fields>(), divided(false), "{run}");

    let saved = scene.ground.project.beside("plans").join("plan.json");
    let saved = saved.to_str().unwrap();
    let words = ["plan", "--prune-foreign", "--out", saved, "--format", "markdown"];
    let shown = scene.ground.run(&words).expect_success();
    for child in divided(false).values().flatten() {
        assert!(shown.stdout.contains(child.as_str()), "{child} is not in {shown}");
    }
    children::latecomer(scene, true);
    scene.ground.run(&["deploy", saved]).expect_code(1);
    scene.expect_children(&{
        let mut more = children.clone();
        let (id, words) = children::latecomers_words(scene);
        more.entry(id).or_default().insert(words);
        more
    });
    children::latecomer(scene, false);
    scene.ground.run(&["deploy", saved]).expect_success();
    scene.expect_children(&divided(true));
    scene.assert_no_drift();
    scene.ground.assert_at_rest();
}

/// The many passes are made on the simulated cloud; these few are made by the real program on moto.
#[test]
fn passes_over_an_unchanged_account_report_nothing_and_write_nothing() {
    const PASSES: usize = 10;
    let scene = Scene::deployed();
    let children = children::hang(&scene);
    let before = scene.ground.project.files();
    scene.ground.proxy.forget_calls();
    for _ in 0..PASSES {
        scene.assert_no_drift();
    }
    scene.expect_children(&children);
    let writes = scene.ground.proxy.calls().writes();
    assert!(writes.is_empty(), "{:?}", writes.names());
    let after = scene.ground.project.files();
    let files = |all: &BTreeMap<std::path::PathBuf, Vec<u8>>| {
        let ours = all
            .iter()
            .filter(|(path, _)| path.starts_with(".chalice/grail/dev"));
        ours.map(|(path, bytes)| (path.clone(), bytes.clone()))
            .collect::<BTreeMap<_, _>>()
    };
    assert_eq!(files(&after), files(&before), "a look has written");
}

#[test]
fn what_is_deleted_is_reported_and_one_deployment_makes_it_again() {
    let scene = Scene::deployed();
    let deleted = gone::delete_one_of_each(&scene);
    let kinds: BTreeSet<_> = deleted.iter().map(|id| id.split('.').next().unwrap()).collect();
    let all = FIELDS.iter().map(|(kind, _, _)| *kind);
    // moto keeps no instances ready.
    let all: BTreeSet<_> = all.filter(|kind| *kind != "provisioned_concurrency").collect();
    assert_eq!(kinds, all, "every kind is deleted once");
    let (_, whole) = scene.drift(2);
    let gone: BTreeSet<_> = whole["drifted"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["reason"]["is"] == "gone")
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(gone, deleted);
    scene.ground.run(&["plan", "--detailed-exitcode"]).expect_code(2);
    scene.ground.run(&["deploy"]).expect_success();
    scene.assert_no_drift();
}

/// The fields of a report of drift.
fn fields_of(report: &Value) -> Fields {
    let all = report["drifted"].as_array().unwrap().iter();
    all.map(|one| {
        let fields = one["fields"].as_array().unwrap().iter();
        let paths = fields.map(|field| field["path"].as_str().unwrap().to_owned());
        (one["id"].as_str().unwrap().to_owned(), paths.collect())
    })
    .collect()
}

/// The same without what lies below the fields of a form.
fn top(fields: &Fields) -> Fields {
    let first = |path: &String| path.split('.').next().unwrap().to_owned();
    let each = fields.iter();
    each.map(|(id, paths)| (id.clone(), paths.iter().map(first).collect()))
        .collect()
}
