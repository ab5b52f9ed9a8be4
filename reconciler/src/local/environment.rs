//! The Python environment that the emulator runs in: made once for a machine, in the user's cache.
//!
//! It is made aside and renamed, under a file lock, so that what stands under its name is whole, whoever else starts at the
//! same time or dies half way. Its name says the emulator's version and which Python it was made from, so that a new one of
//! either is a new environment. Old ones are left to whoever cleans the cache.

use std::path::{Path, PathBuf};

use grail_state::Digest;
use tokio::process::Command;

use super::{LocalError, LocalSettings, Note, last_lines, output};

/// The version of MiniStack that `launcher.py` is written for.
pub const MINISTACK: &str = "1.5.33";
/// The AWS SDK that functions find behind what they bring along, as they do in Lambda. Of the version whose core MiniStack
/// itself asks for.
const BOTO3: &str = "1.43.106";
/// What MiniStack speaks to clients of CloudWatch with, where it finds it: the SDK that reads alarms has no other language.
const CBOR2: &str = "6.2.1";

/// The interpreter of the environment. Makes the environment if it is not there.
///
/// # Errors
/// Where there is no fit Python, or the packages cannot be installed.
pub async fn prepare(
    settings: &LocalSettings,
    note: &mut (dyn FnMut(Note) + Send),
) -> Result<PathBuf, LocalError> {
    let base = probe(&settings.python).await?;
    let root = settings.cache.join("local-cloud");
    let name = base.environment_name();
    let home = root.join(&name);
    std::fs::create_dir_all(&root).map_err(LocalError::io("make the folder", &root))?;
    let _alone = lock_file(&root.join(format!("{name}.lock"))).await?;
    let python = interpreter(&home);
    if python.exists() {
        return Ok(python);
    }
    note(Note::Installing { into: home.clone() });
    let aside = root.join(format!("{name}.new"));
    clear(&aside)?;
    install(&settings.python, &aside).await?;
    clear(&home)?;
    std::fs::rename(&aside, &home).map_err(LocalError::io("put into place", &home))?;
    Ok(python)
}

/// Holds the lock on `path` until what it returns is dropped. Waits for whoever has it.
pub(super) async fn lock_file(path: &Path) -> Result<std::fs::File, LocalError> {
    let owned = path.to_owned();
    let locked = tokio::task::spawn_blocking(move || {
        let file = std::fs::File::create(owned)?;
        file.lock()?;
        Ok::<_, std::io::Error>(file)
    });
    locked
        .await
        .unwrap_or_else(|stopped| Err(std::io::Error::other(stopped)))
        .map_err(LocalError::io("lock", path))
}

#[derive(Debug, PartialEq, Eq)]
struct Base {
    version: String,
    prefix: String,
}

impl Base {
    fn environment_name(&self) -> String {
        let made_of: Vec<_> = packages().into_iter().chain([self.prefix.clone()]).collect();
        let from = Digest::of(made_of.join("\n").as_bytes());
        format!("ministack-{MINISTACK}-python-{}-{}", self.version, from.short())
    }

    /// Reads what [`ASK`] prints.
    fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        Some(Self {
            version: lines.next()?.to_owned(),
            prefix: lines.next()?.to_owned(),
        })
    }

    fn is_old(&self) -> bool {
        let mut parts = self
            .version
            .split('.')
            .map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next(), parts.next()) < (Some(3), Some(10))
    }
}

const ASK: &str = "import sys; print('.'.join(map(str, sys.version_info[:3]))); print(sys.base_prefix)";

