//! Python files with what they require, built by the same means as a Chalice project: wheels for Lambda, unzipped.

use grail_providers::package::Bundle;

use super::files::{Ignore, pack_dir, pack_file, write_requirements};
use super::{Bench, CodeError, Order, apart, lock};
use crate::source::chalice::package::{self, PackageError, Request, Target};
use crate::source::diagnostic::Problem;
use crate::source::manifest::form::{Brief, OneOrMore};
use crate::source::manifest::functions::{Architecture, PythonCode};
use crate::source::manifest::shape::stand_in;
use crate::source::python::{self, Python, Runtime, Version};

impl Bench<'_> {
    pub(super) async fn python(
        &mut self,
        order: &Order,
        code: &PythonCode,
        ignore: Ignore,
        path: &[&str],
    ) -> Result<Bundle, CodeError> {
        let project = self.manifest.project().to_owned();
        let mut bundle = self.required(order, code, path).await?;
        let dir = match (&code.dir, &code.files) {
            (Some(dir), _) => Some(project.join(dir)),
            // A layer may hold requirements and nothing else.
            (None, None) if order.is_layer => None,
            (None, None) => Some(project.clone()),
            (None, Some(_)) => None,
        };
        let files = code.files.clone().unwrap_or_default();
        apart(move || {
            if let Some(dir) = dir {
                bundle.overlay(pack_dir(&dir, &ignore)?);
            }
            for file in files {
                bundle.overlay(pack_file(&project.join(file))?);
            }
            Ok(bundle)
        })
        .await
    }

    /// What is required, for the runtime and the processor of the function.
    async fn required(
        &mut self,
        order: &Order,
        code: &PythonCode,
        path: &[&str],
    ) -> Result<Bundle, CodeError> {
        let Some(requirements) = &code.requirements else {
            return Ok(Bundle::new());
        };
        let project = self.manifest.project().to_owned();
        // What pip is given lies in a folder of its own; a file of the project is included by its path there.
        let folder = tempfile::tempdir()
            .map_err(|error| CodeError::Words(format!("no temporary folder could be made: {error}")))?;
        let mut place = folder.path().to_owned();
        match requirements {
            OneOrMore::One(file) => {
                let file = project.join(file);
                if !file.is_file() {
                    return Err(CodeError::Words(format!("there is no file {}", file.display())));
                }
                if file.file_name().is_some_and(|name| name == "uv.lock") {
                    let text = std::fs::read_to_string(&file).map_err(|source| PackageError::Read {
                        path: file.clone(),
                        source,
                    })?;
                    write_requirements(&place, &lock::requirements(&text)?)?;
                    return self.fetched(order, &place, path).await;
                }
                match file.parent().filter(|_| file.ends_with("requirements.txt")) {
                    Some(parent) => place = parent.to_owned(),
                    None => write_requirements(&place, &format!("-r {}\n", file.display()))?,
                }
            }
            OneOrMore::More(lines) => write_requirements(&place, &(lines.join("\n") + "\n"))?,
        }
        self.fetched(order, &place, path).await
    }

    /// What the `requirements.txt` of a folder requires.
    async fn fetched(
        &mut self,
        order: &Order,
        place: &std::path::Path,
        path: &[&str],
    ) -> Result<Bundle, CodeError> {
        let workshop = self.workshop;
        let python = self.interpreter().await?;
        let runtime = runtime_of(&order.runtime, &python);
        let request = Request {
            project_dir: place,
            python: &python,
            surroundings: workshop.surroundings,
            target: self.target(order.architecture),
            layered: false,
            cache: workshop.cache,
        };
        let required = package::requirements(&request, &runtime, workshop.tell).await?;
        self.warn(&required.warnings, path);
        Ok(required.bundle)
    }

    /// The files of a Chalice application, as Chalice packs them. Where a layer of the manifest holds what the application
    /// requires, its functions hold the rest.
    pub(super) async fn chalice(
        &mut self,
        order: &Order,
        folder: &str,
        path: &[&str],
    ) -> Result<package::Zip, CodeError> {
        let (project, workshop) = (self.manifest.project().join(folder), self.workshop);
        let python =
            python::project_python(&project, workshop.surroundings, workshop.cache, workshop.tell).await?;
        let layers = self
            .manifest
            .form(&stand_in())
            .map_err(|problems| CodeError::Words(problems.to_string()))?;
        let mut layers = layers.layers.values().flatten();
        let layered = layers.any(
            |layer| matches!(&layer.code, Some(Brief::Full(code)) if code.chalice.as_deref() == Some(folder)),
        );
        let request = Request {
            project_dir: &project,
            python: &python,
            surroundings: workshop.surroundings,
            target: self.target(order.architecture),
            layered,
            cache: workshop.cache,
        };
        let package = package::build(&request, workshop.tell).await?;
        self.warn(&package.warnings, path);
        match order.is_layer {
            false => Ok(package.code),
            true => package
                .layer
                .ok_or_else(|| CodeError::Words("the application requires nothing".to_owned())),
        }
    }

    fn target(&self, architecture: Architecture) -> Target {
        match (self.workshop.local, architecture) {
            (true, _) => Target::Host,
            (false, Architecture::X86) => Target::Lambda(package::Architecture::X86_64),
            (false, Architecture::Arm) => Target::Lambda(package::Architecture::Arm64),
        }
    }

    fn warn(&mut self, warnings: &[package::Warning], path: &[&str]) {
        let place = self.manifest.tree.place(path);
        let told = warnings.iter().map(|warning| {
            let problem = Problem::warning("package", warning.to_string());
            problem.hint(warning.hint()).at(place.clone())
        });
        self.problems.extend(told);
    }

    /// A Python with pip: the project's own, or one that is made for it.
    async fn interpreter(&mut self) -> Result<Python, CodeError> {
        if let Some(python) = &self.python {
            return Ok(python.clone());
        }
        let (project, workshop) = (self.manifest.project(), self.workshop);
        let mut found = python::find(project, workshop.surroundings, workshop.tell).await?;
        if !found.pip {
            found =
                python::project_python(project, workshop.surroundings, workshop.cache, workshop.tell).await?;
        }
        if !found.pip {
            let executable = found.executable.clone();
            return Err(PackageError::NoPip { executable }.into());
        }
        Ok(self.python.insert(found).clone())
    }
}

/// The runtime that is declared, whatever Python there is here.
fn runtime_of(name: &str, here: &Python) -> Runtime {
    let minor = name.strip_prefix("python3.").and_then(|minor| minor.parse().ok());
    let version = minor.map_or(here.version, |minor| Version {
        major: 3,
        minor,
        micro: 0,
    });
    Runtime {
        differs: (here.version.major, here.version.minor) != (version.major, version.minor),
        ..Runtime::of(version)
    }
}
