//! State and journal that are not what was written, or not ours.
//!
//! Whatever is wrong with them: every command is refused with a sentence that names the file and the line, the files stay as
//! they are, and the account hears of nothing. With the right files back the next command goes on.
//!
//! `GRAIL_FLIPS=<number>` flips so many bits of each file, and displaces and tears so many lines, drawn by `GRAIL_SEED`;
//! `GRAIL_FLIPS=all` takes every bit and every line, one after the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use grail_state::snapshot::Home;
use grail_state::store::file::FileStore;
use grail_state::store::{LockError, StateStore, StoreError, Wait};
use grail_state::{Entry, StackId};
use jiff::Timestamp;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::filed::{Filed, run, snapshot_of};
use super::{drawn, each_plan, scene};
use crate::engine::trials::app::App;
use crate::engine::trials::corpus::{full, plans, small};
use crate::engine::trials::faults::Scene;
use crate::engine::trials::ground::{Command, holder};
use crate::engine::trials::oracle::{check_recorded, towards};
use crate::engine::trials::tally::Tally;
use crate::engine::{Engine, EngineError};
use crate::event::Outcome;

/// How many bits of each file are flipped if `GRAIL_FLIPS` does not say otherwise. Lines are fewer, and more can become of them.
const FLIPS: usize = 8;

/// What it is to be refused as.
#[derive(Clone, Copy, Debug, PartialEq)]
enum As {
    Damaged,
    Newer,
    Others,
}

/// One file in place of what was written.
struct Altered {
    how: String,
    path: PathBuf,
    /// `None` where the file is gone.
    content: Option<Vec<u8>>,
    refused: As,
    /// What the refusal says beside the name of the file.
    says: String,
}

/// A stage whose command was taken up by a second process, which died in the last moment: there are two epochs.
async fn left(scene: &Scene) -> Filed {
    let whole = scene.ground.fork();
    whole.run(&scene.command).await.unwrap();
    let left = Filed::before(scene).await;
    left.die_in(&scene.command, whole.store.appends() / 2, 0).await;
    left.die_in(&scene.command, usize::MAX, 0).await;
    left
}

/// A stage that was on its way back.
async fn left_on_the_way_back(scene: &Scene) -> Filed {
    let left = Filed::before(scene).await;
    left.die_in(&scene.command, 2, 0).await;
    left.die_in(&Command::Rollback, usize::MAX, 0).await;
    left
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// Numbers below `of`: all, or so many of them as there are to be.
#[expect(
    clippy::disallowed_methods,
    reason = "how many is asked of whoever runs the tests"
)]
fn places(of: usize, share: usize, name: &str) -> Vec<usize> {
    let wish = std::env::var("GRAIL_FLIPS").unwrap_or_default();
    if wish == "all" {
        return (0..of).collect();
    }
    let seed = std::env::var("GRAIL_SEED").unwrap_or_default();
    let mut rng = ChaCha8Rng::seed_from_u64(drawn(&format!("{seed} {name}")));
    let many = wish.parse().unwrap_or(FLIPS).div_ceil(share);
    (0..many).map(|_| rng.random_range(0..of)).collect()
}

/// The file at `path` with one bit flipped, over and over.
fn flipped<'a>(path: &'a Path, text: &'a [u8], name: &str) -> impl Iterator<Item = Altered> + 'a {
    let of_lines = path.ends_with("journal.ndjson");
    places(text.len() * 8, 1, name).into_iter().map(move |place| {
        let (at, bit) = (place / 8, place % 8);
        let mut content = text.to_vec();
        content[at] ^= 1 << bit;
        let line = 1 + text[..at].iter().filter(|byte| **byte == b'\n').count();
        let says = match of_lines {
            true => format!("line {line} "),
            false => String::new(),
        };
        Altered {
            how: format!("bit {bit} of byte {at} flipped"),
            path: path.to_owned(),
            content: Some(content),
            refused: As::Damaged,
            says,
        }
    })
}

