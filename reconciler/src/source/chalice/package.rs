//! The deployment package of a Chalice project: the files that Chalice 1.34.0 packs, without its accidents.
//!
//! In order of precedence, the last wins: the requirements as they are for Lambda, `chalice/app.py` and
//! `chalice/__init__.py` of the project's own `chalice`, `app.py`, everything in `chalicelib/`, and everything in
//! `vendor/` at the root (`LambdaDeploymentPackager` in `chalice/deploy/packager.py`). One package serves all
//! functions of a stage.
//!
//! With `automatic_layer` there are two: the code is the runtime, `app.py` and `chalicelib/` alone, and the layer holds the
//! requirements and `vendor/` in the folder from which Lambda imports them (`AppOnlyDeploymentPackager` and
//! `LayerDeploymentPackager`). A layer without a byte in it is none: Lambda takes no such layer.
//!
//! Decisions:
//! - **Wheels are unzipped, not installed.** An installer adds scripts and rewrites `RECORD`, each in its own way;
//!   a wheel's own files are the same everywhere, and they are exactly what Chalice packs. Only pip can fetch wheels
//!   without installing them, so pip it is, also where uv is at hand; every `chalice` brings a pip with it.
//! - **What was once resolved stays** until the requirements change: the cache holds the dependencies, so an
//!   unpinned requirement does not make an unchanged project a changed one. Another machine resolves anew; to be
//!   equal there too, requirements must be pinned.
//! - **A package that cannot be had for Lambda is a [`Warning`]**, as in Chalice, and the deployment goes on.
//! - **No file of a dependency may be executed**: Chalice unzips wheels without their modes; kept, to be equal. A
//!   program for Lambda belongs into `vendor/`, where the executable bit counts.
//! - **What is compiled here is not the same everywhere.** A requirement without a wheel for Lambda is built from its
//!   sources by this machine's compiler, as in Chalice; its bytes differ between machines, and stay while the cache does.
//!
//! Unlike Chalice it leaves out [litter](grail_providers::package::is_litter), builds requirements that are folders
//! of this machine (Chalice silently packs nothing for them), never takes a package of the same name from an index in
//! place of one that the requirements place elsewhere, and takes an earlier version that runs on Lambda before it
//! compiles the newest one here (see `package/fetch.rs`).

use std::path::{Path, PathBuf};

use grail_providers::package::{Bundle, Content, FileError, ZipDigest};

use crate::source::python::{Python, Runtime, Surroundings, Tell, absolute};

mod error;
mod fetch;
mod layout;
mod limit;
mod shelf;
mod tree;
mod unpack;
mod warning;
mod wheel;

pub use error::PackageError;
pub use warning::Warning;

use shelf::Shelf;

/// The processor of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Architecture {
    /// Lambda's and Chalice's default.
    #[default]
    X86_64,
    /// Graviton.
    Arm64,
}

impl Architecture {
    /// Its name for Lambda and in `lambda_architecture`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// Reads `lambda_architecture`; `None` for anything that Chalice refuses.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::X86_64, Self::Arm64]
            .into_iter()
            .find(|architecture| architecture.name() == name)
    }

    /// Its name in the tags of wheels.
    fn machine(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }
}

/// Where a package will run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// On Lambda, on this processor.
    Lambda(Architecture),
    /// On this machine, with the project's Python: the local cloud.
    Host,
}

/// What to build a package from.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The project.
    pub project_dir: &'a Path,
    /// Its Python, which must have `chalice`.
    pub python: &'a Python,
    /// The environment in which pip runs.
    pub surroundings: &'a Surroundings,
    /// Where the package will run.
    pub target: Target,
    /// Whether the requirements go into a layer of their own.
    pub layered: bool,
    /// Where dependencies and finished packages are kept. May be shared by projects and processes.
    pub cache: &'a Path,
}

/// What all functions of a stage run.
#[derive(Clone, Debug)]
pub struct Package {
    /// The package of each function.
    pub code: Zip,
    /// The layer with the requirements, where one is asked for and there is something in it.
    pub layer: Option<Zip>,
    /// The Lambda runtime that it is built for.
    pub runtime: Runtime,
    /// What may make it fail on Lambda.
    pub warnings: Vec<Warning>,
}

/// A zip in the cache.
#[derive(Clone, Debug)]
pub struct Zip {
    /// The file: read it soon, only the last few are kept.
    pub file: PathBuf,
    /// SHA-256 of the file, which names an upload.
    pub sha256: ZipDigest,
    /// What it contains: the digest by which code is compared.
    pub content: Content,
    /// Its size.
    pub size: Size,
}

/// The size of a package in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Of the zip; over 50 MiB it has to go through S3.
    pub zipped: u64,
    /// Of its files; Lambda refuses more than 250 MiB.
    pub unzipped: u64,
}

