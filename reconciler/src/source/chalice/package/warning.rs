//! What may make a package fail on Lambda although it could be built.

use std::fmt;

use grail_providers::package::Bundle;

use super::error::{mib, parts};
use super::limit::Part;
use crate::source::python::normal_name;

/// A reason why a package may not work. `Display` says what is wrong, [`Warning::hint`] what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// These requirements have no wheel that runs on Lambda, and none could be built here. They are not in the package.
    NotForLambda {
        /// `name==version` of each, sorted.
        packages: Vec<String>,
    },
    /// The newest versions of these have no wheels that run on Lambda, so earlier ones were taken.
    Older {
        /// `name==version` of the newest, and the version that was taken, sorted.
        packages: Vec<(String, String)>,
    },
    /// The project's Python is of another version than the runtime.
    OtherPython {
        /// The runtime.
        runtime: String,
    },
    /// A compiled module without its source: bytecode is never packed.
    NoSource {
        /// Its path in the package.
        path: String,
    },
    /// A socket, pipe or device in the project is left out.
    NoFile {
        /// Its path in the package.
        path: String,
    },
    /// The package runs here but is too large for Lambda.
    TooBigForLambda {
        /// Its size in bytes.
        size: u64,
        /// Lambda's limit in bytes.
        limit: u64,
        /// What takes most of it, largest first.
        largest: Vec<Part>,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotForLambda { packages } => {
                write!(f, "could not install for Lambda: {}", packages.join(", "))
            }
            Self::Older { packages } => {
                let packages: Vec<String> = packages
                    .iter()
                    .map(|(newest, taken)| format!("{taken} instead of {newest}"))
                    .collect();
                write!(
                    f,
                    "took versions whose wheels run on Lambda: {}",
                    packages.join(", ")
                )
            }
            Self::OtherPython { runtime } => {
                write!(
                    f,
                    "the project's Python is not of the version that runs it on Lambda, {runtime}"
                )
            }
            Self::NoSource { path } => {
                write!(
                    f,
                    "{path} is left out: bytecode is not packed, and its source is not there"
                )
            }
            Self::NoFile { path } => write!(f, "{path} is left out: it is neither a file nor a folder"),
            Self::TooBigForLambda { size, limit, largest } => write!(
                f,
                "the package is {} MiB unzipped, and Lambda takes {} MiB at most; its largest parts: {}",
                mib(*size),
                mib(*limit),
                parts(largest)
            ),
        }
    }
}

impl Warning {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotForLambda { .. } => {
                "build them yourself for Lambda and put them into the project's folder vendor/; without them the functions may fail when they are called"
            }
            Self::Older { .. } => {
                "pin them in requirements.txt, or use a newer Python, whose runtime on Lambda takes newer wheels"
            }
            Self::OtherPython { .. } => "use a virtual environment of the version that Lambda runs",
            Self::NoSource { .. } => "put the source beside it",
            Self::NoFile { .. } => "remove it from the project",
            Self::TooBigForLambda { .. } => "make it smaller before deploying it to AWS",
        }
    }
}

/// The warning for what could not be had, less what the project brings itself in `vendor/`.
pub(super) fn missing(packages: Vec<String>, bundle: &Bundle) -> Option<Warning> {
    let packages: Vec<String> = packages
        .into_iter()
        .filter(|package| !brought_along(package, bundle))
        .collect();
    (!packages.is_empty()).then_some(Warning::NotForLambda { packages })
}

/// Whether the metadata of a package of this name is in the bundle, which is what a wheel unzipped into `vendor/` shows.
fn brought_along(package: &str, bundle: &Bundle) -> bool {
    let name = package.split("==").next().unwrap_or(package);
    bundle.iter().any(|(path, _)| {
        path.split_once('/')
            .and_then(|(top, _)| top.strip_suffix(".dist-info"))
            .and_then(|top| top.split('-').next())
            .is_some_and(|top| normal_name(top) == name)
    })
}
