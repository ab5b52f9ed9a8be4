//! Fetching the requirements as wheels, in the passes that Chalice makes (`DependencyBuilder` in its packager).
//!
//! 1. pip downloads everything that is required, wheels or sources, as it likes for this machine; from here on the
//!    versions are settled.
//! 2. For what does not run on Lambda, a wheel of the same version that does.
//! 3. Where there is none, sources of the same version.
//! 4. Wheels built from the sources here, with the C compiler and, where that gives nothing fit for Lambda, without.
//!
//! What then still does not fit is told by name. Chalice takes every failure of pass 2 for "there is none", a broken
//! network too, and keeps the result; here only pip's own word that there is none counts as that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::wheel::{Download, Fit};
use super::{PackageError, Request, Target};
use crate::source::python::{Answer, Requirements, Runtime, pip_command, run};

/// How many pips run at once when they run one for each package.
const PIPS: usize = 4;
/// What Chalice gives as the C compiler to keep a build from compiling: no such program exists.
const NO_COMPILER: &str = "/var/false";

/// Wheels on disk, sorted by package, and what could not be had.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) wheels: Vec<PathBuf>,
    /// `name==version` of the wheels.
    pub(super) packages: Vec<String>,
    /// `name==version` of what is missing.
    pub(super) missing: Vec<String>,
}

/// Fetches the requirements for the target into the folder `to`, which is empty.
pub(super) async fn fetch(
    request: &Request<'_>,
    runtime: &Runtime,
    requirements: &Requirements,
    to: &Path,
) -> Result<Fetched, PackageError> {
    if !request.python.pip {
        return Err(PackageError::NoPip {
            executable: request.python.executable.clone(),
        });
    }
    let pip = Pip { request, to };
    match request.target {
        Target::Host => pip.for_this_machine(requirements).await,
        Target::Lambda(architecture) => {
            pip.for_lambda(requirements, runtime, &Fit::new(runtime, architecture))
                .await
        }
    }
}

struct Pip<'a> {
    request: &'a Request<'a>,
    to: &'a Path,
}

