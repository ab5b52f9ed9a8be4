//! A project in a git remote: the program `git` fetches what is followed, and checks it out into a folder that is the stage's own.
//!
//! One folder a stage, a shallow clone of its own: a pass fetches the newest commit, checks that one out and deploys it, whatever
//! moves meanwhile. Of what git does not know, grail's own files (below `.chalice` and `.grail`), environments and what the project
//! has git ignore stay from pass to pass; all else goes, since it can be what a checkout that was killed has left. The user's own configuration of git counts (credential helpers, proxies, keys), its hooks do not, and nothing is
//! ever asked for.
//!
//! **Given up:** submodules; one clone for all stages of a project. **Never shown:** what an address holds before its `@`.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::python::Surroundings;

#[cfg(test)]
mod tests;

/// How long git may take to reach a remote and fetch what is new, or for its work on the disk.
const PATIENCE: Duration = Duration::from_secs(300);
/// What no commit brings, and stays all the same.
const KEPT: [&str; 4] = [".chalice", ".grail", ".venv", "venv"];
/// How much of what git says is told.
const TOLD: usize = 600;

/// Why a project could not be had from its remote.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no program `git`, or it could not be started.
    #[error("could not start `git`")]
    Program(#[source] io::Error),
    /// The remote did not answer, or refused.
    #[error("could not reach {remote}: {said}")]
    Remote {
        /// Its address, without credentials.
        remote: String,
        /// What git said, without credentials.
        said: String,
    },
    /// The remote has no such branch or reference.
    #[error("{remote} has no {reference}")]
    NoReference {
        /// Its address, without credentials.
        remote: String,
        /// What was looked for.
        reference: String,
    },
    /// It did not answer in time.
    #[error("{remote} did not answer within {after:?}")]
    Late {
        /// Its address, without credentials.
        remote: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// What was fetched could not be put into the folder.
    #[error("could not check out {commit}: {said}")]
    Checkout {
        /// What was to be checked out.
        commit: String,
        /// What git said.
        said: String,
    },
    /// The commit has no such folder.
    #[error("{commit} has no folder `{folder}`", folder = folder.display())]
    NoFolder {
        /// The commit.
        commit: String,
        /// Which.
        folder: PathBuf,
    },
    /// The folder for it could not be made, or another process works in it.
    #[error("could not use the folder {path}", path = path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl GitError {
    /// What a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Program(_) => "install git, and have it on the PATH",
            Self::Remote { .. } | Self::Late { .. } => {
                "check the address, the network, and that this user may read it without being asked: by a credential helper, a \
                 key without a passphrase, or a token"
            }
            Self::NoReference { .. } => "check the name of the `branch` or `ref`; it may not be pushed yet",
            Self::Checkout { .. } => {
                "check that the disk is not full; the folder may be removed, it is filled anew"
            }
            Self::NoFolder { .. } => "check `subdirectory`",
            Self::Folder { .. } => {
                "check that the cache folder can be written, and that no other process uses it"
            }
        }
    }
}

/// What is followed.
#[derive(Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its address, as git takes it.
    pub url: String,
    /// The same for people, without credentials.
    pub shown: String,
    /// The full name of a reference; `None` for `HEAD`.
    pub reference: Option<String>,
}

impl Remote {
    fn reference(&self) -> &str {
        self.reference.as_deref().unwrap_or("HEAD")
    }

    fn missing(&self) -> GitError {
        GitError::NoReference {
            remote: self.shown.clone(),
            reference: self.reference().to_owned(),
        }
    }
}

/// The program, with the environment that it runs in.
#[derive(Clone, Debug)]
pub struct Git {
    surroundings: Surroundings,
}

/// What a run of it said.
struct Said {
    out: String,
    err: String,
    code: Option<i32>,
}

impl Git {
    /// In these surroundings. No variable of theirs leads git to another repository.
    pub fn new(surroundings: Surroundings) -> Self {
        let elsewhere = [
            "GIT_DIR",
            "GIT_WORK_TREE",
            "GIT_INDEX_FILE",
            "GIT_COMMON_DIR",
            "GIT_OBJECT_DIRECTORY",
        ];
        let ssh = surroundings.get("GIT_SSH_COMMAND").is_none() && surroundings.get("GIT_SSH").is_none();
        let surroundings = surroundings
            .without(&elsewhere)
            .with("GIT_TERMINAL_PROMPT", "0")
            .with("GIT_ASKPASS", "true")
            .with("SSH_ASKPASS", "true")
            .with("LC_ALL", "C");
        Self {
            surroundings: match ssh {
                true => surroundings.with("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
                false => surroundings,
            },
        }
    }

    /// The commit that the remote has now under what is followed.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn head(&self, remote: &Remote) -> Result<String, GitError> {
        let peeled = format!("{}^{{}}", remote.reference());
        let words = ["ls-remote", "--", &remote.url, remote.reference(), &peeled];
        let said = self.ask(remote, None, &words).await?;
        // `ls-remote` matches ends of names; and behind a tag stands what it points to.
        let named = |wanted: &str| {
            let lines = said.out.lines().filter_map(|line| line.split_once('\t'));
            lines
                .filter(|(_, name)| *name == wanted)
                .map(|(commit, _)| commit.to_owned())
                .next()
        };
        let reference = remote.reference();
        named(&peeled)
            .or_else(|| named(reference))
            .ok_or_else(|| remote.missing())
    }

