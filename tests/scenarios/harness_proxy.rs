//! The harness itself: the proxy counts, holds and fails calls as its rules say, in the form that an AWS client understands.

use std::time::Duration;

use grail_tests::account::sdk::iam::error::ProvideErrorMetadata;
use grail_tests::account::{Account, sdk};
use grail_tests::emulator::Moto;
use grail_tests::proxy::{Arrival, Effect, Fault, On, Proxy};
use grail_tests::runtime::block_on;
use grail_tests::world::World;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;

struct Stand {
    _moto: Moto,
    proxy: Proxy,
    iam: sdk::iam::Client,
    lambda: sdk::lambda::Client,
    apigateway: sdk::apigateway::Client,
    logs: sdk::logs::Client,
    s3: sdk::s3::Client,
    truth: Account,
}

/// Clients without retries: each call is one request.
fn stand() -> Stand {
    let moto = Moto::start();
    let proxy = Proxy::before_moto(&moto.endpoint());
    let account = Account::at(&proxy.endpoint()).without_retries();
    let truth = Account::at(&proxy.quiet_endpoint());
    Stand {
        iam: account.iam(),
        lambda: account.lambda(),
        apigateway: account.apigateway(),
        logs: account.logs(),
        s3: account.s3(),
        truth,
        proxy,
        _moto: moto,
    }
}

impl Stand {
    fn create_role(&self, name: &str) -> Result<(), String> {
        let asked = self
            .iam
            .create_role()
            .role_name(name)
            .assume_role_policy_document(TRUST)
            .send();
        block_on(asked)
            .map(|_| ())
            .map_err(|error| error.code().unwrap_or("no answer").to_owned())
    }

    fn roles(&self) -> Vec<String> {
        World::read(&self.truth)
            .names()
            .remove("roles")
            .unwrap_or_default()
    }
}

#[test]
fn calls_are_recorded_with_what_they_ask_and_what_came() {
    let stand = stand();
    stand.create_role("one").unwrap();
    block_on(stand.iam.get_role().role_name("one").send()).unwrap();
    block_on(stand.iam.get_role().role_name("two").send()).unwrap_err();
    block_on(stand.lambda.list_functions().send()).unwrap();
    let calls = stand.proxy.calls();
    assert_eq!(
        calls.names(),
        ["CreateRole", "GetRole", "GetRole", "ListFunctions"]
    );
    assert_eq!(calls.writes().names(), ["CreateRole"]);
    assert_eq!(calls.reads().len(), 3);
    assert_eq!(calls.counts()["GetRole"], 2);
    let first = calls.iter().next().unwrap();
    assert_eq!(
        (first.operation.service.as_str(), first.status),
        ("iam", Some(200))
    );
    assert_eq!(first.body["AssumeRolePolicyDocument"], TRUST);
    let statuses: Vec<_> = calls.iter().map(|call| call.status.unwrap()).collect();
    assert_eq!(statuses, [200, 200, 404, 200]);
    assert_eq!(calls.max_in_flight(), 1);
    stand.proxy.forget_calls();
    assert!(stand.proxy.calls().is_empty());
}

#[test]
fn the_quiet_address_leaves_no_trace_and_meets_no_fault() {
    let stand = stand();
    let rule = stand.proxy.inject(On::everything(), Fault::Throttle);
    assert!(stand.roles().is_empty());
    assert_eq!((rule.struck(), stand.proxy.calls().len()), (0, 0));
}

#[test]
fn refusals_are_understood_in_every_protocol() {
    let stand = stand();
    let rule = stand.proxy.inject(On::everything(), Fault::access_denied());
    let code = "AccessDeniedException";
    assert_eq!(
        block_on(stand.iam.list_roles().send()).unwrap_err().code(),
        Some(code)
    );
    assert_eq!(
        block_on(stand.lambda.list_functions().send()).unwrap_err().code(),
        Some(code)
    );
    assert_eq!(
        block_on(stand.apigateway.get_rest_apis().send())
            .unwrap_err()
            .code(),
        Some(code)
    );
    assert_eq!(
        block_on(stand.logs.describe_log_groups().send())
            .unwrap_err()
            .code(),
        Some(code)
    );
    assert_eq!(
        block_on(stand.s3.list_buckets().send()).unwrap_err().code(),
        Some(code)
    );
    assert_eq!(rule.struck(), 5);
    stand.proxy.heal();

    let rule = stand.proxy.inject(On::everything(), Fault::Throttle);
    let throttled = block_on(stand.lambda.list_functions().send()).unwrap_err();
    assert_eq!(throttled.code(), Some("TooManyRequestsException"));
    assert_eq!(throttled.raw_response().unwrap().status().as_u16(), 429);
    assert_eq!(
        block_on(stand.iam.list_roles().send()).unwrap_err().code(),
        Some("Throttling")
    );
    assert_eq!(
        block_on(stand.s3.list_buckets().send()).unwrap_err().code(),
        Some("SlowDown")
    );
    assert_eq!(rule.struck(), 3);
}