impl Pip<'_> {
    /// One pass is enough: pip downloads or builds whatever this machine can run.
    async fn for_this_machine(&self, requirements: &Requirements) -> Result<Fetched, PackageError> {
        let file = requirements.file().to_string_lossy();
        let answer = self.run(&["wheel", "-r", &file, "--wheel-dir"], None).await?;
        self.must(answer, "building the requirements for this machine")?;
        let wheels = self
            .downloads()?
            .into_iter()
            .filter(|(_, download)| download.tags.is_some());
        Ok(fetched(wheels.collect(), &BTreeMap::new()))
    }

    async fn for_lambda(
        &self,
        requirements: &Requirements,
        runtime: &Runtime,
        fit: &Fit,
    ) -> Result<Fetched, PackageError> {
        let file = requirements.file().to_string_lossy();
        let answer = self.run(&["download", "-r", &file, "--dest"], None).await?;
        self.must(answer, "downloading the requirements")?;
        for folder in requirements.folders() {
            let folder = folder.to_string_lossy();
            let answer = self
                .run(&["wheel", "--no-deps", &folder, "--wheel-dir"], None)
                .await?;
            self.must(answer, &format!("building {folder}"))?;
        }
        let wanted = self.wanted()?;

        let unfit = self.unfit(&wanted, fit)?;
        let from_index: Vec<&Download> = unfit
            .iter()
            .copied()
            .filter(|download| !requirements.places(&download.name))
            .collect();
        self.download_fitting(&from_index, runtime, fit).await?;

        let sources = self.sources()?;
        let mut unfit = self.unfit(&wanted, fit)?;
        unfit
            .retain(|download| !sources.contains_key(&download.name) && !requirements.places(&download.name));
        self.download_sources(&unfit).await?;

        for compiler in [None, Some(NO_COMPILER)] {
            let unfit: BTreeSet<&str> = self
                .unfit(&wanted, fit)?
                .into_iter()
                .map(|download| download.name.as_str())
                .collect();
            let sources = self
                .sources()?
                .into_iter()
                .filter(|(name, _)| unfit.contains(name.as_str()));
            self.build(sources.map(|(_, file)| file).collect(), compiler)
                .await?;
        }

        let wheels = self
            .downloads()?
            .into_iter()
            .filter(|(_, download)| fit.accepts(download));
        Ok(fetched(wheels.collect(), &wanted))
    }

    /// Everything that the first pass brought, by name: what a package has to hold.
    fn wanted(&self) -> Result<BTreeMap<String, Download>, PackageError> {
        Ok(self
            .downloads()?
            .into_iter()
            .map(|(_, download)| (download.name.clone(), download))
            .collect())
    }

    /// What is wanted and has no wheel that fits yet.
    fn unfit<'w>(
        &self,
        wanted: &'w BTreeMap<String, Download>,
        fit: &Fit,
    ) -> Result<Vec<&'w Download>, PackageError> {
        let fitting: BTreeSet<String> = self
            .downloads()?
            .into_iter()
            .filter(|(_, download)| fit.accepts(download))
            .map(|(_, download)| download.name)
            .collect();
        Ok(wanted
            .values()
            .filter(|download| !fitting.contains(&download.name))
            .collect())
    }

    /// The archives of sources, by name.
    fn sources(&self) -> Result<BTreeMap<String, PathBuf>, PackageError> {
        let sources = self
            .downloads()?
            .into_iter()
            .filter(|(_, download)| download.tags.is_none());
        Ok(sources.map(|(file, download)| (download.name, file)).collect())
    }

    /// Pass 2: all at once, which is quick where all exist; else each for itself, since one that does not exist
    /// keeps pip from downloading the others.
    async fn download_fitting(
        &self,
        packages: &[&Download],
        runtime: &Runtime,
        fit: &Fit,
    ) -> Result<(), PackageError> {
        let mut options = vec!["download", "--only-binary=:all:", "--no-deps"];
        let (platforms, abi, version) = (fit.pip_platforms(), runtime.abi(), runtime.python_version());
        for platform in &platforms {
            options.extend(["--platform", platform.as_str()]);
        }
        options.extend([
            "--implementation",
            "cp",
            "--abi",
            &abi,
            "--python-version",
            &version,
        ]);
        self.download_pins(&options, packages, "downloading wheels for Lambda")
            .await
    }

    /// Pass 3.
    async fn download_sources(&self, packages: &[&Download]) -> Result<(), PackageError> {
        let options = ["download", "--no-binary=:all:", "--no-deps"];
        self.download_pins(&options, packages, "downloading sources")
            .await
    }

    async fn download_pins(
        &self,
        options: &[&str],
        packages: &[&Download],
        what: &str,
    ) -> Result<(), PackageError> {
        let pins: Vec<String> = packages.iter().map(|package| package.pin()).collect();
        if pins.is_empty() || self.download(options, &pins).await?.success {
            return Ok(());
        }
        stream::iter(pins.chunks(1).map(Ok))
            .try_for_each_concurrent(PIPS, |pin| async move {
                let answer = self.download(options, pin).await?;
                // With sources pip also asks for their metadata, which a broken `setup.py` cannot give. Whatever the
                // reason, there is then nothing to build from.
                if answer.success || there_is_none(&answer) || options.contains(&"--no-binary=:all:") {
                    return Ok(());
                }
                Err(PackageError::Pip {
                    what: format!("{what} ({})", pin.concat()),
                    source: answer.said(),
                })
            })
            .await
    }

    async fn download(&self, options: &[&str], pins: &[String]) -> Result<Answer, PackageError> {
        let mut arguments = options.to_vec();
        arguments.extend(pins.iter().map(String::as_str));
        arguments.push("--dest");
        self.run(&arguments, None).await
    }

    /// Pass 4. That a build fails is no error: what it leaves is looked at afterwards.
    async fn build(&self, sources: Vec<PathBuf>, compiler: Option<&str>) -> Result<(), PackageError> {
        let builds = stream::iter(sources).map(|file| async move {
            let file = file.to_string_lossy();
            self.run(&["wheel", "--no-deps", &file, "--wheel-dir"], compiler)
                .await
        });
        builds
            .buffer_unordered(PIPS)
            .try_for_each(|_| async { Ok(()) })
            .await
    }

    /// Runs pip with these arguments and, after them, the folder of downloads.
    async fn run(&self, arguments: &[&str], compiler: Option<&str>) -> Result<Answer, PackageError> {
        let Request {
            python,
            project_dir,
            surroundings,
            ..
        } = self.request;
        let mut command = pip_command(&python.executable, project_dir, surroundings);
        command.args(arguments).arg(self.to);
        if let Some(compiler) = compiler {
            command.env("CC", compiler);
        }
        run(command).await.map_err(|source| PackageError::Start {
            executable: python.executable.clone(),
            source,
        })
    }

    fn must(&self, answer: Answer, what: &str) -> Result<(), PackageError> {
        if answer.success {
            return Ok(());
        }
        let source = answer.said();
        match unsatisfied(&answer.stderr) {
            Some(requirement) if there_is_none(&answer) => {
                Err(PackageError::NoSuchPackage { requirement, source })
            }
            _ => Err(PackageError::Pip {
                what: what.to_owned(),
                source,
            }),
        }
    }

    /// All downloads so far, sorted by file name.
    fn downloads(&self) -> Result<Vec<(PathBuf, Download)>, PackageError> {
        let failed = |source| PackageError::Read {
            path: self.to.to_owned(),
            source,
        };
        let mut found = Vec::new();
        for entry in fs::read_dir(self.to).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if let Some(download) = entry.file_name().to_str().and_then(Download::parse) {
                found.push((entry.path(), download));
            }
        }
        found.sort_by(|(left, _), (right, _)| left.cmp(right));
        Ok(found)
    }
}

/// One wheel for each package, sorted by name; of several the first by file name.
fn fetched(wheels: Vec<(PathBuf, Download)>, wanted: &BTreeMap<String, Download>) -> Fetched {
    let mut by_name: BTreeMap<String, (PathBuf, Download)> = BTreeMap::new();
    for (file, download) in wheels {
        by_name.entry(download.name.clone()).or_insert((file, download));
    }
    let missing = wanted
        .values()
        .filter(|download| !by_name.contains_key(&download.name));
    Fetched {
        missing: missing.map(Download::pin).collect(),
        packages: by_name.values().map(|(_, download)| download.pin()).collect(),
        wheels: by_name.into_values().map(|(file, _)| file).collect(),
    }
}

/// Whether pip says that what it was asked for does not exist, as opposed to failing on the way to it: of an index
/// that it cannot reach it also says in the end that it holds nothing.
fn there_is_none(answer: &Answer) -> bool {
    answer.stderr.contains("No matching distribution found") && !answer.stderr.contains("Retrying (Retry(")
}

/// The requirement that pip cannot satisfy, by its own words.
fn unsatisfied(stderr: &str) -> Option<String> {
    let (_, rest) = stderr.split_once("Could not find a version that satisfies the requirement ")?;
    let requirement = rest.lines().next()?.split(" (from").next()?.trim();
    (!requirement.is_empty()).then(|| requirement.to_owned())
}