    /// Fetches what the remote has now, and checks it out in `tree`, which is kept for nothing else. The answer is the commit, and
    /// what keeps every other process out of the folder for as long as it is kept.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn check_out(&self, remote: &Remote, tree: &Path) -> Result<(String, Held), GitError> {
        let held = Held::at(tree)?;
        if !tree.join(".git").is_dir() {
            self.inside(tree, "a new folder", &["init", "--quiet"]).await?;
        }
        // What a git that was killed has left.
        for left in ["index.lock", "shallow.lock", "HEAD.lock"] {
            let _gone = fs::remove_file(tree.join(".git").join(left));
        }
        let fetch = [
            "fetch",
            "--quiet",
            "--depth=1",
            "--no-tags",
            "--no-recurse-submodules",
            "--force",
            "--",
        ];
        let words = [&fetch[..], &[remote.url.as_str(), remote.reference()]].concat();
        self.ask(remote, Some(tree), &words).await?;
        let commit = self
            .inside(
                tree,
                "what was fetched",
                &["rev-parse", "--verify", "FETCH_HEAD^{commit}"],
            )
            .await?;
        let commit = commit.trim().to_owned();
        self.inside(
            tree,
            &commit,
            &["checkout", "--quiet", "--force", "--detach", &commit, "--"],
        )
        .await?;
        let kept = KEPT.iter().flat_map(|name| ["--exclude", *name]);
        let clean = ["clean", "--quiet", "-ff", "-d"].into_iter().chain(kept);
        self.inside(tree, &commit, &clean.collect::<Vec<_>>()).await?;
        Ok((commit, held))
    }

    /// Has git speak to the remote.
    async fn ask(&self, remote: &Remote, tree: Option<&Path>, words: &[&str]) -> Result<Said, GitError> {
        let late = |_| GitError::Late {
            remote: remote.shown.clone(),
            after: PATIENCE,
        };
        let said = tokio::time::timeout(PATIENCE, self.run(tree, words))
            .await
            .map_err(late)??;
        if said.code == Some(0) {
            return Ok(said);
        }
        let told = said.told(&remote.url, &remote.shown);
        match told.contains("couldn't find remote ref") {
            true => Err(remote.missing()),
            false => Err(GitError::Remote {
                remote: remote.shown.clone(),
                said: told,
            }),
        }
    }

    async fn inside(&self, tree: &Path, commit: &str, words: &[&str]) -> Result<String, GitError> {
        let slow = |_| GitError::Checkout {
            commit: commit.to_owned(),
            said: format!("git did not end within {PATIENCE:?}"),
        };
        let said = tokio::time::timeout(PATIENCE, self.run(Some(tree), words))
            .await
            .map_err(slow)??;
        match said.code {
            Some(0) => Ok(said.out),
            _ => Err(GitError::Checkout {
                commit: commit.to_owned(),
                said: said.told("", ""),
            }),
        }
    }

    async fn run(&self, tree: Option<&Path>, words: &[&str]) -> Result<Said, GitError> {
        let mut command = self.surroundings.command(Path::new("git"));
        command
            .args(["-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never"])
            .args([
                "-c",
                "gc.auto=0",
                "-c",
                "maintenance.auto=false",
                "-c",
                "advice.detachedHead=false",
            ])
            .args(words)
            .current_dir(tree.unwrap_or(Path::new("/")));
        let output = command.output().await.map_err(GitError::Program)?;
        Ok(Said {
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code(),
        })
    }
}

impl Said {
    /// What git said, in a line, without the credentials in `url`.
    fn told(&self, url: &str, shown: &str) -> String {
        let mut text = self.err.trim().replace('\n', "; ");
        if !url.is_empty() {
            text = text.replace(url, shown);
        }
        let mut told = String::new();
        let mut rest = text.as_str();
        // Any address: a redirection names another one.
        while let Some((before, after)) = rest.split_once("://") {
            told.push_str(before);
            told.push_str("://");
            let end = after.find(['/', ' ', '\'', '"']).unwrap_or(after.len());
            rest = match after[..end].rfind('@') {
                Some(at) => &after[at + 1..],
                None => after,
            };
        }
        told.push_str(rest);
        told.chars().take(TOLD).collect()
    }
}

/// A folder that is ours alone until this is dropped.
#[derive(Debug)]
pub struct Held(#[expect(dead_code, reason = "its lock is what counts")] File);

impl Held {
    fn at(tree: &Path) -> Result<Self, GitError> {
        let failed = |source: io::Error| GitError::Folder {
            path: tree.to_path_buf(),
            source,
        };
        let (Some(beside), Some(name)) = (tree.parent(), tree.file_name()) else {
            return Err(failed(io::ErrorKind::InvalidInput.into()));
        };
        // In a folder of their own, under the whole name: no name of a stage begins with a dot, and any may end as another's lock.
        let locks = beside.join(".locks");
        for folder in [tree, &locks] {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let lock = File::create(locks.join(name)).map_err(failed)?;
        lock.try_lock().map_err(|error| failed(error.into()))?;
        Ok(Self(lock))
    }
}
