//! Others at work in the same account.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use grail_providers::fake::{Fault, Function, OWNER_TAG, Role, World};
use grail_state::txn::Txn;
use grail_state::{Digest, Handle, Record, ResourceId};
use serde_json::{Value, json};

use super::app::{App, OWNER, id};
use super::corpus::{everything, full, small};
use super::ground::{Command, Ground, holder};
use super::oracle::{assert_same, check_recorded, check_still};
use crate::engine::{EngineError, NoEvents, NoProjection, OnFailure, Ports, RecordSink, StopSignal};
use crate::event::{Event, Outcome};
use crate::plan::{Consent, PlanError, PlanProblem};
use grail_state::store::Wait;

fn stranger() -> Role {
    Role {
        trust: json!("theirs"),
        policies: BTreeMap::new(),
        mark: None,
        owner: None,
        ready: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_way_back_brings_back_our_fields_and_leaves_what_others_changed() {
    let ground = Ground::new();
    ground.deploy(&small()).await;
    let wanted = small().change(|app| {
        app.policy = 2;
        app.fun("one").memory = 512;
    });
    // Both are updated; then the process dies, and somebody tags the function and changes the trust.
    ground.cloud.die_in(1, true);
    let command = Command::Deploy(wanted);
    tokio::select! {
        biased;
        () = ground.cloud.death() => {}
        ended = ground.run(&command) => panic!("lived on: {ended:?}"),
    }
    ground.cloud.meddle(|world| {
        world.roles.get_mut("app-dev").unwrap().trust = json!("changed by others");
        let function = world.functions.get_mut("app-dev-one").unwrap();
        function.tags.insert("cost.centre".into(), "42".into());
        assert_eq!(function.config["memory"], 512);
    });
    let mut events = Vec::new();
    let outcome = ground
        .revived()
        .run_heard(&Command::Rollback, &mut events, StopSignal::never())
        .await
        .unwrap();
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    let world = ground.cloud.world();
    let (role, function) = (&world.roles["app-dev"], &world.functions["app-dev-one"]);
    assert_eq!(role.policies["main"], json!({"version": 1}));
    assert_eq!(role.trust, json!("changed by others"));
    assert_eq!(function.config["memory"], 128);
    assert_eq!(
        function.config["environment"]["SECRET"], "hunter2",
        "restored from what was sealed"
    );
    assert_eq!(function.tags["cost.centre"], "42");
    let told: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Said { code, text, .. } if code == "restore.foreign" => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().any(|text| text.contains("tags.cost.centre")));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_others_took_is_refused_before_anything_is_written() {
    let ground = Ground::new();
    ground
        .cloud
        .meddle(|world| world.roles.insert(OWNER.into(), stranger()));
    let refused = ground.run(&Command::Deploy(small())).await;
    assert!(
        matches!(&refused, Err(EngineError::Plan(problems)) if matches!(problems[..], [PlanProblem { error: PlanError::Foreign { .. }, .. }])),
        "{refused:?}"
    );
    assert_eq!((ground.cloud.writes(), ground.store.appends()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_others_take_meanwhile_turns_the_run_around_and_stays_theirs() {
    for (write, kind) in [(0, "role"), (3, "function")] {
        let ground = Ground::new();
        ground.cloud.meddle_at(write, move |world| {
            if kind == "role" {
                world.roles.insert(OWNER.into(), stranger());
            } else {
                let theirs = Function {
                    config: json!({"handler": "x", "role": "x", "memory": 1, "environment": {}}),
                    code: "theirs".into(),
                    tags: BTreeMap::from([(OWNER_TAG.to_owned(), "other-prod".to_owned())]),
                    concurrency: None,
                    policy: BTreeMap::new(),
                    busy: None,
                };
                world.functions.insert("app-dev-one".into(), theirs);
            }
        });
        let outcome = ground.deploy(&small()).await;
        assert!(
            matches!(outcome, Outcome::RolledBack { .. }),
            "{kind}: {outcome:?}"
        );
        let world = ground.cloud.world();
        if kind == "role" {
            assert_eq!(world.roles[OWNER].trust, json!("theirs"));
            assert!(world.functions.is_empty());
        } else {
            assert_eq!(world.functions["app-dev-one"].code, "theirs");
            assert!(!world.roles.contains_key(OWNER), "what we made is gone");
        }
        assert!(ground.store.content().live().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn what_others_deleted_is_made_again() {
    let ground = Ground::new();
    ground.deploy(&full()).await;
    ground.cloud.meddle(|world| {
        world.functions.remove("app-dev-two");
        world.roles.get_mut(OWNER).unwrap().policies.clear();
    });
    assert_eq!(ground.deploy(&full()).await, Outcome::Done);
    check_recorded(&ground, "made again");
    check_still(&ground, &Command::Deploy(full()), "made again").await;
}

#[tokio::test(start_paused = true)]
async fn statements_and_tags_of_others_survive_an_update_by_us_or_are_taken_for_drift_by_field() {
    let ground = Ground::new();
    ground.deploy(&full()).await;
    ground.cloud.meddle(|world| {
        let policy = &mut world.functions.get_mut("app-dev-one").unwrap().policy;
        policy.insert(
            "bucket".into(),
            json!({"principal": "s3", "source_arn": "theirs"}),
        );
    });
    ground
        .deploy(&full().change(|app| app.fun("one").memory = 512))
        .await;
    let world = ground.cloud.world();
    assert_eq!(
        world.functions["app-dev-one"].policy["bucket"]["source_arn"],
        "theirs"
    );
}

#[tokio::test(start_paused = true)]
async fn a_deletion_does_not_follow_a_name_to_what_others_made_there() {
    let ground = Ground::new();
    ground.deploy(&small()).await;
    ground.cloud.meddle(|world| {
        let theirs = Role {
            owner: Some("other-prod".into()),
            ..stranger()
        };
        world.roles.insert(OWNER.into(), theirs);
    });
    let outcome = ground.run(&Command::Delete).await.unwrap();
    assert_eq!(outcome, Outcome::Done);
    let world = ground.cloud.world();
    assert_eq!(world.roles[OWNER].owner.as_deref(), Some("other-prod"));
    assert!(world.functions.is_empty());
    assert!(ground.store.content().snapshot.unwrap().records.is_empty());
}

fn told_of_strangers(events: &[Event]) -> Vec<&str> {
    fn told(event: &Event) -> Option<&str> {
        match event {
            Event::Said { code, text, .. } if code == "delete.foreign" => Some(text),
            _ => None,
        }
    }
    events.iter().filter_map(told).collect()
}

/// Somebody makes role and function of their own, without any tag, where ours were.
fn taken_by_strangers(world: &mut World) {
    world.roles.insert(OWNER.into(), stranger());
    let theirs = Function {
        config: json!({"handler": "x", "role": "x", "memory": 1, "environment": {}}),
        code: "theirs".into(),
        tags: BTreeMap::new(),
        concurrency: None,
        policy: BTreeMap::new(),
        busy: None,
    };
    world.functions.insert("app-dev-one".into(), theirs);
}

/// Of what was unsaid nobody has looked at what is there. As soon as a wish says it, that is a difference like any other, and comes
/// back on the way back.
#[tokio::test(start_paused = true)]
async fn what_is_said_for_the_first_time_is_not_written_over_unseen() {
    for said in ["ours", ""] {
        let ground = Ground::new();
        ground.deploy(&small()).await;
        let by_hand = || {
            let world = ground.cloud.world();
            world.functions["app-dev-one"].config["description"].clone()
        };
        ground.cloud.meddle(|world| {
            let function = world.functions.get_mut("app-dev-one").unwrap();
            function.config["description"] = json!("by hand");
        });
        assert_eq!(ground.deploy(&small()).await, Outcome::Unchanged);
        let wanted = small().change(|app| {
            app.policy = 2;
            app.fun("one").description = Some(said);
        });
        let after_both = ground.cloud.writes() + 2;
        ground.cloud.fail(after_both - 1, Fault::Refuse);
        let outcome = ground.run(&Command::Deploy(wanted.clone())).await.unwrap();
        assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
        assert_eq!(by_hand(), "by hand");
        ground.cloud.calm();
        assert_eq!(ground.deploy(&wanted).await, Outcome::Done);
        assert_eq!(by_hand(), said);
        // From now on it is ours.
        ground.cloud.meddle(|world| {
            let function = world.functions.get_mut("app-dev-one").unwrap();
            function.config["description"] = json!("by hand again");
        });
        assert_eq!(ground.deploy(&wanted).await, Outcome::Done);
        assert_eq!(by_hand(), said);
        // Who falls silent changes nothing.
        let silent = small().change(|app| app.policy = 2);
        let writes = ground.cloud.writes();
        assert_eq!(ground.deploy(&silent).await, Outcome::Unchanged);
        assert_eq!((by_hand(), ground.cloud.writes()), (json!(said), writes));
    }
}

#[tokio::test(start_paused = true)]
async fn a_left_over_deletion_looks_again_and_leaves_what_others_have_made_since() {
    for taken in [true, false] {
        let ground = Ground::new();
        ground.deploy(&small()).await;
        for write in 0..10 {
            ground.cloud.fail(ground.cloud.writes() + write, Fault::Refuse);
        }
        let outcome = ground.run(&Command::Delete).await.unwrap();
        assert!(
            matches!(&outcome, Outcome::Unswept { left } if left.len() == 2),
            "{outcome:?}"
        );
        ground.cloud.calm();
        if taken {
            ground.cloud.meddle(taken_by_strangers);
        }
        let (begun, mut events) = (ground.cloud.writes(), Vec::new());
        let outcome = ground
            .run_heard(&Command::Delete, &mut events, StopSignal::never())
            .await;
        assert_eq!(outcome.unwrap(), Outcome::Done);
        let world = ground.cloud.world();
        let told = told_of_strangers(&events);
        if taken {
            assert_eq!(ground.cloud.writes(), begun, "nothing of theirs is written to");
            assert_eq!(world.functions["app-dev-one"].code, "theirs");
            assert_eq!(world.roles[OWNER].trust, json!("theirs"));
            assert!(
                told.len() == 2 && told[0].contains("is not what was to be deleted"),
                "{told:?}"
            );
            assert!(
                !events.iter().any(|event| matches!(event, Event::Swept { .. })),
                "{events:?}"
            );
        } else {
            assert!(world.functions.is_empty() && !world.roles.contains_key(OWNER));
            assert_eq!(told, [""; 0]);
        }
        check_recorded(&ground, "after a late deletion");
    }
}

#[tokio::test(start_paused = true)]
async fn a_resumed_deletion_looks_again_and_leaves_what_others_have_made_since() {
    let ground = Ground::new();
    ground.deploy(&small()).await;
    // Dies when the commit is durable and nothing is deleted yet.
    ground.store.freeze_after(2);
    ground.run(&Command::Delete).await.unwrap();
    let ground = ground.revived();
    ground.settle().await;
    ground.cloud.meddle(taken_by_strangers);
    let (begun, mut events) = (ground.cloud.writes(), Vec::new());
    let outcome = ground
        .run_heard(&Command::Delete, &mut events, StopSignal::never())
        .await;
    assert_eq!(outcome.unwrap(), Outcome::Done);
    assert_eq!(
        (ground.cloud.writes(), told_of_strangers(&events).len()),
        (begun, 2)
    );
    assert_eq!(ground.cloud.world().functions["app-dev-one"].code, "theirs");
    check_recorded(&ground, "after a resumed deletion");
}

/// What a tool that knows as much as we do would say of everything that exists.
fn candidates(ground: &Ground) -> BTreeMap<ResourceId, Record> {
    let records = ground.store.content().snapshot.unwrap().records;
    let told = |record: Record| Record {
        spec: Value::Null,
        depends_on: Default::default(),
        token: None,
        ..record
    };
    let all = records.into_iter();
    all.map(|(id, record)| (id, told(record))).collect()
}

async fn deploy_with(
    ground: &Ground,
    app: &App,
    candidates: BTreeMap<ResourceId, Record>,
) -> Result<Outcome, EngineError> {
    let engine = ground.engine();
    let mut session = engine.open(holder(), Wait::No).await?;
    session.adopt(candidates)?;
    session.observe_recorded().await?;
    let mut ports = Ports {
        records: &mut NoProjection,
        events: &mut NoEvents,
        stop: StopSignal::never(),
    };
    let desired = app.desired();
    session
        .deploy(
            &desired,
            &Consent::default(),
            OnFailure::Rollback,
            None,
            &mut ports,
        )
        .await
}

/// Of what Chalice has recorded only the order is known: a domain that is asked for before its path has gone would stay, as
/// one that others use does.
#[tokio::test(start_paused = true)]
async fn what_another_tool_recorded_is_deleted_in_its_order() {
    let made = Ground::new();
    let empty = made.cloud.world().facts(true);
    made.deploy(&everything()).await;
    let ground = made.made_by_chalice();
    let fork = ground.fork();
    fork.run(&Command::Delete).await.unwrap();
    let log = fork.cloud.log().into_iter().filter(|call| call.write);
    let mut paths = log
        .enumerate()
        .filter(|(_, call)| call.operation == "DeleteApiMapping");
    ground
        .cloud
        .fail(ground.cloud.writes() + paths.next().unwrap().0, Fault::Refuse);
    let outcome = ground.run(&Command::Delete).await.unwrap();
    assert!(
        matches!(&outcome, Outcome::Unswept { left } if left.len() > 1),
        "{outcome:?}"
    );
    assert_eq!(ground.run(&Command::Delete).await.unwrap(), Outcome::Done);
    assert_same(&empty, &ground.cloud.world().facts(true), "deleted");
    check_recorded(&ground, "deleted");
}

#[tokio::test(start_paused = true)]
async fn what_another_tool_recorded_is_adopted_without_a_write() {
    let made = Ground::new();
    made.deploy(&full()).await;
    let told = candidates(&made);
    let ground = made.forgotten();
    let before = ground.cloud.writes();
    assert_eq!(
        deploy_with(&ground, &full(), told).await.unwrap(),
        Outcome::Unchanged
    );
    assert_eq!((ground.cloud.writes(), ground.store.appends()), (before, 0));
    check_recorded(&ground, "adopted");
    check_still(&ground, &Command::Deploy(full()), "adopted").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_adopted_and_changed_is_brought_back_and_stays_adopted() {
    let made = Ground::new();
    made.deploy(&full()).await;
    let told = candidates(&made);
    let ground = made.forgotten();
    let old = ground.cloud.world().facts(true);
    let wanted = full().change(|app| {
        app.policy = 2;
        app.fun("one").memory = 512;
        app.http().version = 2;
    });
    ground.cloud.fail(ground.cloud.writes() + 3, Fault::Refuse);
    let outcome = deploy_with(&ground, &wanted, told.clone()).await.unwrap();
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(ground.cloud.world().facts(true), old);
    check_recorded(&ground, "adopted and brought back");
    assert_eq!(deploy_with(&ground, &wanted, told).await.unwrap(), Outcome::Done);
    check_recorded(&ground, "adopted and changed");
}

#[tokio::test(start_paused = true)]
async fn of_two_records_the_living_thing_counts_and_two_living_ones_are_refused() {
    let ground = Ground::new();
    ground.deploy(&full()).await;
    let mut told = candidates(&ground);
    let api = id("rest_api", "rest_api");
    let other = ground.cloud.meddle(|world| {
        let ours = world
            .apis
            .iter()
            .find(|(_, api)| api.mark.is_some())
            .map(|(_, api)| api.clone());
        world.apis.insert("api99".into(), ours.unwrap());
        Handle("api99".into())
    });
    told.get_mut(&api).unwrap().handle = other.clone();
    let refused = deploy_with(&ground, &full(), told.clone()).await;
    assert!(
        matches!(&refused, Err(EngineError::TwoLive { theirs, .. }) if *theirs == other),
        "{refused:?}"
    );

    let ours = ground.store.content().snapshot.unwrap().records[&api]
        .handle
        .clone();
    ground.cloud.meddle(|world| world.apis.remove(&ours.0));
    let outcome = deploy_with(&ground, &full(), told).await.unwrap();
    assert!(
        matches!(outcome, Outcome::Done | Outcome::Unchanged),
        "{outcome:?}"
    );
    assert_eq!(
        ground.store.content().snapshot.unwrap().records[&api].handle,
        other
    );
}

#[tokio::test(start_paused = true)]
async fn a_forced_deletion_leaves_the_other_of_two_living_things_and_tells() {
    let ground = Ground::new();
    ground.deploy(&full()).await;
    let mut told = candidates(&ground);
    let api = id("rest_api", "rest_api");
    let ours = told[&api].handle.clone();
    ground.cloud.meddle(|world| {
        let copy = world.apis[&ours.0].clone();
        world.apis.insert("api99".into(), copy);
    });
    told.get_mut(&api).unwrap().handle = Handle("api99".into());
    let engine = ground.engine();
    for force in [false, true] {
        let mut session = engine.open(holder(), Wait::No).await.unwrap();
        session.adopt(told.clone()).unwrap();
        let mut events = Vec::new();
        let mut ports = Ports {
            records: &mut NoProjection,
            events: &mut events,
            stop: StopSignal::never(),
        };
        let consent = Consent {
            force,
            ..Consent::default()
        };
        let ended = session.delete(&consent, &mut ports).await;
        if !force {
            assert!(matches!(ended, Err(EngineError::TwoLive { .. })), "{ended:?}");
            continue;
        }
        assert_eq!(ended.unwrap(), Outcome::Done);
        let spared = |event: &Event| matches!(event, Event::Said { code, text, .. } if code == "delete.spared" && text.contains("api99"));
        assert_eq!(
            events.iter().filter(|event| spared(event)).count(),
            1,
            "{events:?}"
        );
    }
    let world = ground.cloud.world();
    assert!(world.apis.contains_key("api99") && !world.apis.contains_key(&ours.0));
    assert!(world.functions.is_empty());
}

#[tokio::test(start_paused = true)]
async fn of_two_records_the_other_does_not_count_because_ours_could_not_be_looked_at() {
    let ground = Ground::new();
    ground.deploy(&full()).await;
    let mut told = candidates(&ground);
    let api = id("rest_api", "rest_api");
    let ours = ground.store.content().snapshot.unwrap().records[&api]
        .handle
        .clone();
    ground.cloud.meddle(|world| {
        let copy = world.apis[&ours.0].clone();
        world.apis.insert("api99".into(), copy);
        world.unseen.insert(ours.0.clone());
    });
    told.get_mut(&api).unwrap().handle = Handle("api99".into());
    let refused = deploy_with(&ground, &full(), told.clone()).await;
    assert!(
        matches!(&refused, Err(EngineError::Look(failed)) if failed.len() == 1 && failed[0].id == api),
        "{refused:?}"
    );

    let engine = ground.engine();
    let mut session = engine.open(holder(), Wait::No).await.unwrap();
    session.adopt(told).unwrap();
    let plan = session.plan_deletion(&Consent::default()).await.unwrap();
    let going = plan.steps().find(|step| step.resource == api).unwrap();
    assert_eq!(going.have.as_ref().unwrap().handle, ours, "not the other one");
}

/// Keeps what it is shown.
#[derive(Default)]
struct Shown(Vec<BTreeSet<ResourceId>>);

impl RecordSink for Shown {
    fn write(&mut self, txn: &Txn) -> Result<Option<Digest>, Box<dyn Error + Send + Sync>> {
        self.0.push(txn.existing().into_keys().collect());
        Ok(None)
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_adopted_is_shown_from_the_first_write_on() {
    let made = Ground::new();
    made.deploy(&full()).await;
    let told = candidates(&made);
    let ground = made.forgotten();
    let engine = ground.engine();
    let mut session = engine.open(holder(), Wait::No).await.unwrap();
    session.adopt(told.clone()).unwrap();
    let mut shown = Shown::default();
    let mut ports = Ports {
        records: &mut shown,
        events: &mut NoEvents,
        stop: StopSignal::never(),
    };
    let wanted = full().change(|app| app.policy = 2).desired();
    let outcome = session
        .deploy(
            &wanted,
            &Consent::default(),
            OnFailure::Rollback,
            None,
            &mut ports,
        )
        .await
        .unwrap();
    assert_eq!(outcome, Outcome::Done);
    let all: BTreeSet<_> = told.into_keys().collect();
    assert!(shown.0.len() > 1 && shown.0.iter().all(|shown| *shown == all));
}
