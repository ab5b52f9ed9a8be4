//! Fetching the requirements as wheels, in the passes that Chalice makes (`DependencyBuilder` in its packager), and
//! one more.
//!
//! 1. pip downloads everything that is required, wheels or sources, as it likes for this machine; this settles the
//!    versions.
//! 2. For what does not run on Lambda, a wheel of the same version that does.
//! 3. What came as sources is built here, with the C compiler and, where that gives nothing fit, without.
//! 4. Not in Chalice: where a package has wheels, but none of this version that run on Lambda (its newest ones are
//!    for a newer glibc, say), everything is resolved once more, with wheels for Lambda alone. That gives a version
//!    from some months ago, and a [`Warning`](super::Warning) which says so. Chalice would now compile the newest one
//!    here, for minutes, and for this machine's glibc.
//! 5. Where that is impossible (the version is pinned), its sources are downloaded and built as in 3.
//!
//! What then still does not fit is told by name. Chalice takes every failure of pass 2 for "there is none", a broken
//! network too, and keeps the result; here only pip's own word that there is none counts as that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::wheel::{Download, Fit};
use super::{PackageError, Request, Target};
use crate::source::python::{Requirements, Runtime};

mod pip;

use pip::{Pip, must, there_is_none};

/// Wheels on disk, sorted by package, and what could not be had.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) wheels: Vec<PathBuf>,
    /// `name==version` of the wheels.
    pub(super) packages: Vec<String>,
    /// `name==version` of what is missing.
    pub(super) missing: Vec<String>,
    /// `name==version` of what is newest, and the version that was taken instead.
    pub(super) older: Vec<(String, String)>,
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
    let pip = Pip {
        request,
        to: to.to_owned(),
    };
    match request.target {
        Target::Host => {
            // One pass is enough: pip downloads or builds whatever this machine can run.
            must(
                &pip.build_all(requirements.file()).await?,
                "building the requirements for this machine",
            )?;
            let wheels = pip
                .downloads()?
                .into_iter()
                .filter(|(_, download)| download.tags.is_some());
            Ok(Fetched::of(by_name(wheels), &BTreeMap::new()))
        }
        Target::Lambda(architecture) => {
            let fit = Fit::new(runtime, architecture);
            let fetch = ForLambda {
                pip,
                requirements,
                options: options(runtime, &fit),
                fit,
            };
            fetch.all().await
        }
    }
}

/// What makes pip look for wheels that run on Lambda.
fn options(runtime: &Runtime, fit: &Fit) -> Vec<String> {
    let mut options = vec!["--only-binary=:all:".to_owned()];
    for platform in fit.pip_platforms() {
        options.extend(["--platform".to_owned(), platform]);
    }
    options.extend(["--implementation", "cp", "--abi"].map(str::to_owned));
    options.extend([
        runtime.abi(),
        "--python-version".to_owned(),
        runtime.python_version(),
    ]);
    options
}

/// What the first pass brought: all that a package has to hold.
struct Wanted {
    packages: BTreeMap<String, Download>,
    /// The names of those that the requirements place somewhere: an index may hold a stranger of that name.
    own: BTreeSet<String>,
}

struct ForLambda<'a> {
    pip: Pip<'a>,
    requirements: &'a Requirements,
    fit: Fit,
    options: Vec<String>,
}