/// A journal of which lines are torn, missing, doubled, or in each other's place.
fn shuffled(path: &Path, text: &[u8], name: &str) -> Vec<Altered> {
    let lines = lines(text);
    let mut all = Vec::new();
    let mut add = |how: String, order: Vec<&[u8]>, line: usize| {
        all.push(Altered {
            how,
            path: path.to_owned(),
            content: Some(order.concat()),
            refused: As::Damaged,
            says: format!("line {line} "),
        });
    };
    for at in places(lines.len(), 4, name) {
        let mut doubled = lines.clone();
        doubled.insert(at, lines[at]);
        add(format!("line {} twice", at + 1), doubled, at + 2);
        if at + 1 == lines.len() {
            // Without its last line, or with a part of it, it is what a crash would have left.
            continue;
        }
        let mut missing = lines.clone();
        missing.remove(at);
        add(format!("line {} missing", at + 1), missing, at + 1);
        for other in [at + 1, lines.len() - 1] {
            let mut order = lines.clone();
            order.swap(at, other);
            add(
                format!("lines {} and {} swapped", at + 1, other + 1),
                order,
                at + 1,
            );
        }
        let length = lines[at].len() - 1;
        for cut in [0, 1, length / 2, length - 1] {
            for end in [&b""[..], b"\n"] {
                let mut torn = lines.clone();
                let rest = [&lines[at][..cut], end].concat();
                torn[at] = &rest;
                // A line that is gone without a trace is a missing one.
                add(format!("line {} torn at {cut}", at + 1), torn, at + 1);
            }
        }
    }
    all
}

/// A snapshot that is cut off, gone, of a newer grail or of others.
fn replaced(path: &Path, text: &[u8]) -> Vec<Altered> {
    let altered = |how: &str, content: Option<Vec<u8>>, refused, says: &str| Altered {
        how: how.to_owned(),
        path: path.to_owned(),
        content,
        refused,
        says: says.to_owned(),
    };
    let mut all = vec![altered(
        "without its state",
        None,
        As::Damaged,
        "journal.ndjson is damaged: line 1 ",
    )];
    for eighths in 0..8 {
        let cut = text[..text.len() * eighths / 8].to_vec();
        all.push(altered(
            &format!("{eighths} eighths of it"),
            Some(cut),
            As::Damaged,
            "",
        ));
    }
    let cut = text[..text.len() - 1].to_vec();
    all.push(altered("all but its end", Some(cut), As::Damaged, "checksum"));
    let summed = String::from_utf8_lossy(text);
    let without = summed
        .split_inclusive('\n')
        .filter(|line| !line.contains("\"sum\""));
    let newer: String = without
        .collect::<String>()
        .replacen("\"schema\": 2", "\"schema\": 7", 1);
    all.push(altered(
        "newer",
        Some(newer.into_bytes()),
        As::Newer,
        "schema version 7",
    ));
    for (app, stage) in [("app", "prod"), ("blog", "dev")] {
        let theirs = snapshot_of(app, stage).to_text("state.json").unwrap();
        let says = format!("is the state of {app}-{stage}");
        all.push(altered(
            &format!("that of {app}-{stage}"),
            Some(theirs),
            As::Others,
            &says,
        ));
    }
    all
}

/// Both ways to begin, with the lock and without.
async fn refusals(engine: &Engine) -> [EngineError; 2] {
    tried(engine).await.map(Result::unwrap_err)
}

async fn tried(engine: &Engine) -> [Result<(), EngineError>; 2] {
    let open = engine.open(holder(), Wait::No).await.map(drop);
    [open, engine.read().await.map(drop)]
}

fn cause(refusal: &EngineError) -> &StoreError {
    match refusal {
        EngineError::Store(error) | EngineError::Lock(LockError::Store(error)) => error,
        other => panic!("{other:?}"),
    }
}

