//! What holds for every policy of others and every wish of ours: ten thousand cases each, from a fixed seed, on a policy as a
//! document.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

/// The same cases in every run; a case that fails is printed, shrunk.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 10_000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(93),
        ..ProptestConfig::default()
    }
}

const FUNCTION: &str = "shop-dev-paper";
const PRINCIPALS: &[&str] = &["s3.amazonaws.com", "sns.amazonaws.com"];
const SOURCES: &[&str] = &["arn:aws:s3:::a", "arn:aws:s3:::b", "arn:aws:sns:us-east-1:1:t"];
/// Few, so that they meet.
const SIDS: &[&str] = &["1", "2", "grail-x"];

fn pick<'a>(all: &[&'a str], draw: u8) -> &'a str {
    all[usize::from(draw) % all.len()]
}

type Draws = [u8; 6];

/// A statement that anybody may have written, in our form or in another.
fn statement([sid, principal, source, account, form, _]: Draws) -> Value {
    let mut statement = json!({
        "Sid": pick(SIDS, sid), "Effect": "Allow", "Principal": {"Service": pick(PRINCIPALS, principal)},
        "Action": ACTION, "Resource": format!("arn:aws:lambda:us-east-1:1:function:{FUNCTION}"),
        "Condition": {"ArnLike": {"AWS:SourceArn": pick(SOURCES, source)}},
    });
    if account % 2 == 0 {
        statement["Condition"]["StringEquals"] = json!({"AWS:SourceAccount": "123456789012"});
    }
    match form {
        200..210 => statement["Effect"] = "Deny".into(),
        210..220 => statement["Action"] = "lambda:*".into(),
        220..230 => statement["Principal"] = json!({"AWS": "arn:aws:iam::1:root"}),
        230..240 => statement["Condition"]["StringLike"] = json!({"aws:x": "y"}),
        240..250 => drop(statement.as_object_mut().unwrap().remove("Condition")),
        _ => {}
    }
    statement
}

/// A policy has each id once.
fn policy() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(prop::array::uniform6(any::<u8>()), 0..5).prop_map(|all| {
        let mut policy: Vec<Value> = Vec::new();
        for one in all.into_iter().map(statement) {
            if policy.iter().all(|other| other["Sid"] != one["Sid"]) {
                policy.push(one);
            }
        }
        policy
    })
}

fn wish() -> impl Strategy<Value = Spec> {
    prop::array::uniform3(any::<u8>()).prop_map(|[principal, source, account]| Spec {
        function: FUNCTION.to_owned(),
        principal: pick(PRINCIPALS, principal).to_owned(),
        source_arn: pick(SOURCES, source).to_owned(),
        source_account: (account % 2 == 0).then(|| "123456789012".to_owned()),
    })
}

fn id(name: &str) -> ResourceId {
    ResourceId::new(LambdaPermission::KIND, name)
}

/// What Lambda adds for a statement of ours.
fn added(sid: &str, spec: &Spec) -> Value {
    let mut added = json!({
        "Sid": sid, "Effect": "Allow", "Principal": {"Service": spec.principal}, "Action": ACTION,
        "Resource": format!("arn:aws:lambda:us-east-1:1:function:{FUNCTION}"),
        "Condition": {"ArnLike": {"AWS:SourceArn": spec.source_arn}},
    });
    if let Some(account) = &spec.source_account {
        added["Condition"]["StringEquals"] = json!({"AWS:SourceAccount": account});
    }
    added
}

/// The statement of `id` as a look finds it.
fn found(policy: &[Value], id: &ResourceId, want: &Spec) -> Option<Statement> {
    let form = serde_json::to_value(want).unwrap();
    let at = Locator {
        id,
        handle: None,
        spec: Some(&form),
        token: None,
        record: None,
    };
    let statements: Vec<_> = policy.iter().filter_map(|one| read(FUNCTION, one)).collect();
    Sought::new(&at).unwrap().find(&statements).cloned()
}

/// Looks, and adds or changes as the type does.
fn bring(policy: &mut Vec<Value>, id: &ResourceId, want: &Spec) {
    let there = found(policy, id, want);
    if there.as_ref().is_some_and(|there| same(&there.spec, want)) {
        return;
    }
    let sid = sid(id, want);
    if policy.iter().all(|one| one["Sid"] != *sid) {
        policy.push(added(&sid, want));
    }
    if let Some(old) = there.filter(|old| old.sid != sid) {
        policy.retain(|one| one["Sid"] != *old.sid);
    }
}

/// What is neither of our making nor says what we want said.
fn others<'a>(policy: &'a [Value], id: &ResourceId, wishes: &[&Spec]) -> Vec<&'a Value> {
    let stem = stem(id);
    let ours = |one: &&Value| {
        let said = read(FUNCTION, one).is_some_and(|there| wishes.iter().any(|wish| same(&there.spec, wish)));
        said || one["Sid"].as_str().is_some_and(|sid| sid.starts_with(&stem))
    };
    policy.iter().filter(|one| !ours(one)).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_others_may_do_stays_to_the_byte_and_in_order(there in policy(), first in wish(), then in wish()) {
        let id = id("paper/s3");
        let mut now = there.clone();
        bring(&mut now, &id, &first);
        bring(&mut now, &id, &then);
        let wishes = [&first, &then];
        prop_assert_eq!(others(&now, &id, &wishes), others(&there, &id, &wishes));
        if let Some(ours) = found(&now, &id, &then) {
            now.retain(|one| one["Sid"] != *ours.sid);
        }
        prop_assert_eq!(others(&now, &id, &wishes), others(&there, &id, &wishes));
    }

    #[test]
    fn what_is_wanted_is_said_once_and_a_second_run_writes_nothing(there in policy(), first in wish(), then in wish()) {
        let id = id("paper/s3");
        let mut now = there;
        bring(&mut now, &id, &first);
        bring(&mut now, &id, &then);
        let stem = stem(&id);
        let says = |one: &&Value| read(FUNCTION, one).is_some_and(|there| same(&there.spec, &then));
        prop_assert!(now.iter().any(|one| says(&one)));
        let ours: Vec<_> = now.iter().filter(|one| one["Sid"].as_str().unwrap().starts_with(&stem)).collect();
        prop_assert!(ours.len() <= 1, "{:?}", ours);
        let settled = now.clone();
        bring(&mut now, &id, &then);
        prop_assert_eq!(now, settled);
    }

    #[test]
    fn two_of_ours_on_one_function_reach_a_fixed_point_in_any_order(
        there in policy(),
        mut one in wish(),
        mut two in wish(),
        turns in prop::collection::vec(any::<bool>(), 2..6),
    ) {
        PRINCIPALS[0].clone_into(&mut one.principal);
        PRINCIPALS[1].clone_into(&mut two.principal);
        let mut now = there;
        let turn = |now: &mut Vec<Value>, first: bool| match first {
            true => bring(now, &id("paper/s3"), &one),
            false => bring(now, &id("paper/sns"), &two),
        };
        for first in turns.into_iter().chain([true, false]) {
            turn(&mut now, first);
        }
        let settled = now.clone();
        turn(&mut now, true);
        turn(&mut now, false);
        prop_assert_eq!(now, settled);
    }
}