/// Builds the package of a project. An unchanged project runs no tool and compresses nothing.
///
/// # Errors
/// [`PackageError`] when `app.py` is missing, a file cannot be read, the requirements cannot be had at all, the
/// package is too large for Lambda, or the cache cannot be written.
pub async fn build(request: &Request<'_>, tell: Tell<'_>) -> Result<Package, PackageError> {
    let (project_dir, cache) = (absolute(request.project_dir), absolute(request.cache));
    let request = Request {
        project_dir: &project_dir,
        cache: &cache,
        ..*request
    };
    let runtime = request.python.runtime();
    let chalice = request
        .python
        .chalice
        .clone()
        .ok_or_else(|| PackageError::NoChalice {
            executable: request.python.executable.clone(),
        })?;
    let tree = tree::dependencies(&request, &runtime, tell).await?;
    let (target, shelf) = (request.target, Shelf::new(&cache));
    let layered = request.layered;
    let work = move || {
        let mut warnings = Vec::new();
        let mut code = layout::app(&project_dir, &chalice, &mut warnings)?;
        let vendor = layout::vendor(&project_dir, &mut warnings)?;
        let mut beside = tree.bundle;
        let whole = {
            let mut whole = beside.clone();
            whole.overlay(code.clone());
            whole.overlay(vendor.clone());
            whole
        };
        warnings.extend(warning::missing(tree.missing, &whole));
        if !tree.older.is_empty() {
            warnings.push(Warning::Older { packages: tree.older });
        }
        if let (Target::Lambda(_), true) = (target, runtime.differs) {
            warnings.push(Warning::OtherPython {
                runtime: runtime.name.clone(),
            });
        }
        beside.overlay(vendor);
        let layer = match layered {
            true => Some(beside).filter(|layer| layer.unzipped_size() > 0),
            false => {
                code = whole;
                None
            }
        };
        // Lambda's limit counts the layer too.
        let all = code.iter().chain(layer.iter().flat_map(Bundle::iter));
        if let Some(too_big) = limit::over(all.map(|(path, entry)| (path, entry.size))) {
            match target {
                Target::Lambda(_) => return Err(too_big.into_error()),
                Target::Host => warnings.push(too_big.into_warning()),
            }
        }
        let folder = format!("python/lib/{}/site-packages", runtime.name);
        let layer = layer.map(|layer| layer.below(&folder)).transpose();
        let layer = layer.map_err(FileError::from)?;
        Ok(Package {
            code: shelve(&shelf, &code)?,
            layer: layer.map(|layer| shelve(&shelf, &layer)).transpose()?,
            runtime,
            warnings,
        })
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| PackageError::Interrupted)?
}

/// What is required, and what may be wrong with it.
#[derive(Debug)]
pub struct Required {
    /// The files, as Lambda imports them.
    pub bundle: Bundle,
    /// What may make them fail there.
    pub warnings: Vec<Warning>,
}

/// What the `requirements.txt` in the request's folder asks for, for `runtime`.
///
/// # Errors
/// As [`build`] for the requirements.
pub async fn requirements(
    request: &Request<'_>,
    runtime: &Runtime,
    tell: Tell<'_>,
) -> Result<Required, PackageError> {
    let (project_dir, cache) = (absolute(request.project_dir), absolute(request.cache));
    let request = Request {
        project_dir: &project_dir,
        cache: &cache,
        ..*request
    };
    let tree = tree::dependencies(&request, runtime, tell).await?;
    let mut warnings: Vec<_> = warning::missing(tree.missing, &tree.bundle).into_iter().collect();
    if !tree.older.is_empty() {
        warnings.push(Warning::Older { packages: tree.older });
    }
    Ok(Required {
        bundle: tree.bundle,
        warnings,
    })
}

/// Puts any bundle on the shelf in `cache`. With `checked`, no larger one than Lambda takes.
///
/// # Errors
/// A bundle that is too large, a file that has changed meanwhile, a cache that cannot be written.
pub fn shelve_bundle(cache: &Path, bundle: &Bundle, checked: bool) -> Result<Zip, PackageError> {
    if let Some(too_big) = limit::over(bundle.iter().map(|(path, entry)| (path, entry.size)))
        && checked
    {
        return Err(too_big.into_error());
    }
    shelve(&Shelf::new(&absolute(cache)), bundle)
}

fn shelve(shelf: &Shelf, bundle: &Bundle) -> Result<Zip, PackageError> {
    let content = bundle.content();
    let kept = shelf.keep(bundle, &content)?;
    Ok(Zip {
        file: kept.path,
        sha256: kept.digest,
        content,
        size: Size {
            zipped: kept.size,
            unzipped: bundle.unzipped_size(),
        },
    })
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