async fn check_refused(left: &Filed, altered: &Altered) {
    let right = left.content();
    match &altered.content {
        Some(content) => fs::write(&altered.path, content).unwrap(),
        None => fs::remove_file(&altered.path).unwrap(),
    }
    let wrong = left.content();
    let calls = left.ground.cloud.log().len();
    let engine = left.engine(Arc::new(left.files.clone()));
    let tried = tried(&engine).await;
    let kept = left.content() == wrong;
    for (path, content) in [left.state_path(), left.journal_path()].iter().zip(&right) {
        if let Some(content) = content {
            fs::write(path, content).unwrap();
        }
    }
    let how = &altered.how;
    assert!(kept, "{how}: the files were changed");
    assert_eq!(
        left.ground.cloud.log().len(),
        calls,
        "{how}: the account was called"
    );
    let name = altered.path.file_name().unwrap().to_str().unwrap();
    for refusal in tried {
        let Err(refusal) = refusal else {
            panic!("{how}: it was taken for what was written");
        };
        let error = cause(&refusal);
        let refused = match error {
            StoreError::Corrupt { .. } => As::Damaged,
            StoreError::TooNew { .. } => As::Newer,
            StoreError::OtherStack { .. } => As::Others,
            other => panic!("{how}: {other:?}"),
        };
        let said = error.to_string();
        assert_eq!(refused, altered.refused, "{how}: {said}");
        let named = altered.content.is_none() || said.contains(name);
        assert!(named && said.contains(&altered.says), "{how}: {said}");
    }
}

async fn refuse_everything(scene: &Scene, left: &Filed, how: &str, tally: &mut Tally) {
    let [state, journal] = left.content();
    let journal = journal.unwrap();
    let name = format!("{} {how}", scene.plan.name);
    let (state_path, journal_path) = (left.state_path(), left.journal_path());
    let of_journal = flipped(&journal_path, &journal, &name).chain(shuffled(&journal_path, &journal, &name));
    let of_state = state.iter().flat_map(|state| {
        let replaced = replaced(&state_path, state);
        flipped(&state_path, state, &name).chain(replaced)
    });
    for altered in of_journal.chain(of_state) {
        let file = altered.path.file_name().unwrap().to_string_lossy();
        let case = format!("{name} {file} {}", altered.how);
        tally.case(case, check_refused(left, &altered)).await;
    }
    let case = format!("{name} and then gone on");
    let trial = async {
        assert!(left.content() == [state.clone(), Some(journal.clone())], "{case}");
        assert_eq!(left.run(&scene.command).await.unwrap(), Outcome::Done);
        let ground = left.as_read().await;
        check_recorded(&ground, &case);
    };
    tally.case(case.clone(), trial).await;
}

/// False if the cases of certain plans are asked for, by the beginning of their names, and this is none of them.
#[expect(
    clippy::disallowed_methods,
    reason = "which cases to run is asked of whoever runs the tests"
)]
fn is_asked_for(plan: &str) -> bool {
    let only = std::env::var("GRAIL_CASE").unwrap_or_default();
    let begins = |name: &str| only.split(' ').next() == Some(name);
    begins(plan) || !plans().iter().any(|plan| begins(plan.name))
}

async fn alter_everything(scene: &Scene, tally: &mut Tally) {
    if !is_asked_for(scene.plan.name) {
        return;
    }
    let once = left(scene).await;
    refuse_everything(scene, &once, "resumed", tally).await;
    if scene.plan.to.is_some() {
        let back = left_on_the_way_back(scene).await;
        refuse_everything(scene, &back, "on its way back", tally).await;
    }
}

#[test]
fn what_was_altered_is_refused_and_nothing_is_lost() {
    each_plan("what_was_altered_is_refused", 1, alter_everything);
}

/// Entries with right checksums and numbers, in an order in which no run can have written them.
#[tokio::test(start_paused = true)]
async fn an_entry_that_cannot_stand_is_refused_by_its_line() {
    let scene = scene("mixed").await;
    let left = left(&scene).await;
    let engine = left.engine(Arc::new(left.files.clone()));
    let [_, journal] = left.content();
    let journal = journal.unwrap();
    let first = left.files.load().await.unwrap().journal.remove(0);
    let abort = Entry::Abort {
        why: "it was asked for".into(),
        at: Timestamp::UNIX_EPOCH,
    };
    // All is committed: no pass may begin, and no way back.
    for entry in [first, abort] {
        let lease = left.files.acquire(holder(), Wait::No).await.unwrap();
        left.files.append(&lease, 0, &[entry]).await.unwrap();
        drop(lease);
        let written = left.content();
        let calls = left.ground.cloud.log().len();
        for refusal in refusals(&engine).await {
            let said = cause(&refusal).to_string();
            let line = lines(written[1].as_deref().unwrap()).len();
            assert!(
                said.contains(&format!("journal.ndjson is damaged: line {line}: entry ")),
                "{said}"
            );
        }
        assert!(left.content() == written);
        assert_eq!(left.ground.cloud.log().len(), calls);
        fs::write(left.journal_path(), &journal).unwrap();
    }
    assert_eq!(left.run(&scene.command).await.unwrap(), Outcome::Done);
}

