//! A sample of what `cargo run -p grail-tests -- exhaustive` tries whole: grail is killed, refused and left without answers, on
//! the project that has every kind of resource. What is drawn is printed with its seed; `GRAIL_SEED=<number>` draws another.
//!
//! On the small project every write is refused and every answer lost, one after the other, in every run of these tests.

use std::path::Path;
use std::sync::OnceLock;

use grail_tests::exhaustive::{Blow, Case, Chapter, Cloud, How, Story, Subject};
use grail_tests::proxy::Effect;

/// A project and its three chapters, each prepared when it is first asked for.
struct Tale {
    subject: &'static str,
    cloud: Cloud,
    chapters: [OnceLock<Story>; 3],
}

impl Tale {
    const fn of(subject: &'static str, cloud: Cloud) -> Tale {
        Tale {
            subject,
            cloud,
            chapters: [const { OnceLock::new() }; 3],
        }
    }

    fn chapter(&self, chapter: Chapter) -> &Story {
        let [first, update, delete] = &self.chapters;
        let told = match chapter {
            Chapter::First => first,
            Chapter::Update => update,
            Chapter::Delete => delete,
        };
        let subject = Subject::named(self.subject).expect("a subject of this name");
        let binary = Path::new(env!("CARGO_BIN_EXE_grail"));
        told.get_or_init(|| Story::rehearsed(subject, chapter, self.cloud, binary))
    }
}

static EVERYTHING: Tale = Tale::of("everything", Cloud::Moto);
static SHOP: Tale = Tale::of("shop", Cloud::Moto);

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

/// Plays every case that `wanted` takes, on each chapter of the small project.
fn play_on_the_shop(wanted: impl Fn(&Blow) -> bool) {
    for chapter in Chapter::ALL {
        let mut cases = Case::all(SHOP.chapter(chapter));
        cases.retain(|case| wanted(&case.blow));
        play(&cases);
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

#[test]
fn kills_in_a_first_deploy() {
    sample(EVERYTHING.chapter(Chapter::First), 6, Blow::is_kill);
}

#[test]
fn kills_in_an_update() {
    sample(EVERYTHING.chapter(Chapter::Update), 7, Blow::is_kill);
}

#[test]
fn kills_in_a_deletion() {
    sample(EVERYTHING.chapter(Chapter::Delete), 5, Blow::is_kill);
}

#[test]
fn refusals_on_everything() {
    for chapter in Chapter::ALL {
        sample(EVERYTHING.chapter(chapter), 2, |blow| {
            matches!(blow, Blow::Refuse { .. })
        });
    }
}

#[test]
fn losses_on_everything() {
    let passes_soon = |blow: &Blow| matches!(blow, Blow::Lose { how, .. } if !matches!(how, How::Hang(_)));
    for chapter in Chapter::ALL {
        sample(EVERYTHING.chapter(chapter), 3, passes_soon);
    }
}

#[test]
fn storms_on_everything() {
    for chapter in Chapter::ALL {
        sample(EVERYTHING.chapter(chapter), 1, |blow| *blow == Blow::Storm);
    }
    sample(EVERYTHING.chapter(Chapter::Update), 1, |blow| {
        *blow == Blow::Resets
    });
}

#[test]
fn each_write_of_the_shop_is_refused() {
    // Alone, so that each write has its turn; together, so that others are in flight when one is refused.
    play_on_the_shop(
        |blow| matches!(blow, Blow::Refuse { write, width } if (write % 3 == 0) == (*width == 32)),
    );
}

#[test]
fn each_answer_to_the_shop_is_lost() {
    let ways = [
        How::Drop(Effect::Done),
        How::Error(Effect::Done),
        How::Reset(Effect::Done),
    ];
    play_on_the_shop(|blow| match blow {
        Blow::Lose { how, write, width: 1 } => ways[write % ways.len()] == *how,
        _ => false,
    });
}

#[test]
fn a_write_that_is_never_answered_does_not_hang_grail() {
    sample(SHOP.chapter(Chapter::First), 1, |blow| {
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
