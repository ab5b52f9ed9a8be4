//! The harness itself: emulators start, keep apart, and end.

use grail_tests::account::Account;
use grail_tests::emulator::{MiniStack, MiniStackSettings, Moto};
use grail_tests::patience;
use grail_tests::proxy::Proxy;
use grail_tests::runtime::block_on;
use grail_tests::world::World;

fn make_role(account: &Account, name: &str) {
    let trust = r#"{"Version":"2012-10-17","Statement":[]}"#;
    block_on(
        account
            .iam()
            .create_role()
            .role_name(name)
            .assume_role_policy_document(trust)
            .send(),
    )
    .unwrap();
}

fn listens(endpoint: &str) -> bool {
    std::net::TcpStream::connect(endpoint.trim_start_matches("http://")).is_ok()
}

#[test]
fn two_motos_share_nothing() {
    let (one, other) = (Moto::start(), Moto::start());
    make_role(&Account::at(&one.endpoint()), "lonely");
    assert_eq!(
        World::read(&Account::at(&one.endpoint())).names()["roles"],
        ["lonely"]
    );
    let empty = World::read(&Account::at(&other.endpoint()));
    assert!(empty.names().values().all(Vec::is_empty), "{:?}", empty.names());
}

#[test]
fn moto_ends_when_dropped_and_when_a_test_fails() {
    let moto = Moto::start();
    let endpoint = moto.endpoint();
    assert!(listens(&endpoint));
    drop(moto);
    assert!(!listens(&endpoint));

    let failed = std::thread::spawn(|| {
        let moto = Moto::start();
        std::panic::resume_unwind(Box::new(moto.endpoint()));
    });
    let endpoint = failed.join().unwrap_err().downcast::<String>().unwrap();
    assert!(!listens(&endpoint));
}

#[test]
fn a_twin_has_what_was_there_and_goes_its_own_way() {
    let moto = Moto::start();
    let proxy = Proxy::before_moto(&moto.endpoint());
    let account = Account::at(&proxy.quiet_endpoint());
    account.make_bucket("both");
    account.make_function("both");
    account.publish_layer("both");
    let before = World::read(&account);

    let twin = moto.twin();
    let twins = proxy.twin(&twin.endpoint());
    let other = Account::at(&twins.quiet_endpoint());
    World::read(&other).assert_untouched_since(&before);
    other.make_bucket("other");
    assert_eq!(World::read(&other).names()["buckets"], ["both", "other"]);
    World::read(&account).assert_untouched_since(&before);

    drop(moto);
    assert_eq!(World::read(&other).names()["functions"], ["both"]);
    let endpoint = twin.endpoint();
    drop(twin);
    patience::until("the end of a copied server", || {
        (!listens(&endpoint)).then_some(())
    });
}

#[test]
fn ministack_starts_keeps_its_state_and_ends() {
    let kept = tempfile::tempdir().unwrap();
    let settings = MiniStackSettings {
        state_dir: Some(kept.path().to_path_buf()),
        ..MiniStackSettings::default()
    };
    let stack = MiniStack::start(&settings);
    let endpoint = stack.endpoint();
    make_role(&Account::at(&endpoint), "keeper");
    drop(stack);
    assert!(!listens(&endpoint));

    let again = MiniStack::start(&settings);
    let roles = block_on(Account::at(&again.endpoint()).iam().list_roles().send()).unwrap();
    assert!(
        roles.roles().iter().any(|role| role.role_name() == "keeper"),
        "{roles:?}"
    );
    let fresh = MiniStack::start(&MiniStackSettings::default());
    let roles = block_on(Account::at(&fresh.endpoint()).iam().list_roles().send()).unwrap();
    assert!(
        roles.roles().iter().all(|role| role.role_name() != "keeper"),
        "{roles:?}"
    );
}
