//! What is worth telling while Python is made ready and dependencies are built.

use std::fmt;
use std::path::PathBuf;

/// Receives notices; called from wherever the work is done.
pub type Tell<'a> = &'a (dyn Fn(Notice) + Send + Sync);

/// Something that takes time, or that is odd. `Display` is a line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// `VIRTUAL_ENV` names a folder in which there is no Python; it is passed over.
    EmptyVirtualEnv {
        /// The folder.
        dir: PathBuf,
    },
    /// A managed environment is being made, once for these requirements.
    MakingEnvironment {
        /// `uv` or `pip`.
        tool: &'static str,
        /// The version of `chalice` that goes in, where the requirements do not say.
        chalice: Option<&'static str>,
    },
    /// The requirements are being fetched and built, once until they change.
    BuildingDependencies {
        /// Such as `python3.12 on x86_64`.
        target: String,
    },
    /// A command of the project makes its code.
    Building {
        /// The command.
        command: String,
    },
    /// Another process is doing the same; waiting for it to end.
    WaitingForOther {
        /// What it is doing.
        what: &'static str,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyVirtualEnv { dir } => {
                write!(
                    f,
                    "VIRTUAL_ENV names {}, which holds no Python; passing it over",
                    dir.display()
                )
            }
            Self::MakingEnvironment {
                tool,
                chalice: Some(version),
            } => {
                write!(
                    f,
                    "The project's Python has no chalice: making an environment with chalice {version} and the requirements ({tool}, once)"
                )
            }
            Self::MakingEnvironment { tool, chalice: None } => {
                write!(
                    f,
                    "The project's Python has no chalice: making an environment with the requirements ({tool}, once)"
                )
            }
            Self::BuildingDependencies { target } => {
                write!(
                    f,
                    "Building the requirements for {target} (once until they change)"
                )
            }
            Self::Building { command } => write!(f, "Building: {command}"),
            Self::WaitingForOther { what } => write!(f, "Waiting for another process that is {what}"),
        }
    }
}
