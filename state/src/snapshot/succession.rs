//! Whether one state may take the place of another, where somebody brings it by hand.
//!
//! Each state says up to where the journal is folded into it, and when it was committed. Of two that one store has had, the
//! former tells which is newer, and nothing is lost to a clock; of two from different stores only the latter means anything.
//! So a state is older where either says so: a wrong refusal is overruled by a word, a wrong yes by nothing.

use jiff::Timestamp;

use super::{Folded, Home, Snapshot};

/// Why a state is not to take the place of another unless somebody insists.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSuccessor {
    /// They describe two places.
    #[error(
        "it is the state of account {} and region {}, and the one in its place is that of account {} and region {}",
        .new.account, .new.region, .old.account, .old.region
    )]
    OtherHome {
        /// Where the one that was brought lives.
        new: Home,
        /// Where the one in its place lives.
        old: Home,
    },
    /// The one that is there was committed later.
    #[error("it was committed {}, and the one in its place {}", when(.new), when(.old))]
    CommittedBefore {
        /// When the one that was brought was committed.
        new: Option<Timestamp>,
        /// When the one in its place was committed.
        old: Option<Timestamp>,
    },
    /// The one that is there was written later.
    #[error("it is number {}, and the one in its place is number {}", number(.new), number(.old))]
    WrittenBefore {
        /// Up to where the journal is folded into the one that was brought.
        new: Folded,
        /// The same of the one in its place.
        old: Folded,
    },
}

fn when(committed: &Option<Timestamp>) -> String {
    committed.map_or_else(|| "never".to_owned(), |at| format!("at {at:.0}"))
}

fn number(folded: &Folded) -> String {
    format!("{}.{}", folded.epoch, folded.seq)
}

impl Snapshot {
    /// Whether nothing is known but whose state it is.
    pub fn is_blank(&self) -> bool {
        self.records.is_empty() && self.doomed.is_empty() && self.committed.is_none()
    }

    /// Whether `self` may take the place of `old` of the same stack.
    ///
    /// # Errors
    /// The first reason why not.
    pub fn may_follow(&self, old: &Snapshot) -> Result<(), NoSuccessor> {
        if let (Some(new), Some(old)) = (&self.home, &old.home)
            && new != old
        {
            return Err(NoSuccessor::OtherHome {
                new: new.clone(),
                old: old.clone(),
            });
        }
        if old.is_blank() {
            return Ok(());
        }
        if self.committed < old.committed {
            return Err(NoSuccessor::CommittedBefore {
                new: self.committed,
                old: old.committed,
            });
        }
        if self.folded < old.folded {
            return Err(NoSuccessor::WrittenBefore {
                new: self.folded,
                old: old.folded,
            });
        }
        Ok(())
    }

    /// Whether the same is known in `other`, however it came to be known.
    pub fn knows_the_same_as(&self, other: &Snapshot) -> bool {
        self.records == other.records
            && self.doomed == other.doomed
            && self.prune == other.prune
            && self.protected == other.protected
            && self.home == other.home
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::StackId;

    fn snapshot(account: &str, epoch: u64, committed: Option<&str>) -> Snapshot {
        let mut snapshot = Snapshot::empty(StackId {
            app: "shop".into(),
            stage: "dev".into(),
        });
        snapshot.home = Some(Home {
            account: account.into(),
            region: "eu-west-1".into(),
        });
        snapshot.folded = Folded { epoch, seq: 4 };
        snapshot.committed = committed.map(|at| at.parse().unwrap());
        snapshot
    }

    const MAY: Option<&str> = Some("2026-05-01T00:00:00Z");
    const JUNE: Option<&str> = Some("2026-06-01T00:00:00Z");

    #[test]
    fn a_newer_state_follows_an_older_one_and_any_follows_none() {
        let old = snapshot("1", 7, MAY);
        for new in [
            snapshot("1", 7, MAY),
            snapshot("1", 8, MAY),
            snapshot("1", 9, JUNE),
        ] {
            assert_eq!(new.may_follow(&old), Ok(()));
        }
        let blank = Snapshot::empty(old.stack.clone());
        assert_eq!(snapshot("1", 0, None).may_follow(&blank), Ok(()));
        let never = snapshot("1", 9, None);
        assert_eq!(old.may_follow(&never), Ok(()), "nothing was ever there");
    }

    #[test]
    fn what_is_protected_and_what_is_still_to_be_done_is_known_too() {
        let old = snapshot("1", 7, MAY);
        let id: crate::ResourceId = "iam_role.r".parse().unwrap();
        assert!(snapshot("1", 9, JUNE).knows_the_same_as(&old));
        let mut protected = old.clone();
        protected.protected.insert(id.clone());
        let mut pruned = old.clone();
        let prune = crate::journal::Prune {
            handle: crate::Handle("r".into()),
            children: vec!["policy theirs".into()],
        };
        pruned.prune.insert(id, prune);
        for other in [protected, pruned] {
            assert!(!other.knows_the_same_as(&old) && !old.knows_the_same_as(&other));
        }
    }

    #[test]
    fn what_does_not_follow_says_why() {
        let old = snapshot("1", 7, JUNE);
        let why = |new: Snapshot| new.may_follow(&old).unwrap_err().to_string();
        assert_eq!(
            why(snapshot("2", 9, JUNE)),
            "it is the state of account 2 and region eu-west-1, and the one in its place is that of account 1 and region eu-west-1"
        );
        assert_eq!(
            why(snapshot("1", 9, MAY)),
            "it was committed at 2026-05-01T00:00:00Z, and the one in its place at 2026-06-01T00:00:00Z"
        );
        assert_eq!(
            why(snapshot("1", 9, None)),
            "it was committed never, and the one in its place at 2026-06-01T00:00:00Z"
        );
        assert_eq!(
            why(snapshot("1", 6, JUNE)),
            "it is number 6.4, and the one in its place is number 7.4"
        );
    }
}
