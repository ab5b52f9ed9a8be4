//! pip, downloading and building into one folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::super::wheel::Download;
use super::super::{PackageError, Request};
use crate::source::python::{Answer, pip_command, run};

/// How many pips run at once when they run one for each package.
const PIPS: usize = 4;
/// What Chalice gives as the C compiler to keep a build from compiling: no such program exists.
const NO_COMPILER: &str = "/var/false";

/// pip for one project, and the folder into which it puts everything.
pub(super) struct Pip<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) to: PathBuf,
}

impl Pip<'_> {
    /// Downloads what a file of requirements asks for, with all that this needs in turn.
    pub(super) async fn download_all(&self, file: &Path, options: &[String]) -> Result<Answer, PackageError> {
        let mut arguments = vec!["download".to_owned(), "-r".to_owned(), text(file)];
        arguments.extend_from_slice(options);
        arguments.push("--dest".to_owned());
        self.run(&arguments, None).await
    }

    /// Downloads or builds wheels of what a file of requirements asks for, with all that this needs in turn.
    pub(super) async fn build_all(&self, file: &Path) -> Result<Answer, PackageError> {
        self.run(
            &["wheel", "-r", &text(file), "--wheel-dir"].map(str::to_owned),
            None,
        )
        .await
    }

    /// Downloads packages by their pins: all at once, which is quick where all exist; else each for itself, since one
    /// that does not exist keeps pip from downloading the others. Of these, `tolerated` tells which failures are an answer.
    pub(super) async fn download_pins(
        &self,
        options: &[String],
        packages: &[&Download],
        tolerated: fn(&Answer) -> bool,
    ) -> Result<(), PackageError> {
        let pins: Vec<String> = packages.iter().map(|package| package.pin()).collect();
        if pins.is_empty() || self.download(options, &pins).await?.success {
            return Ok(());
        }
        stream::iter(pins.chunks(1).map(Ok))
            .try_for_each_concurrent(PIPS, |pin| async move {
                let answer = self.download(options, pin).await?;
                if answer.success || tolerated(&answer) {
                    return Ok(());
                }
                Err(PackageError::Pip {
                    what: format!("downloading {}", pin.concat()),
                    source: answer.said(),
                })
            })
            .await
    }

    async fn download(&self, options: &[String], pins: &[String]) -> Result<Answer, PackageError> {
        let mut arguments = vec!["download".to_owned(), "--no-deps".to_owned()];
        arguments.extend(options.iter().chain(pins).cloned());
        arguments.push("--dest".to_owned());
        self.run(&arguments, None).await
    }

    /// Builds a wheel of a folder or an archive of sources, alone.
    pub(super) async fn build(&self, sources: &Path, compile: bool) -> Result<Answer, PackageError> {
        let arguments = ["wheel", "--no-deps", &text(sources), "--wheel-dir"].map(str::to_owned);
        self.run(&arguments, (!compile).then_some(NO_COMPILER)).await
    }

    /// Builds wheels of several. That a build fails is no error: what it leaves is looked at afterwards.
    pub(super) async fn build_each(&self, sources: Vec<PathBuf>, compile: bool) -> Result<(), PackageError> {
        let builds = stream::iter(sources).map(|sources| async move { self.build(&sources, compile).await });
        builds
            .buffer_unordered(PIPS)
            .try_for_each(|_| async { Ok(()) })
            .await
    }

    /// Runs pip with these arguments and, after them, the folder.
    async fn run(&self, arguments: &[String], compiler: Option<&str>) -> Result<Answer, PackageError> {
        let Request {
            python,
            project_dir,
            surroundings,
            ..
        } = self.request;
        let mut command = pip_command(&python.executable, project_dir, surroundings);
        command.args(arguments).arg(&self.to);
        if let Some(compiler) = compiler {
            command.env("CC", compiler);
        }
        run(command).await.map_err(|source| PackageError::Start {
            executable: python.executable.clone(),
            source,
        })
    }

    /// Everything in the folder that is a wheel or an archive of sources, sorted by file name.
    pub(super) fn downloads(&self) -> Result<Vec<(PathBuf, Download)>, PackageError> {
        let failed = |source| PackageError::Read {
            path: self.to.clone(),
            source,
        };
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.to).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if let Some(download) = entry.file_name().to_str().and_then(Download::parse) {
                found.push((entry.path(), download));
            }
        }
        found.sort_by(|(left, _), (right, _)| left.cmp(right));
        Ok(found)
    }

    /// The archives of sources, by name.
    pub(super) fn sources(&self) -> Result<BTreeMap<String, PathBuf>, PackageError> {
        let sources = self
            .downloads()?
            .into_iter()
            .filter(|(_, download)| download.tags.is_none());
        Ok(sources.map(|(file, download)| (download.name, file)).collect())
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// An error unless pip succeeded.
pub(super) fn must(answer: &Answer, what: &str) -> Result<(), PackageError> {
    if answer.success {
        return Ok(());
    }
    let source = answer.said();
    match unsatisfied(&answer.stderr) {
        Some(requirement) if there_is_none(answer) => {
            Err(PackageError::NoSuchPackage { requirement, source })
        }
        _ => Err(PackageError::Pip {
            what: what.to_owned(),
            source,
        }),
    }
}

/// Whether pip says that what it was asked for does not exist, as opposed to failing on the way to it: of an index
/// that it cannot reach it also says in the end that it holds nothing.
pub(super) fn there_is_none(answer: &Answer) -> bool {
    answer.stderr.contains("No matching distribution found") && !answer.stderr.contains("Retrying (Retry(")
}

/// The requirement that pip cannot satisfy, by its own words.
fn unsatisfied(stderr: &str) -> Option<String> {
    let (_, rest) = stderr.split_once("Could not find a version that satisfies the requirement ")?;
    let requirement = rest.lines().next()?.split(" (from").next()?.trim();
    (!requirement.is_empty()).then(|| requirement.to_owned())
}
