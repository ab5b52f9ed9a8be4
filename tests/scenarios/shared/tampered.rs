//! A state that was altered, cut off, or is somebody else's, on this machine and in a bucket: every command refuses it with a
//! sentence that says what to do, and leaves it as it is, to the byte.

use grail_tests::account::Account;
use grail_tests::cli::Grail;
use grail_tests::runtime::block_on;
use serde_json::Value;

use super::{BUCKET, Team, shop};
use crate::stand::Stand;

/// Every command that reads the state, or would write it.
const COMMANDS: [&[&str]; 14] = [
    &["plan"],
    &["deploy"],
    &["delete"],
    &["rollback"],
    &["status"],
    &["url"],
    &["drift"],
    &["graph"],
    &["watch", "--until-converged", "--follow", "off", "--timeout", "1m"],
    &["state", "list"],
    &["state", "show", "lambda_function.api_handler"],
    &["state", "forget", "lambda_function.api_handler"],
    &[
        "state",
        "move",
        "lambda_function.api_handler",
        "lambda_function.other",
    ],
    &["state", "pull"],
];
const STATE: &str = ".chalice/grail/dev/state.json";

struct Case {
    name: &'static str,
    spoil: fn(&[u8]) -> Vec<u8>,
    /// What is said wherever the state lies.
    says: &'static [&'static str],
    /// Whether it is what belongs to another place, and not damage.
    of_another_account: bool,
}

fn case(name: &'static str, spoil: fn(&[u8]) -> Vec<u8>, says: &'static [&'static str]) -> Case {
    Case {
        name,
        spoil,
        says,
        of_another_account: false,
    }
}

fn cases() -> Vec<Case> {
    vec![
        case(
            "a flipped bit",
            |text| flipped(text, text.len() / 2),
            &["is damaged", "left as they are"],
        ),
        case(
            "a flipped bit in the checksum",
            |text| flipped(text, 14),
            &["is damaged", "left as they are"],
        ),
        case(
            "cut off",
            |text| text[..text.len() / 2].to_vec(),
            &["is damaged", "left as they are"],
        ),
        case(
            "a newer form",
            |text| edited(text, "/schema", 999.into()),
            &["schema version 999", "use the newer grail"],
        ),
        case(
            "another application",
            |text| edited(text, "/stack/app", "store".into()),
            &["is the state of store-dev", "copy of another"],
        ),
        case(
            "another stage",
            |text| edited(text, "/stack/stage", "prod".into()),
            &["is the state of shop-prod", "copy of another"],
        ),
        Case {
            of_another_account: true,
            ..case(
                "another account",
                |text| edited(text, "/home/account", "999999999999".into()),
                &["lives in account 999999999999", "use the profile and region"],
            )
        },
    ]
}

fn flipped(text: &[u8], at: usize) -> Vec<u8> {
    let mut text = text.to_vec();
    text[at] ^= 1;
    text
}

/// As by hand: changed, without its checksum.
fn edited(text: &[u8], pointer: &str, value: Value) -> Vec<u8> {
    let mut document: Value = serde_json::from_slice(text).unwrap();
    document.as_object_mut().unwrap().remove("sum");
    *document.pointer_mut(pointer).unwrap() = value;
    serde_json::to_vec_pretty(&document).unwrap()
}

#[track_caller]
fn refused(grail: &Grail, command: &[&str], case: &Case, besides: &str) {
    let run = grail.run(command);
    assert_eq!(run.code, Some(1), "{}: {run}", case.name);
    for part in case.says.iter().chain([&besides]) {
        assert!(
            run.stderr.contains(part),
            "{}: it does not say {part:?}: {run}",
            case.name
        );
    }
}

#[test]
fn on_this_machine() {
    let stand = Stand::with_the_shop_open();
    let good = stand.project.read(STATE);
    for case in cases() {
        let spoilt = (case.spoil)(good.as_bytes());
        std::fs::write(stand.project.root().join(STATE), &spoilt).unwrap();
        let memory = stand.memory();
        stand.proxy.forget_calls();
        for command in COMMANDS {
            let what = if case.of_another_account { "" } else { "state.json" };
            refused(&stand.grail, command, &case, what);
            assert_eq!(stand.memory(), memory, "{}", case.name);
        }
        assert_eq!(stand.proxy.calls().writes().names(), [""; 0], "{}", case.name);
    }
    stand.project.write(STATE, &good);
    assert_eq!(stand.deploy().writes().names(), [""; 0]);
}

#[test]
fn in_a_bucket() {
    let team = Team::start();
    let project = shop();
    let ann = team.machine(&project, "ann");
    ann.run(&["deploy"]).expect_success();
    let good = object(&team, "/state");
    let at = good.1.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for case in cases() {
        let spoilt = (case.spoil)(&good.1[at..]);
        put(&team, &good.0, &[&good.1[..at], &spoilt].concat());
        for command in COMMANDS {
            let what = if case.of_another_account {
                ""
            } else {
                "states/shop/dev/state"
            };
            refused(&ann, command, &case, what);
            let now = object(&team, "/state").1;
            let line = now.iter().position(|byte| *byte == b'\n').unwrap() + 1;
            assert_eq!(now[line..], spoilt, "{}", case.name);
        }
    }
    put(&team, &good.0, &good.1);

    // An entry of an open transaction: nobody goes on, or back, over it.
    team.proxy.forget_calls();
    super::grow(&project);
    team.die_at(2, &ann);
    let entry = object(&team, "/journal/");
    let spoilt = flipped(&entry.1, entry.1.len() / 2);
    put(&team, &entry.0, &spoilt);
    let damage = case(
        "an entry",
        <[u8]>::to_vec,
        &["is damaged", "bring back earlier versions", "`journal/`"],
    );
    for command in COMMANDS {
        refused(&ann.clone(), command, &damage, &entry.0);
        assert_eq!(object(&team, &entry.0).1, spoilt);
    }
    put(&team, &entry.0, &entry.1);
    ann.run(&["rollback"]).expect_success();
}

/// The first object whose key holds this.
fn object(team: &Team, part: &str) -> (String, Vec<u8>) {
    let mut objects = team.objects().into_iter();
    objects
        .find(|(key, _)| key.contains(part))
        .unwrap_or_else(|| panic!("no object {part}"))
}

fn put(team: &Team, key: &str, bytes: &[u8]) {
    let s3 = Account::at(&team.bucket.endpoint()).s3();
    block_on(
        s3.put_object()
            .bucket(BUCKET)
            .key(key)
            .body(bytes.to_vec().into())
            .send(),
    )
    .unwrap();
}
