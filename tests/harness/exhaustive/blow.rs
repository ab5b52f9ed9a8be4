//! What strikes a run, where, and what is done about it.

use std::fmt;
use std::time::Duration;

use super::Chapter;
use crate::proxy::{Arrival, Effect, Fault};

/// How one write is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The connection ends in order.
    Drop(Effect),
    /// The connection is reset.
    Reset(Effect),
    /// The service says that it failed.
    Error(Effect),
    /// The connection ends; the request arrives a moment later.
    Late,
    /// The service throttles.
    Throttle,
    /// No answer ever comes.
    Hang(Effect),
}

impl How {
    const ALL: [How; 10] = [
        How::Drop(Effect::None),
        How::Drop(Effect::Done),
        How::Reset(Effect::None),
        How::Reset(Effect::Done),
        How::Error(Effect::None),
        How::Error(Effect::Done),
        How::Late,
        How::Throttle,
        How::Hang(Effect::None),
        How::Hang(Effect::Done),
    ];

    /// The fault that the proxy strikes with.
    pub(super) fn fault(self) -> Fault {
        match self {
            How::Drop(effect) => Fault::Drop(effect),
            How::Reset(effect) => Fault::Reset(effect),
            How::Error(effect) => Fault::ServerError(effect),
            // Within the second for which absence is not believed on this machine.
            How::Late => Fault::Late(Arrival::After(Duration::from_millis(300))),
            How::Throttle => Fault::Throttle,
            How::Hang(effect) => Fault::Silence(effect),
        }
    }
}

/// What follows a death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The same command.
    Again,
    /// `rollback`.
    Back,
    /// `delete`; after a deletion that died, `deploy`.
    Otherwise,
}

/// What strikes a run. Writes are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// One write is refused for good.
    Refuse {
        /// Which.
        write: usize,
        /// How many calls may be in flight.
        width: u16,
    },
    /// One write, or the answer to it, is lost.
    Lose {
        /// How.
        how: How,
        /// Which.
        write: usize,
        /// How many calls may be in flight.
        width: u16,
    },
    /// grail is killed at one write.
    Kill {
        /// Whether the write took effect.
        effect: Effect,
        /// Which.
        write: usize,
        /// How many calls may be in flight.
        width: u16,
        /// What is done then.
        then: Then,
    },
    /// The first write of each operation is throttled, the second fails after its effect.
    Storm,
    /// The first write of each operation ends in a reset before, the second in one after its effect.
    Resets,
    /// The first write of each operation is never answered, though it takes effect.
    Hangs,
    /// From one write on nothing is answered any more, reads included.
    Silence {
        /// Which.
        write: usize,
    },
}

impl Blow {
    /// Every blow at a story of so many writes.
    pub fn all(writes: usize, chapter: Chapter) -> Vec<Blow> {
        let mut all = vec![Blow::Storm, Blow::Resets, Blow::Hangs];
        for write in 1..=writes {
            for width in [1, 32] {
                all.push(Blow::Refuse { write, width });
                all.extend(How::ALL.map(|how| Blow::Lose { how, write, width }));
                all.extend(Blow::kills(write, width, chapter));
            }
        }
        // A minute or more each, and alike: the first, the middle and the last write tell.
        let mut ends = vec![1, writes.div_ceil(2), writes];
        ends.dedup();
        all.extend(ends.into_iter().map(|write| Blow::Silence { write }));
        all
    }

    fn kills(write: usize, width: u16, chapter: Chapter) -> impl Iterator<Item = Blow> {
        let thens = match chapter {
            Chapter::First | Chapter::Update => &[Then::Again, Then::Back, Then::Otherwise][..],
            // A deletion commits before its first write: there is no way back.
            Chapter::Delete => &[Then::Again, Then::Otherwise][..],
        };
        [Effect::None, Effect::Done].into_iter().flat_map(move |effect| {
            thens.iter().map(move |then| Blow::Kill {
                effect,
                write,
                width,
                then: *then,
            })
        })
    }

    /// Whether grail is killed.
    pub fn is_kill(&self) -> bool {
        matches!(self, Blow::Kill { .. })
    }
}

impl fmt::Display for Blow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Blow::Refuse { write, width } => write!(f, "refuse@{write}x{width}"),
            Blow::Lose { how, write, width } => {
                let (word, effect) = match how {
                    How::Drop(effect) => ("drop", Some(effect)),
                    How::Reset(effect) => ("reset", Some(effect)),
                    How::Error(effect) => ("error", Some(effect)),
                    How::Late => ("late", None),
                    How::Throttle => ("throttle", None),
                    How::Hang(effect) => ("hang", Some(effect)),
                };
                let when = effect.map(side).unwrap_or_default();
                write!(f, "{word}{when}@{write}x{width}")
            }
            Blow::Kill {
                effect,
                write,
                width,
                then,
            } => {
                let then = match then {
                    Then::Again => "again",
                    Then::Back => "back",
                    Then::Otherwise => "otherwise",
                };
                write!(f, "kill{}@{write}x{width}/{then}", side(effect))
            }
            Blow::Storm => f.write_str("storm"),
            Blow::Resets => f.write_str("resets"),
            Blow::Hangs => f.write_str("hangs"),
            Blow::Silence { write } => write!(f, "silence@{write}"),
        }
    }
}

fn side(effect: &Effect) -> &'static str {
    match effect {
        Effect::None => "-before",
        Effect::Done => "-after",
    }
}
