//! What ends a command early: what failed, why, and what to do next, kept apart so that both people and programs can read it.

use std::error::Error;
use std::fmt;
use std::path::Path;

use grail_providers::aws::ContextError;
use grail_state::artifacts::ArtifactError;
use grail_state::chalice::{OtherApp, OtherHome, ReadError};
use grail_state::seal::{KeyError, SealError};
use grail_state::store::object::Unconditional;
use grail_state::store::{LockError, StoreError};

use super::exit::Exit;
use crate::local::LocalError;
use crate::plan::PlanProblem;
use crate::source::chalice::diagnostic::Problems;
use crate::source::chalice::package::PackageError;
use crate::source::chalice::probe::ProbeError;
use crate::serve::http::HttpError;
use crate::source::git::GitError;
use crate::source::python::PythonError;

/// Why a command ends without having done what was asked. Nothing was changed, unless `exit` says otherwise.
#[derive(Debug)]
pub struct Refusal {
    /// How the process ends.
    pub exit: Exit,
    /// The problems, each with its hint.
    pub faults: Vec<Fault>,
    /// Problems with a place in a file, drawn with their lines.
    pub problems: Option<Problems>,
    /// True if the same is refused again until somebody changes the project or what it is refused for.
    pub lasts: bool,
}

/// One problem.
#[derive(Debug)]
pub struct Fault {
    /// What failed, in words that need no context.
    pub what: String,
    /// Where the input stands that it is about (`app.py:12`), if it is about one.
    pub origin: Option<String>,
    /// Its causes, outermost first.
    pub causes: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Refusal {
    /// A refusal for one reason.
    pub fn new(what: impl Into<String>) -> Self {
        let fault = Fault {
            what: what.into(),
            origin: None,
            causes: Vec::new(),
            hint: None,
        };
        Self {
            exit: Exit::Failed,
            faults: vec![fault],
            problems: None,
            lasts: false,
        }
    }

    /// An error with its causes.
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let mut refusal = Self::new(error.to_string());
        if let Some(fault) = refusal.faults.first_mut() {
            fault.causes = causes(error);
        }
        refusal
    }

    /// Adds a cause.
    #[must_use]
    pub fn because(mut self, error: impl Error + 'static) -> Self {
        if let Some(fault) = self.faults.last_mut() {
            fault.causes.push(error.to_string());
            fault.causes.extend(causes(&error));
        }
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(fault) = self.faults.last_mut() {
            fault.hint = Some(hint.into());
        }
        self
    }

    /// Says that the same is refused again until somebody changes something.
    #[must_use]
    pub fn lasting(mut self) -> Self {
        self.lasts = true;
        self
    }

    /// Ends the process in another way.
    #[must_use]
    pub fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    fn hinted(self, hint: Option<impl Into<String>>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        for cause in &self.causes {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

fn causes(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut said = Vec::new();
    let mut cause = error.source();
    while let Some(next) = cause {
        said.push(next.to_string());
        cause = next.source();
    }
    said
}

/// What a person can do about an error of this type, next to the error itself.
macro_rules! refuses {
    ($($error:ty => $hint:expr),+ $(,)?) => {
        $(impl From<$error> for Refusal {
            fn from(error: $error) -> Self {
                let hint: fn(&$error) -> Option<String> = $hint;
                let hint = hint(&error);
                Self::of(&error).hinted(hint)
            }
        })+
    };
}

refuses! {
    ContextError => |error| Some(error.hint().to_owned()),
    GitError => |error| Some(error.hint().to_owned()),
    HttpError => HttpError::hint,
    KeyError => |_| Some("set GRAIL_SEAL_KEY to 64 hexadecimal digits, or mend or remove the file".to_owned()),
    LocalError => LocalError::hint,
    PackageError => PackageError::hint,
    PythonError => PythonError::hint,
    OtherApp => |_| Some(
        "if this project is a copy of another, remove `.chalice/deployed` and `.chalice/grail` from it; if it was renamed, give \
         it back its old `app_name`, `grail delete`, and rename it then; nothing was changed"
            .to_owned(),
    ),
    OtherHome => |_| Some("name the right `--profile` and `--region`, or another `--stage`; nothing was changed".to_owned()),
}

impl From<Problems> for Refusal {
    fn from(problems: Problems) -> Self {
        Self {
            exit: Exit::Failed,
            faults: Vec::new(),
            problems: Some(problems),
            lasts: true,
        }
    }
}

impl From<ProbeError> for Refusal {
    fn from(error: ProbeError) -> Self {
        Problems(vec![error.problem()]).into()
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        let hint = match &error {
            ReadError::Io { .. } => "check the permissions of the file",
            ReadError::Malformed { .. } | ReadError::Schema { .. } => {
                "the file is left as it is; restore it from version control, or move it away: what is recorded beside it \
                 (and what can be proved to belong to this stage) is then written down anew"
            }
        };
        Self::of(&error).hint(hint)
    }
}

/// What to do about a state that is damaged. Snapshot and journal belong together: one without the other is damage again.
pub(super) const DAMAGED: &str = "the files are left as they are; restore `state.json` and `journal.ndjson` together from a backup, or \
    move both away to start from what Chalice's file and the account say";

/// The same for a state among objects.
const DAMAGED_SHARED: &str = "the objects are left as they are; bring back earlier versions of them (a bucket with versioning keeps \
    them): `state` and all of `journal/` together";

const BUCKET: &str = "check that the bucket exists, that `region` names its region, and that the credentials may list it and \
    read, write and delete what is in it";

/// What to do where the objects of a shared state could not be had, by what is at the bottom of it.
fn of_remote(error: &StoreError) -> Option<&'static str> {
    let mut cause = error.source();
    while let Some(next) = cause {
        if next.is::<Unconditional>() {
            return Some("put the state where writes are conditional, as in S3; nothing was changed");
        }
        match next.downcast_ref() {
            Some(SealError::OtherKey { .. }) => {
                return Some(
                    "set GRAIL_SEAL_KEY to the key that sealed it; behind a comma it takes older keys too",
                );
            }
            Some(SealError::Damaged) => return Some(DAMAGED_SHARED),
            Some(SealError::Unavailable) => return None,
            None => {}
        }
        match next.downcast_ref() {
            Some(ArtifactError::Io { .. } | ArtifactError::Folder { .. }) => return Some(DISK),
            Some(ArtifactError::Damaged { .. }) => return None,
            None => {}
        }
        cause = next.source();
    }
    Some(BUCKET)
}

const DISK: &str = "check that the folder exists, can be written, and that the disk is not full";

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let hint = match &error {
            // Objects have no extension.
            StoreError::Corrupt { what, .. } if Path::new(what).extension().is_none() => {
                Some(DAMAGED_SHARED.to_owned())
            }
            StoreError::Corrupt { .. } => Some(DAMAGED.to_owned()),
            StoreError::Remote { .. } => of_remote(&error).map(str::to_owned),
            StoreError::Busy => Some("try again".to_owned()),
            StoreError::Io { .. } => Some(DISK.to_owned()),
            StoreError::OtherStack { found, .. } => Some(format!(
                "if this project is a copy of another, remove `.chalice/deployed` and `.chalice/grail` from it; if it was \
                 renamed, set `app_name` back to `{}`, `grail delete`, and rename it then",
                found.app
            )),
            StoreError::TooNew { .. } => Some("use the newer grail that wrote it".to_owned()),
            StoreError::Conflict => None,
        };
        Self::of(&error).hinted(hint)
    }
}

