//! From where to where: every kind, created, updated, replaced, deleted, and mixed.

use super::app::{App, Fun};

mod events;
mod gateways;

pub(super) use events::{everything, everything_else};

#[derive(Clone)]
pub(super) struct Plan {
    pub(super) name: &'static str,
    pub(super) from: Option<App>,
    /// `None` is `delete`.
    pub(super) to: Option<App>,
    /// What was there before is known to Chalice's file alone.
    pub(super) by_chalice: bool,
}

impl Plan {
    fn by_chalice(mut self) -> Self {
        self.by_chalice = true;
        self
    }
}

pub(super) fn small() -> App {
    App::of(&["one"])
}

pub(super) fn full() -> App {
    App::of(&["one", "two"]).with_api().change(|app| {
        app.fun("one").concurrency = Some(5);
        app.fun("one").retention = Some(7);
        app.http().compression = Some(1024);
    })
}

/// Everything changes a little, something comes, something goes.
pub(super) fn mixed() -> App {
    full().change(|app| {
        app.policy = 2;
        app.functions.remove("two");
        app.functions.insert("three".into(), Fun::plain());
        app.fun("three").retention = Some(30);
        app.fun("one").code = 2;
        app.fun("one").memory = 256;
        app.fun("one").retention = None;
        app.http().version = 2;
        app.http().tracing = true;
    })
}

/// All plans, the largest first: so no thread is left alone with one.
pub(super) fn plans() -> Vec<Plan> {
    let mut plans = core_plans();
    plans.extend(events::plans());
    plans.extend(gateways::plans());
    plans.extend(chalice_plans());
    let size = |app: &Option<App>| app.as_ref().map_or(0, |app| app.desired().resources.len());
    plans.sort_by_cached_key(|plan| std::cmp::Reverse(size(&plan.from) + size(&plan.to)));
    plans
}

fn plan(name: &'static str, from: impl Into<Option<App>>, to: impl Into<Option<App>>) -> Plan {
    Plan {
        name,
        from: from.into(),
        to: to.into(),
        by_chalice: false,
    }
}

/// On a stage that Chalice has made.
fn chalice_plans() -> Vec<Plan> {
    vec![
        plan("chalice-mixed", Some(full()), Some(mixed())).by_chalice(),
        plan("chalice-everything", everything(), everything_else()).by_chalice(),
        plan("chalice-delete", everything(), None).by_chalice(),
        plan(
            "chalice-moves-and-mutes",
            events::watching(),
            events::watching().change(|app| {
                app.fun("one").called = Some("un".into());
                app.fun("one").source = None;
                app.fun("two").called = Some("deux".into());
            }),
        )
        .by_chalice(),
    ]
}

fn core_plans() -> Vec<Plan> {
    vec![
        plan("create-small", None, Some(small())),
        plan("create-full", None, Some(full())),
        plan(
            "update-function",
            Some(full()),
            Some(full().change(|app| {
                let one = app.fun("one");
                one.code = 2;
                one.memory = 512;
                one.secret = "swordfish".into();
                one.tag = Some("x".into());
                one.concurrency = None;
            })),
        ),
        plan(
            "update-role",
            Some(small()),
            Some(small().change(|app| {
                app.policy = 2;
                app.trust = 2;
            })),
        ),
        plan(
            "update-api",
            Some(full()),
            Some(full().change(|app| {
                app.http().version = 2;
                app.http().compression = None;
            })),
        ),
        plan(
            "update-group",
            Some(full()),
            Some(full().change(|app| app.fun("one").retention = Some(14))),
        ),
        plan(
            "drop-function",
            Some(full()),
            Some(full().change(|app| drop(app.functions.remove("two")))),
        ),
        plan(
            "drop-api",
            Some(full()),
            Some(full().change(|app| app.api = None)),
        ),
        plan(
            "replace-api",
            Some(full()),
            Some(full().change(|app| app.http().endpoint = "REGIONAL")),
        ),
        plan(
            "replace-function",
            Some(full()),
            Some(full().change(|app| app.fun("two").called = Some("deux".into()))),
        ),
        plan(
            "replace-function-drop-api",
            Some(full()),
            Some(full().change(|app| {
                app.fun("two").called = Some("deux".into());
                app.api = None;
            })),
        ),
        plan("mixed", Some(full()), Some(mixed())),
        plan("delete-small", Some(small()), None),
        plan("delete-full", Some(full()), None),
    ]
}
