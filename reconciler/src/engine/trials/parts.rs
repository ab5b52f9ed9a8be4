//! Plans for a part, plans without a look, plans that were approved, deletions that are forced.

use std::sync::Arc;

use grail_providers::port::Catalog;
use grail_state::store::Wait;

use super::app::{App, OWNER};
use super::corpus::full;
use super::ground::{Command, Ground, holder};
use super::oracle::check_recorded;
use crate::engine::{Approval, EngineError, NoEvents, NoProjection, OnFailure, Ports, StopSignal};
use crate::event::Outcome;
use crate::plan::guard::Pattern;
use crate::plan::{Consent, Guard, Plan, PlanError};

async fn deploy(
    ground: &Ground,
    app: &App,
    targets: &[&str],
    approval: Option<&mut dyn Approval>,
) -> Result<Outcome, EngineError> {
    let (wanted, consent) = (app.desired(), only(targets));
    ground
        .deploy_with(&wanted, &consent, OnFailure::Rollback, approval)
        .await
}

fn only(targets: &[&str]) -> Consent {
    Consent {
        only: targets.iter().map(|target| (*target).to_owned()).collect(),
        ..Consent::default()
    }
}

async fn planned(ground: &Ground, app: &App) -> Plan {
    let engine = ground.engine();
    let mut session = engine.read().await.unwrap();
    session
        .preview(&app.desired(), &Consent::default())
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_target_is_done_with_what_it_needs_and_nothing_else() {
    let ground = Ground::new();
    ground.deploy(&full()).await;
    let wanted = full().change(|app| {
        app.policy = 2;
        app.fun("one").memory = 512;
        app.fun("two").memory = 512;
        app.functions.insert("three".into(), super::app::Fun::plain());
    });
    assert_eq!(
        deploy(&ground, &wanted, &["lambda_function.one"], None)
            .await
            .unwrap(),
        Outcome::Done
    );
    let world = ground.cloud.world();
    assert_eq!(world.functions["app-dev-one"].config["memory"], 512);
    assert_eq!(world.roles[OWNER].policies["main"]["version"], 2, "what it needs");
    assert_eq!(world.functions["app-dev-two"].config["memory"], 128);
    assert!(!world.functions.contains_key("app-dev-three"));
    check_recorded(&ground, "after a part");
    assert_eq!(ground.deploy(&wanted).await, Outcome::Done);
    assert_eq!(
        ground.cloud.world().functions["app-dev-two"].config["memory"],
        512
    );

    let unknown = deploy(&ground, &wanted, &["four"], None).await;
    let Err(EngineError::Plan(problems)) = &unknown else {
        panic!("{unknown:?}");
    };
    assert_eq!(problems[0].error, PlanError::NoSuchTarget("four".into()));
}

#[tokio::test(start_paused = true)]
async fn a_part_is_done_and_what_is_outside_it_stays_protected() {
    let ground = Ground::new();
    let guarding = |protects: Option<&[&str]>, targets| Consent {
        guard: Some(Guard {
            protects: protects.map(|texts| texts.iter().filter_map(|text| Pattern::written(text)).collect()),
            ..Guard::default()
        }),
        ..only(targets)
    };
    let protected = || ground.store.content().snapshot.unwrap().protected;
    let both: &[&str] = &["lambda_function.one", "lambda_function.two"];
    let expected: std::collections::BTreeSet<_> = both.iter().map(|name| name.parse().unwrap()).collect();
    let deploy = async |app: &App, consent: Consent| {
        let wanted = app.desired();
        ground
            .deploy_with(&wanted, &consent, OnFailure::Rollback, None)
            .await
    };
    deploy(&full(), guarding(Some(both), &[])).await.unwrap();
    assert_eq!(protected(), expected);
    // Where something is written, where nothing is, and where the configuration no longer says anything.
    let wanted = full().change(|app| app.fun("one").memory = 512);
    for (app, protects) in [(&wanted, Some(both)), (&wanted, Some(both)), (&full(), None)] {
        let consent = guarding(protects, &["lambda_function.one"]);
        deploy(app, consent).await.unwrap();
        assert_eq!(protected(), expected);
    }
    let gone = full().change(|app| {
        app.functions.remove("two");
    });
    let refused = deploy(&gone, guarding(None, &[])).await;
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("`lambda_function.two` is protected"),
        "{refused}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_part_that_would_leave_others_wrong_is_refused_by_name() {
    let ground = Ground::new();
    ground.deploy(&full()).await;
    let writes = ground.cloud.writes();
    // The stage shows the definition that changes; a function that goes takes its statement along.
    let changed = full().change(|app| app.http().version = 2);
    let gone = full().change(|app| {
        app.functions.remove("two");
    });
    for (wanted, target, wrong) in [
        (changed, "rest_api.rest_api", "api_stage.rest_api"),
        (gone, "lambda_function.two", "lambda_permission.two/rest_api"),
    ] {
        let refused = deploy(&ground, &wanted, &[target], None).await.unwrap_err();
        assert!(refused.to_string().contains(wrong), "{refused}");
        let hint = refused.hint().unwrap();
        assert!(hint.contains(&format!("--target {wrong}")), "{hint}");
    }
    assert_eq!(ground.cloud.writes(), writes);
    // By the name alone both are meant.
    let wanted = full().change(|app| app.http().version = 2);
    assert_eq!(
        deploy(&ground, &wanted, &["rest_api"], None).await.unwrap(),
        Outcome::Done
    );
}

#[tokio::test(start_paused = true)]
async fn an_approved_plan_is_refused_with_what_has_changed_since() {
    let ground = Ground::new();
    ground.deploy(&full()).await;
    let wanted = full().change(|app| app.fun("one").memory = 512);
    let mut approved = planned(&ground, &wanted).await;
    // As it comes back from a file.
    let written = serde_json::to_value(&approved).unwrap();
    approved = serde_json::from_value(written).unwrap();
    let writes = ground.cloud.writes();
    let refusal = async |ground: &Ground, wanted: &App| {
        let mut approved = approved.clone();
        let refused = deploy(ground, wanted, &[], Some(&mut approved)).await;
        match refused {
            Err(EngineError::PlanChanged(changes)) => changes,
            other => panic!("{other:?}"),
        }
    };
    let other = wanted.clone().change(|app| app.fun("one").memory = 1024);
    assert_eq!(
        refusal(&ground, &other).await,
        ["`lambda_function.one`: another change of `memory`"]
    );
    let more = wanted.clone().change(|app| app.policy = 2);
    assert_eq!(
        refusal(&ground, &more).await,
        ["`iam_role.default-role` would be changed"]
    );
    assert_eq!(
        refusal(&ground, &full()).await,
        ["`lambda_function.one` would no longer be changed"]
    );
    let drifted = ground.fork();
    drifted.cloud.meddle(|world| {
        let function = world.functions.get_mut("app-dev-two").unwrap();
        function.config["memory"] = 256.into();
    });
    assert_eq!(
        refusal(&drifted, &wanted).await,
        ["`lambda_function.two` would be changed"]
    );
    assert_eq!(ground.cloud.writes(), writes);

    let mut agreed = approved.clone();
    assert_eq!(
        deploy(&ground, &wanted, &[], Some(&mut agreed)).await.unwrap(),
        Outcome::Done
    );
    let changes = refusal(&ground, &wanted).await;
    assert_eq!(changes[0], "the state was written since");
}

/// What a person says, or nothing at all.
struct Answer(Option<bool>);

#[async_trait::async_trait]
impl Approval for Answer {
    async fn approve(&mut self, plan: &Plan) -> Result<(), EngineError> {
        assert!(!plan.is_empty());
        match self.0 {
            Some(true) => Ok(()),
            Some(false) => Err(EngineError::Declined),
            None => std::future::pending().await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_yes_nothing_is_done() {
    let ground = Ground::new();
    let refused = deploy(&ground, &full(), &[], Some(&mut Answer(Some(false)))).await;
    assert!(matches!(refused, Err(EngineError::Declined)), "{refused:?}");
    // A request to stop ends the wait for an answer.
    let (sender, stop) = StopSignal::new();
    let engine = ground.engine();
    let mut session = engine.open(holder(), Wait::No).await.unwrap();
    let mut ports = Ports {
        records: &mut NoProjection,
        events: &mut NoEvents,
        stop,
    };
    let (wanted, consent, mut silence) = (full().desired(), Consent::default(), Answer(None));
    let asked = session.deploy(
        &wanted,
        &consent,
        OnFailure::Rollback,
        Some(&mut silence),
        &mut ports,
    );
    let stopping = async {
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        sender.send(Some("stopped by SIGINT".into())).unwrap();
    };
    let (ended, ()) = tokio::join!(asked, stopping);
    let why = "stopped by SIGINT".to_owned();
    assert_eq!(ended.unwrap(), Outcome::Refused { why });
    assert_eq!(ground.cloud.writes(), 0);
    drop(session);
    let agreed = deploy(&ground, &full(), &[], Some(&mut Answer(Some(true)))).await;
    assert_eq!(agreed.unwrap(), Outcome::Done);
}

#[tokio::test(start_paused = true)]
async fn a_plan_without_a_look_makes_no_call() {
    let ground = Ground::new();
    ground.deploy(&full()).await;
    ground.cloud.meddle(|world| world.functions.remove("app-dev-two"));
    let calls = ground.cloud.log().len();
    let engine = ground.engine();
    let mut session = engine.read().await.unwrap();
    session.without_looking();
    session.observe_recorded().await.unwrap();
    let wanted = full().change(|app| app.fun("one").memory = 512);
    let plan = session
        .preview(&wanted.desired(), &Consent::default())
        .await
        .unwrap();
    let steps: Vec<_> = plan.steps().map(|step| step.resource.to_string()).collect();
    assert_eq!(
        steps,
        ["lambda_function.one"],
        "what is missing outside is not seen"
    );
    assert_eq!(ground.cloud.log().len(), calls);
}

#[tokio::test(start_paused = true)]
async fn a_forced_deletion_goes_on_past_what_this_build_does_not_know() {
    let ground = Ground::new();
    ground.deploy(&full()).await;
    let mut engine = ground.engine();
    let all = engine
        .catalog
        .iter()
        .filter(|one| one.kind().as_str() != "log_group")
        .cloned();
    engine.catalog = Arc::new(Catalog::new(all.collect::<Vec<_>>()));
    for force in [false, true] {
        let mut session = engine.open(holder(), Wait::No).await.unwrap();
        let mut ports = Ports {
            records: &mut NoProjection,
            events: &mut NoEvents,
            stop: StopSignal::never(),
        };
        let consent = Consent {
            force,
            ..Consent::default()
        };
        let ended = session.delete(&consent, &mut ports).await;
        if force {
            let Ok(Outcome::Unswept { left }) = &ended else {
                panic!("{ended:?}");
            };
            assert_eq!(left.len(), 1);
            assert!(left[0].0.to_string() == "log_group.one-log-group", "{left:?}");
        } else {
            assert!(matches!(ended, Err(EngineError::Plan(_))), "{ended:?}");
            assert!(!ground.cloud.world().functions.is_empty());
        }
    }
    let world = ground.cloud.world();
    assert!(world.functions.is_empty() && !world.roles.contains_key(OWNER));
    // With a grail that knows it again, the rest goes.
    assert_eq!(ground.run(&Command::Delete).await.unwrap(), Outcome::Done);
    check_recorded(&ground, "after a forced deletion");
}