#[test]
fn a_rule_strikes_the_calls_it_names_and_no_others() {
    let stand = stand();
    let second = stand
        .proxy
        .inject(On::operation("CreateRole").nth(2), Fault::access_denied());
    let about = stand.proxy.inject(
        On::writes().about("marked"),
        Fault::refuse(400, "MalformedPolicyDocument", "no"),
    );
    assert_eq!(stand.create_role("one"), Ok(()));
    assert_eq!(stand.create_role("two"), Err("AccessDeniedException".into()));
    assert_eq!(stand.create_role("three"), Ok(()));
    assert_eq!(stand.create_role("marked"), Err("MalformedPolicyDocument".into()));
    assert_eq!((second.struck(), about.struck()), (1, 1));
    assert_eq!(stand.roles(), ["one", "three"]);
    let faults: Vec<_> = stand.proxy.calls().iter().map(|call| call.fault).collect();
    assert_eq!(faults, [None, Some("refuse"), None, Some("refuse")]);
}

#[test]
fn answers_are_lost_before_or_after_the_effect() {
    let stand = stand();
    let faults = [
        (Fault::ServerError(Effect::None), "ServiceFailure", false),
        (Fault::ServerError(Effect::Done), "ServiceFailure", true),
        (Fault::Drop(Effect::None), "no answer", false),
        (Fault::Drop(Effect::Done), "no answer", true),
        (Fault::Reset(Effect::None), "no answer", false),
        (Fault::Reset(Effect::Done), "no answer", true),
    ];
    for (index, (fault, code, there)) in faults.into_iter().enumerate() {
        let name = format!("role-{index}");
        let rule = stand
            .proxy
            .inject(On::operation("CreateRole").nth(1), fault.clone());
        assert_eq!(stand.create_role(&name), Err(code.to_owned()), "{fault:?}");
        assert_eq!(rule.struck(), 1);
        assert_eq!(stand.roles().contains(&name), there, "{fault:?}");
        stand.proxy.heal();
    }
}

#[test]
fn a_late_request_arrives_when_it_is_let() {
    let stand = stand();
    stand.proxy.inject(
        On::operation("CreateRole").nth(1),
        Fault::Late(Arrival::WhenReleased),
    );
    assert_eq!(stand.create_role("late"), Err("no answer".into()));
    assert!(stand.roles().is_empty());
    stand.proxy.release_late();
    arrives(&stand, "late");

    stand.proxy.heal();
    stand.proxy.inject(
        On::operation("CreateRole").nth(1),
        Fault::Late(Arrival::AfterCalls(2)),
    );
    assert_eq!(stand.create_role("later"), Err("no answer".into()));
    block_on(stand.iam.list_roles().send()).unwrap();
    assert!(!stand.roles().contains(&"later".to_owned()));
    block_on(stand.iam.list_roles().send()).unwrap();
    arrives(&stand, "later");
}

/// A request that was let go is still on its way for a moment.
fn arrives(stand: &Stand, role: &str) {
    for _ in 0..500 {
        if stand.roles().contains(&role.to_owned()) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{role} never arrived");
}

#[test]
fn a_gate_shows_calls_in_flight_together_and_their_absence() {
    let stand = stand();
    let gate = stand.proxy.hold(On::operation("CreateRole"), 3);
    std::thread::scope(|scope| {
        for name in ["a", "b", "c"] {
            let stand = &stand;
            scope.spawn(move || stand.create_role(name).unwrap());
        }
    });
    gate.assert_met();
    assert_eq!(stand.proxy.calls().max_in_flight(), 3);
    assert_eq!(stand.create_role("after"), Ok(()));
    assert_eq!(stand.roles().len(), 4);

    let alone = stand
        .proxy
        .hold_for(On::operation("DeleteRole"), 2, Duration::from_millis(100));
    block_on(stand.iam.delete_role().role_name("a").send()).unwrap();
    assert!(!alone.was_met());
}

#[test]
fn a_call_whose_client_has_gone_takes_effect_all_the_same() {
    let stand = stand();
    stand.proxy.inject(
        On::operation("CreateRole"),
        Fault::Delay(Duration::from_millis(300)),
    );
    let asked = stand
        .iam
        .create_role()
        .role_name("left")
        .assume_role_policy_document(TRUST)
        .send();
    let gave_up = block_on(async { tokio::time::timeout(Duration::from_millis(100), asked).await });
    assert!(gave_up.is_err());
    arrives(&stand, "left");
}
