//! The environment that is made where the project's Python has no `chalice`.
//!
//! It lies in the cache under a key of everything that decides what is in it: the requirements with all that they
//! include, the interpreter, and the pin. It is built where it will be used, because scripts in an environment hold
//! its path; it counts only once its certificate, written last and whole, lies in it. So a kill at any moment leaves
//! either nothing that counts or a whole environment, and the next builder, who holds the lock, clears the rest.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::ask::ask;
use super::lock::Lock;
use super::notice::{Notice, Tell};
use super::tool::{pip_command, run};
use super::{Origin, Python, PythonError, Requirements, Surroundings, interpreter_in};

/// The `chalice` that a managed environment gets where the requirements do not name one.
pub const CHALICE_PIN: &str = "1.34.0";
/// The oldest Python on which that one installs.
pub(super) const OLDEST: (u32, u32) = (3, 10);

const CERTIFICATE: &str = "grail-environment.json";
/// By these an environment would take packages from elsewhere for its own.
const LEAKING: &[&str] = &["PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"];

/// The managed environment of the project in `cache`, made if it is not there.
pub(super) async fn environment(
    base: &Python,
    project_dir: &Path,
    surroundings: &Surroundings,
    cache: &Path,
    tell: Tell<'_>,
) -> Result<Python, PythonError> {
    if (base.version.major, base.version.minor) < OLDEST {
        return Err(PythonError::TooOld {
            executable: base.executable.clone(),
            version: base.version,
        });
    }
    let requirements = Requirements::read(project_dir)?;
    let home = cache.join("python");
    let key = key(base, &requirements);
    let dir = home.join(&key);
    let surroundings = surroundings.clone().without(LEAKING);
    let build = Build {
        base,
        project_dir,
        surroundings: &surroundings,
        requirements: &requirements,
        tell,
    };
    if let Some(python) = build.existing(&dir).await {
        return Ok(python);
    }
    let path = home.join(format!("{key}.lock"));
    let _lock = Lock::take(&path, || {
        tell(Notice::WaitingForOther {
            what: "making the environment",
        })
    })
    .await
    .map_err(|source| PythonError::Cache {
        path: path.clone(),
        source,
    })?;
    // Whoever held the lock may have made it.
    if let Some(python) = build.existing(&dir).await {
        return Ok(python);
    }
    build.make(&dir).await
}

fn key(base: &Python, requirements: &Requirements) -> String {
    let mut sha = Sha256::new();
    for part in [
        "grail environment 2",
        CHALICE_PIN,
        &base.version.to_string(),
        &base.platform,
        // An environment points into the installation that it was made from.
        &base.base.to_string_lossy(),
        requirements.digest(),
    ] {
        sha.update(part);
        sha.update([0]);
    }
    let mut key = hex::encode(sha.finalize());
    key.truncate(24);
    key
}

struct Build<'a> {
    base: &'a Python,
    project_dir: &'a Path,
    surroundings: &'a Surroundings,
    requirements: &'a Requirements,
    tell: Tell<'a>,
}