impl ForLambda<'_> {
    async fn all(&self) -> Result<Fetched, PackageError> {
        let answer = self.pip.download_all(self.requirements.file(), &[]).await?;
        must(&answer, "downloading the requirements")?;
        let folders = self.build_folders().await?;
        let downloads = self.pip.downloads()?.into_iter().map(|(_, download)| download);
        let wanted = Wanted {
            own: downloads
                .clone()
                .map(|download| download.name)
                .filter(|name| folders.contains(name) || self.requirements.places(name))
                .collect(),
            packages: downloads
                .map(|download| (download.name.clone(), download))
                .collect(),
        };

        self.pip
            .download_pins(&self.options, &self.to_look_for(&wanted)?, there_is_none)
            .await?;
        self.build_sources(&wanted).await?;
        if let Some(older) = self.older(&wanted).await? {
            return Ok(older);
        }
        let without = self.without_sources(&wanted)?;
        // pip asks sources for their metadata, which a broken `setup.py` cannot give. Whatever the reason, there is
        // then nothing to build from.
        self.pip
            .download_pins(&["--no-binary=:all:".to_owned()], &without, |_| true)
            .await?;
        self.build_sources(&wanted).await?;
        Ok(Fetched::of(self.fitting(&self.pip)?, &wanted.packages))
    }

    /// pip downloads nothing for folders, so they are built here. Tells the names of what they gave.
    async fn build_folders(&self) -> Result<BTreeSet<String>, PackageError> {
        let before = self.pip.downloads()?;
        for folder in self.requirements.folders() {
            must(
                &self.pip.build(folder, true).await?,
                &format!("building {}", folder.display()),
            )?;
        }
        let new = self
            .pip
            .downloads()?
            .into_iter()
            .filter(|download| !before.contains(download));
        Ok(new.map(|(_, download)| download.name).collect())
    }

    /// Builds what is wanted, does not fit yet, and is there as sources.
    async fn build_sources(&self, wanted: &Wanted) -> Result<(), PackageError> {
        for compile in [true, false] {
            let unfit: BTreeSet<&str> = self
                .unfit(wanted)?
                .into_iter()
                .map(|download| download.name.as_str())
                .collect();
            let sources = self
                .pip
                .sources()?
                .into_iter()
                .filter(|(name, _)| unfit.contains(name.as_str()));
            self.pip
                .build_each(sources.map(|(_, file)| file).collect(), compile)
                .await?;
        }
        Ok(())
    }

    /// Pass 4: everything anew from wheels for Lambda alone, if that is called for and possible.
    async fn older(&self, wanted: &Wanted) -> Result<Option<Fetched>, PackageError> {
        if self
            .without_sources(wanted)?
            .iter()
            .all(|download| download.runs_anyway())
        {
            return Ok(None);
        }
        let to = self.pip.to.join("older");
        fs::create_dir(&to).map_err(|source| PackageError::Cache {
            path: to.clone(),
            source,
        })?;
        let pip = Pip {
            request: self.pip.request,
            to,
        };
        let mut options = self.options.clone();
        // What is there already need not be fetched again, and what was built here is not to be had elsewhere.
        options.extend([
            "--find-links".to_owned(),
            self.pip.to.to_string_lossy().into_owned(),
        ]);
        if !pip
            .download_all(self.requirements.file(), &options)
            .await?
            .success
        {
            return Ok(None);
        }
        let mut wheels = self.fitting(&pip)?;
        let first = self.fitting(&self.pip)?;
        // What has a place of its own is not from an index: it stays as it is.
        wheels.extend(first.into_iter().filter(|(name, _)| wanted.own.contains(name)));
        let older = wanted.packages.values().filter_map(|newest| {
            let (_, taken) = wheels.get(&newest.name)?;
            (taken.version != newest.version).then(|| (newest.pin(), taken.version.clone()))
        });
        let older = older.collect();
        Ok(Some(Fetched {
            older,
            ..Fetched::of(wheels, &BTreeMap::new())
        }))
    }

    /// What is wanted and has no wheel that fits yet.
    fn unfit<'w>(&self, wanted: &'w Wanted) -> Result<Vec<&'w Download>, PackageError> {
        let downloads = self.pip.downloads()?;
        let fitting: BTreeSet<&str> = downloads
            .iter()
            .filter(|(_, download)| self.fit.accepts(download))
            .map(|(_, download)| download.name.as_str())
            .collect();
        let unfit = wanted
            .packages
            .values()
            .filter(|download| !fitting.contains(download.name.as_str()));
        Ok(unfit.collect())
    }

    /// The same, where an index may help.
    fn to_look_for<'w>(&self, wanted: &'w Wanted) -> Result<Vec<&'w Download>, PackageError> {
        let mut unfit = self.unfit(wanted)?;
        unfit.retain(|download| !wanted.own.contains(&download.name));
        Ok(unfit)
    }

    /// The same, and there are no sources to build from either.
    fn without_sources<'w>(&self, wanted: &'w Wanted) -> Result<Vec<&'w Download>, PackageError> {
        let sources = self.pip.sources()?;
        let mut without = self.to_look_for(wanted)?;
        without.retain(|download| !sources.contains_key(&download.name));
        Ok(without)
    }

    /// The wheels that fit or at least run, by name.
    fn fitting(&self, pip: &Pip<'_>) -> Result<BTreeMap<String, (PathBuf, Download)>, PackageError> {
        let (fit, other): (Vec<_>, Vec<_>) = pip
            .downloads()?
            .into_iter()
            .partition(|(_, download)| self.fit.accepts(download));
        let running = other.into_iter().filter(|(_, download)| download.runs_anyway());
        Ok(by_name(fit.into_iter().chain(running)))
    }
}

/// One wheel for each package: the first.
fn by_name(wheels: impl Iterator<Item = (PathBuf, Download)>) -> BTreeMap<String, (PathBuf, Download)> {
    let mut by_name = BTreeMap::new();
    for (file, download) in wheels {
        by_name.entry(download.name.clone()).or_insert((file, download));
    }
    by_name
}

impl Fetched {
    fn of(wheels: BTreeMap<String, (PathBuf, Download)>, wanted: &BTreeMap<String, Download>) -> Self {
        let missing = wanted
            .values()
            .filter(|download| !wheels.contains_key(&download.name));
        Self {
            missing: missing.map(Download::pin).collect(),
            packages: wheels.values().map(|(_, download)| download.pin()).collect(),
            wheels: wheels.into_values().map(|(file, _)| file).collect(),
            older: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
