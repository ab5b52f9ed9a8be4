//! A sample of what `cargo run -p grail-tests -- exhaustive` tries whole: grail is killed, refused and left without answers, on
//! the project that has every kind of resource. What is drawn is printed with its seed; `GRAIL_SEED=<number>` draws another.
//!
//! On the small project every write is refused and every answer lost, one after the other, in every run of these tests; and
//! a few blows fall on it before MiniStack, which is slow but has a Lambda that runs.

use std::path::Path;

use grail_tests::exhaustive::{Blow, Case, Chapter, Cloud, How, Story, Subject};
use grail_tests::proxy::Effect;

/// A story, which goes with all its copies when the test is over.
fn story(subject: &str, chapter: Chapter, cloud: Cloud) -> Story {
    let subject = Subject::named(subject).expect("a subject of this name");
    Story::rehearsed(subject, chapter, cloud, Path::new(env!("CARGO_BIN_EXE_grail")))
}

/// Plays so many of the cases that `wanted` takes.
fn sample(story: &Story, most: usize, wanted: impl Fn(&Blow) -> bool) {
    let mut cases = Case::all(story);
    cases.retain(|case| wanted(&case.blow));
    let (of, seed) = (cases.len(), seed());
    let drawn = Case::drawn(cases, most, seed);
    announce(&format!("{} of {of} cases, seed {seed}", drawn.len()));
    play(&drawn);
}

fn play(cases: &[Case<'_>]) {
    assert!(!cases.is_empty(), "there is nothing to play");
    for case in cases {
        announce(&case.to_string());
        if let Err(why) = case.play() {
            panic!("{case}: {why}\nagain: cargo run -p grail-tests -- exhaustive '{case}'");
        }
    }
}

#[expect(clippy::print_stdout, reason = "a test that fails shows what it has drawn")]
fn announce(line: &str) {
    println!("{line}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "another sample is asked for in the environment"
)]
fn seed() -> u64 {
    let wish = std::env::var("GRAIL_SEED").ok();
    wish.and_then(|text| text.parse().ok()).unwrap_or(20_260_101)
}

/// Some of each kind of blow, at the project that has every kind of resource.
fn strike_everything(chapter: Chapter, kills: usize) {
    let story = story("everything", chapter, Cloud::Moto);
    sample(&story, kills, Blow::is_kill);
    sample(&story, 2, |blow| matches!(blow, Blow::Refuse { .. }));
    // One that hangs costs half a minute: the small project has one.
    sample(
        &story,
        3,
        |blow| matches!(blow, Blow::Lose { how, .. } if !matches!(how, How::Hang(_))),
    );
    sample(&story, 1, |blow| *blow == Blow::Storm);
    if chapter == Chapter::Update {
        sample(&story, 1, |blow| *blow == Blow::Resets);
    }
}

#[test]
fn a_first_deploy_of_everything_is_struck() {
    strike_everything(Chapter::First, 6);
}

#[test]
fn an_update_of_everything_is_struck() {
    strike_everything(Chapter::Update, 6);
}

#[test]
fn a_deletion_of_everything_is_struck() {
    strike_everything(Chapter::Delete, 4);
}

/// Each write is refused; each answer is lost, in one way or another.
fn strike_each_write_of_the_shop(chapter: Chapter) {
    const WAYS: [How; 3] = [
        How::Drop(Effect::Done),
        How::Error(Effect::Done),
        How::Reset(Effect::Done),
    ];
    let story = story("shop", chapter, Cloud::Moto);
    let mut cases = Case::all(&story);
    cases.retain(|case| match case.blow {
        // Alone, so that each write has its turn; together, so that others are in flight when one is refused.
        Blow::Refuse { write, width } => (write % 3 == 0) == (width == 32),
        Blow::Lose { how, write, width: 1 } => WAYS[write % WAYS.len()] == how,
        _ => false,
    });
    play(&cases);
}

#[test]
fn each_write_of_a_first_deploy_is_struck() {
    strike_each_write_of_the_shop(Chapter::First);
}

#[test]
fn each_write_of_an_update_is_struck() {
    strike_each_write_of_the_shop(Chapter::Update);
}

#[test]
fn each_write_of_a_deletion_is_struck() {
    strike_each_write_of_the_shop(Chapter::Delete);
}

#[test]
fn a_write_that_is_never_answered_does_not_hang_grail() {
    let story = story("shop", Chapter::First, Cloud::Moto);
    sample(&story, 1, |blow| {
        matches!(
            blow,
            Blow::Lose {
                how: How::Hang(_),
                width: 1,
                ..
            }
        )
    });
}

/// A few blows at the small project on MiniStack, of which no copy can be made: each begins from nothing.
fn strike_on_ministack(chapter: Chapter, kills: usize) {
    let story = story("shop", chapter, Cloud::MiniStack);
    sample(&story, kills, Blow::is_kill);
    sample(&story, 1, |blow| matches!(blow, Blow::Refuse { .. }));
}

#[test]
fn a_first_deploy_on_ministack_is_struck() {
    strike_on_ministack(Chapter::First, 1);
}

#[test]
fn an_update_on_ministack_is_struck() {
    strike_on_ministack(Chapter::Update, 2);
}

#[test]
fn a_deletion_on_ministack_is_struck() {
    strike_on_ministack(Chapter::Delete, 1);
}