impl Build<'_> {
    /// The environment in `dir`, if it is whole and still works (the Python below it may have been removed).
    async fn existing(&self, dir: &Path) -> Option<Python> {
        if !dir.join(CERTIFICATE).is_file() {
            return None;
        }
        let executable = interpreter_in(dir)?;
        let python = ask(&executable, Origin::Managed, self.project_dir, self.surroundings)
            .await
            .ok()?;
        python.chalice.is_some().then_some(python)
    }

    async fn make(&self, dir: &Path) -> Result<Python, PythonError> {
        let uv = self.surroundings.find_program("uv");
        let tool = if uv.is_some() { "uv" } else { "pip" };
        let own_chalice = self.requirements.names("chalice");
        (self.tell)(Notice::MakingEnvironment {
            tool,
            chalice: (!own_chalice).then_some(CHALICE_PIN),
        });
        let cache = |source| PythonError::Cache {
            path: dir.to_owned(),
            source,
        };
        if dir.exists() {
            fs::remove_dir_all(dir).map_err(cache)?;
        }
        match &uv {
            Some(uv) => self.make_with_uv(uv, dir).await?,
            None => self.make_with_venv(dir).await?,
        }
        let executable =
            interpreter_in(dir).ok_or_else(|| PythonError::NotInstalled { dir: dir.to_owned() })?;
        let python = ask(&executable, Origin::Managed, self.project_dir, self.surroundings).await?;
        let Some(chalice) = &python.chalice else {
            return Err(PythonError::NotInstalled { dir: dir.to_owned() });
        };
        self.certify(dir, &chalice.version).map_err(cache)?;
        Ok(python)
    }

    /// What to install: the requirements, and unless they name them themselves `chalice`, and `boto3`, which apps import
    /// without asking for it, because Lambda has it.
    fn wanted(&self) -> Vec<String> {
        let mut wanted = Vec::new();
        if !self.requirements.is_empty() {
            wanted.extend([
                "-r".to_owned(),
                self.requirements.file().to_string_lossy().into_owned(),
            ]);
        }
        if !self.requirements.names("chalice") {
            wanted.push(format!("chalice=={CHALICE_PIN}"));
        }
        if !self.requirements.names("boto3") {
            // Of whatever version goes with the rest.
            wanted.push("boto3".to_owned());
        }
        wanted
    }

    async fn make_with_uv(&self, uv: &Path, dir: &Path) -> Result<(), PythonError> {
        let mut venv = self.surroundings.command(uv);
        venv.args(["venv", "--no-project", "--python"])
            .arg(&self.base.executable)
            .arg(dir);
        venv.current_dir(self.project_dir);
        let answer = run(venv).await.map_err(|source| start(uv, source))?;
        if !answer.success {
            return Err(PythonError::Make {
                tool: "uv",
                dir: dir.to_owned(),
                source: answer.said(),
            });
        }
        let python = interpreter_in(dir).ok_or_else(|| PythonError::NotInstalled { dir: dir.to_owned() })?;
        let mut install = self.surroundings.command(uv);
        install
            .args(["pip", "install", "--compile-bytecode", "--python"])
            .arg(python);
        install.args(self.wanted()).current_dir(self.project_dir);
        let answer = run(install).await.map_err(|source| start(uv, source))?;
        if !answer.success {
            return Err(PythonError::Install {
                tool: "uv",
                source: answer.said(),
            });
        }
        Ok(())
    }

    async fn make_with_venv(&self, dir: &Path) -> Result<(), PythonError> {
        let executable = &self.base.executable;
        if !self.base.venv {
            return Err(PythonError::NoVenv {
                executable: executable.clone(),
            });
        }
        // In the cache and not in the project, whose modules must not stand in for those of `venv`.
        let home = dir.parent().unwrap_or(dir);
        let mut venv = self.surroundings.command(executable);
        venv.args(["-m", "venv"]).arg(dir).current_dir(home);
        let answer = run(venv).await.map_err(|source| start(executable, source))?;
        if !answer.success {
            // Debian's own words where only half of it is installed.
            if answer.stdout.contains("ensurepip is not") || answer.stderr.contains("ensurepip") {
                return Err(PythonError::NoVenv {
                    executable: executable.clone(),
                });
            }
            return Err(PythonError::Make {
                tool: "venv",
                dir: dir.to_owned(),
                source: answer.said(),
            });
        }
        let python = interpreter_in(dir).ok_or_else(|| PythonError::NotInstalled { dir: dir.to_owned() })?;
        let mut install = pip_command(&python, self.project_dir, self.surroundings);
        install.arg("install").args(self.wanted());
        let answer = run(install).await.map_err(|source| start(&python, source))?;
        if !answer.success {
            return Err(PythonError::Install {
                tool: "pip",
                source: answer.said(),
            });
        }
        Ok(())
    }

    fn certify(&self, dir: &Path, chalice: &str) -> std::io::Result<()> {
        let certificate = serde_json::json!({
            "chalice": chalice,
            "python": self.base.version.to_string(),
            "base": self.base.executable,
            "project": self.project_dir,
        });
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        writeln!(file, "{certificate:#}")?;
        file.as_file().sync_all()?;
        file.persist(dir.join(CERTIFICATE))?;
        Ok(())
    }
}

fn start(executable: &Path, source: std::io::Error) -> PythonError {
    PythonError::Start {
        executable: PathBuf::from(executable),
        source,
    }
}