impl From<LockError> for Refusal {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held(_) | LockError::HeldBySomeone => Self::of(&error)
                .exit(Exit::Locked)
                .hint(
                    "wait until it is done (`--lock-timeout 10m` does); the lock ends with the process that holds it, in a shared \
                     state within half a minute",
                ),
            LockError::Store(source) => Self::from(source),
        }
    }
}

impl From<Vec<PlanProblem>> for Refusal {
    fn from(problems: Vec<PlanProblem>) -> Self {
        let fault = |problem: PlanProblem| Fault {
            hint: problem.error.hint(),
            what: problem.error.to_string(),
            origin: problem.origin,
            causes: Vec::new(),
        };
        Self {
            exit: Exit::Failed,
            faults: problems.into_iter().map(fault).collect(),
            problems: None,
            lasts: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use grail_state::store::object::ObjectError;
    use grail_state::txn::Corrupt;
    use grail_state::{Digest, StackId};

    use super::*;
    use crate::engine::EngineError;

    fn hint(refusal: impl Into<Refusal>) -> String {
        let mut refusal = refusal.into();
        refusal.faults.remove(0).hint.unwrap()
    }

    #[test]
    fn a_renamed_application_is_told_the_way_back() {
        let of = |app: &str| StackId {
            app: app.into(),
            stage: "dev".into(),
        };
        let other = StoreError::OtherStack {
            what: "state.json".into(),
            found: of("shop"),
            expected: of("store"),
        };
        assert_eq!(
            hint(other),
            "if this project is a copy of another, remove `.chalice/deployed` and `.chalice/grail` from it; if it was renamed, \
             set `app_name` back to `shop`, `grail delete`, and rename it then"
        );
    }

    #[test]
    fn what_is_wrong_behind_a_shared_state_is_told_apart() {
        let of = |source: Box<dyn Error + Send + Sync>| {
            hint(StoreError::Remote {
                doing: "read",
                what: "shop/dev/state".into(),
                source,
            })
        };
        let refused = |why: Box<dyn Error + Send + Sync>| of(Box::new(ObjectError::Refused(why)));
        let other = SealError::OtherKey {
            sealed: "1".into(),
            ours: "2".into(),
        };
        assert!(refused(Box::new(other)).contains("GRAIL_SEAL_KEY"));
        assert!(refused(Box::new(SealError::Damaged)).contains("bring back earlier versions"));
        assert!(refused(Box::new(Unconditional)).contains("conditional"));
        assert!(refused("AccessDenied".into()).contains("the bucket exists"));
        assert!(of("no answer".into()).contains("the bucket exists"));
        let full = ArtifactError::Io {
            doing: "write",
            digest: Digest::of(b"code"),
            source: std::io::ErrorKind::StorageFull.into(),
        };
        assert!(of(Box::new(full)).contains("the disk is not full"));
    }

    #[test]
    fn damage_names_both_files_that_belong_together() {
        let damaged = StoreError::Corrupt {
            what: "state.json".into(),
            why: "no JSON".into(),
        };
        let impossible = Corrupt {
            number: 3,
            why: "a pass cannot begin while sweeping".into(),
        };
        for hint in [hint(damaged), hint(EngineError::from(impossible))] {
            assert!(
                hint.contains("`state.json`") && hint.contains("`journal.ndjson`"),
                "{hint}"
            );
        }
    }
}