/// Before the first commit only the journal can tell whose it is.
#[tokio::test(start_paused = true)]
async fn the_journal_of_another_stage_or_application_is_refused() {
    for name in ["create-small", "create-full"] {
        let left = left(&scene(name).await).await;
        let written = left.content();
        assert!(written[0].is_none(), "nothing is committed yet");
        let calls = left.ground.cloud.log().len();
        for (app, stage) in [("app", "prod"), ("blog", "dev")] {
            let (app, stage) = (app.to_owned(), stage.to_owned());
            let files = FileStore::new(left.files.folder(), StackId { app, stage });
            for refusal in refusals(&left.engine(Arc::new(files))).await {
                let error = cause(&refusal);
                assert!(matches!(error, StoreError::OtherStack { .. }), "{error:?}");
                let said = error.to_string();
                assert!(
                    said.starts_with("line 1 of ") && said.contains("journal.ndjson"),
                    "{said}"
                );
            }
        }
        assert!(left.content() == written);
        assert_eq!(left.ground.cloud.log().len(), calls);
    }
}

fn home(account: &str, region: &str) -> Option<Home> {
    Some(Home {
        account: account.into(),
        region: region.into(),
    })
}

/// Before the first commit, and after it.
#[tokio::test(start_paused = true)]
async fn the_state_of_another_account_or_region_is_refused() {
    let scene = scene("create-full").await;
    let left = Filed::before(&scene).await;
    let engine = |home| Engine {
        home,
        ..left.engine(Arc::new(left.files.clone()))
    };
    let ours = home("123456789012", "eu-west-1");
    left.ground.cloud.die_in(3, true);
    let at_home = engine(ours.clone());
    tokio::select! {
        biased;
        () = left.ground.cloud.death() => {}
        ended = run(&at_home, &scene.command) => panic!("{ended:?}"),
    }
    for outcome in [Outcome::Done, Outcome::Unchanged] {
        let written = left.content();
        let calls = left.ground.cloud.log().len();
        for theirs in [
            home("210987654321", "eu-west-1"),
            home("123456789012", "us-east-1"),
        ] {
            for refusal in refusals(&engine(theirs)).await {
                assert!(matches!(refusal, EngineError::Elsewhere { .. }), "{refusal:?}");
                assert!(refusal.hint().is_some());
            }
        }
        assert!(left.content() == written);
        assert_eq!(left.ground.cloud.log().len(), calls);
        assert_eq!(run(&at_home, &scene.command).await.unwrap(), outcome);
    }
    check_recorded(&left.as_read().await, "in the right account");
}

/// A journal that was begun for another commit than the one that lies beside it.
#[tokio::test(start_paused = true)]
async fn a_state_of_before_is_refused_beside_a_journal_of_now() {
    let to = |app: App| towards(Some(&app));
    let left = Filed::before(&scene("create-small").await).await;
    assert_eq!(left.run(&to(small())).await.unwrap(), Outcome::Done);
    let [before, _] = left.content();
    assert_eq!(left.run(&to(full())).await.unwrap(), Outcome::Done);
    left.die_in(&to(small()), 4, 0).await;
    let written = left.content();
    fs::write(left.state_path(), before.unwrap()).unwrap();
    let engine = left.engine(Arc::new(left.files.clone()));
    for refusal in refusals(&engine).await {
        let said = cause(&refusal).to_string();
        assert!(said.contains("journal.ndjson is damaged: line 1 "), "{said}");
    }
    fs::write(left.state_path(), written[0].as_ref().unwrap()).unwrap();
    assert_eq!(left.run(&to(small())).await.unwrap(), Outcome::Done);
    check_recorded(&left.as_read().await, "with the right state");
}