async fn probe(python: &Path) -> Result<Base, LocalError> {
    let none = || LocalError::NoPython {
        python: python.to_owned(),
    };
    let asked = output(Command::new(python).args(["-I", "-c", ASK])).await;
    let (_, said) = asked.map_err(LocalError::io("run", python))?.ok_or_else(none)?;
    // A shim that stands for no Python (pyenv's, the one of a desktop system) fails in words of its own.
    let base = Base::read(&said)
        .filter(|base| base.version.starts_with(|c: char| c.is_ascii_digit()))
        .ok_or_else(none)?;
    if base.is_old() {
        return Err(LocalError::OldPython {
            python: python.to_owned(),
            version: base.version,
        });
    }
    Ok(base)
}

/// `uv` where it is at hand, which is quick and does without `venv`; else `venv` and `pip`.
async fn install(python: &Path, home: &Path) -> Result<(), LocalError> {
    let mut uv = Command::new("uv");
    uv.args(["venv", "--quiet", "--no-project", "--python"])
        .arg(python)
        .arg(home);
    if ran(&mut uv).await {
        let mut uv = Command::new("uv");
        uv.args(["pip", "install", "--quiet", "--python"])
            .arg(interpreter(home))
            .args(packages());
        if ran(&mut uv).await {
            return Ok(());
        }
    }
    clear(home)?;
    make_with_venv(python, home).await?;
    let mut pip = Command::new(interpreter(home));
    pip.args([
        "-I",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
    ])
    .args(packages());
    let doing = || format!("installing the local cloud (MiniStack {MINISTACK})");
    run(&mut pip, home)
        .await?
        .map_err(|said| LocalError::Install { doing: doing(), said })
}

async fn make_with_venv(python: &Path, home: &Path) -> Result<(), LocalError> {
    let mut venv = Command::new(python);
    venv.args(["-I", "-m", "venv"]).arg(home);
    run(&mut venv, python).await?.map_err(|said| {
        let missing = [
            "ensurepip is not",
            "No module named venv",
            "No module named ensurepip",
        ];
        if missing.iter().any(|sign| said.contains(sign)) {
            return LocalError::NoVenv {
                python: python.to_owned(),
            };
        }
        LocalError::Install {
            doing: "making a virtual environment".to_owned(),
            said,
        }
    })
}

fn packages() -> [String; 3] {
    [
        format!("ministack=={MINISTACK}"),
        format!("boto3=={BOTO3}"),
        format!("cbor2=={CBOR2}"),
    ]
}

fn interpreter(home: &Path) -> PathBuf {
    home.join("bin").join("python")
}

async fn ran(command: &mut Command) -> bool {
    matches!(output(command).await, Ok(Some((true, _))))
}

async fn run(command: &mut Command, what: &Path) -> Result<Result<(), String>, LocalError> {
    match output(command).await.map_err(LocalError::io("run", what))? {
        Some((true, _)) => Ok(Ok(())),
        Some((false, said)) => Ok(Err(last_lines(&said, 12))),
        None => Err(LocalError::NoPython {
            python: what.to_owned(),
        }),
    }
}

fn clear(path: &Path) -> Result<(), LocalError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(LocalError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_named_after_what_it_is_made_of() {
        let base = |version: &str, prefix: &str| Base {
            version: version.into(),
            prefix: prefix.into(),
        };
        let one = base("3.11.7", "/usr").environment_name();
        assert!(one.starts_with("ministack-1.5.33-python-3.11.7-"), "{one}");
        assert_ne!(one, base("3.11.7", "/opt/python").environment_name());
        assert_ne!(one, base("3.12.0", "/usr").environment_name());
    }

    #[test]
    fn pythons_before_3_10_are_old() {
        let old = |version: &str| {
            Base {
                version: version.into(),
                prefix: String::new(),
            }
            .is_old()
        };
        assert!(old("2.7.18") && old("3.9.19"));
        assert!(!old("3.10.0") && !old("3.14.1") && !old("4.0.0"));
    }

    #[test]
    fn the_launcher_is_written_for_the_version_that_is_installed() {
        assert!(super::super::server::LAUNCHER.contains(&format!("MINISTACK = \"{MINISTACK}\"\n")));
    }
}
