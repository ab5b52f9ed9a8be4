//! From what a manifest says of code to packages.
//!
//! Every package is a [`Bundle`]: the same files give the same bytes, whoever packs them where. Functions that say the same of
//! their code share one. A zip in a bucket is no package: Lambda fetches that itself.
//!
//! A `build` is run each time that the project is read, also for a plan: nothing else can know what it would make. It is run
//! once for all functions that name it. What it needs of the environment it has.

mod files;
mod lock;
mod python;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use grail_providers::package::Bundle;

pub(super) use self::files::like;
use self::files::{Ignore, pack_dir, pack_file, pack_zip};
use super::Manifest;
use super::check::ending;
use super::form::{Brief, Word};
use super::functions::{Architecture, Code, Function, Layer};
use super::shape::stand_in;
use crate::source::chalice::package::{self, PackageError, Zip};
use crate::source::diagnostic::{Problem, Problems, judge};
use crate::source::python::{self as interpreters, Notice, Python, Surroundings, Tell};

/// With what packages are built.
#[derive(Clone, Copy)]
pub struct Workshop<'a> {
    /// Where what was built is kept.
    pub cache: &'a Path,
    /// The environment in which tools run.
    pub surroundings: &'a Surroundings,
    /// Whether the code is to run on this machine.
    pub local: bool,
    /// What takes time is told here.
    pub tell: Tell<'a>,
}

/// The packages of a manifest, by logical name.
#[derive(Debug, Default)]
pub struct Built {
    /// Of functions.
    pub functions: BTreeMap<String, Zip>,
    /// Of layers.
    pub layers: BTreeMap<String, Zip>,
    /// What may go wrong.
    pub warnings: Vec<Problem>,
}

/// What one package is made from.
#[derive(Clone, PartialEq)]
struct Order {
    code: Code,
    runtime: String,
    handler: Option<String>,
    architecture: Architecture,
    /// A layer's Python lies in a folder of its own.
    is_layer: bool,
}

/// Builds every package.
///
/// # Errors
/// Everything that could not be built, at its place.
pub async fn build(manifest: &Manifest, workshop: &Workshop<'_>) -> Result<Built, Problems> {
    let form = manifest.form(&stand_in())?;
    let mut bench = Bench {
        manifest,
        workshop,
        done: Vec::new(),
        python: None,
        problems: Vec::new(),
    };
    let mut built = Built::default();
    for (name, function) in form.functions() {
        let Some(order) = order_of(manifest, function) else {
            continue;
        };
        if let Some(zip) = bench.make(order, &["functions", name, "code"]).await {
            built.functions.insert(name.to_owned(), zip);
        }
    }
    for (name, layer) in &form.layers {
        let Some(order) = layer.as_ref().and_then(|layer| order_of_layer(manifest, layer)) else {
            continue;
        };
        if let Some(zip) = bench.make(order, &["layers", name, "code"]).await {
            built.layers.insert(name.clone(), zip);
        }
    }
    built.warnings = judge(bench.problems)?;
    Ok(built)
}

fn order_of(manifest: &Manifest, function: &Function) -> Option<Order> {
    let code = in_full(manifest.project(), function.code.as_ref()?);
    (code.s3.is_none() && code.image.is_none()).then(|| Order {
        code,
        runtime: function.runtime.clone().unwrap_or_default(),
        handler: function.handler.clone(),
        architecture: function.architecture.unwrap_or_default(),
        is_layer: false,
    })
}

fn order_of_layer(manifest: &Manifest, layer: &Layer) -> Option<Order> {
    Some(Order {
        code: in_full(manifest.project(), layer.code.as_ref()?),
        runtime: layer.runtime.clone().unwrap_or_default(),
        handler: None,
        architecture: layer.architecture.unwrap_or_default(),
        is_layer: true,
    })
}

/// All of what a word means: a folder, a zip, or a single file.
fn in_full(project: &Path, code: &Brief<Code, Word>) -> Code {
    match code {
        Brief::Full(code) => code.clone(),
        Brief::Word(word) => {
            let word = word.0.clone();
            let mut code = Code::default();
            if project.join(&word).is_dir() {
                code.dir = Some(word);
            } else if Path::new(&word).extension().is_some_and(|ending| ending == "zip") {
                code.zip = Some(word);
            } else {
                code.file = Some(word);
            }
            code
        }
    }
}

struct Bench<'a> {
    manifest: &'a Manifest,
    workshop: &'a Workshop<'a>,
    done: Vec<(Order, Option<Zip>)>,
    python: Option<Python>,
    problems: Vec<Problem>,
}

/// Why a package could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum CodeError {
    /// Its files.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The interpreter.
    #[error(transparent)]
    Python(#[from] interpreters::PythonError),
    /// In words.
    #[error("{0}")]
    Words(String),
    /// A command that could not be run, or that failed.
    #[error("`{command}` {how}")]
    Command {
        /// The command.
        command: String,
        /// How it ended.
        how: String,
        /// The last lines that it printed.
        said: String,
    },
}

impl Bench<'_> {
    /// The package of an order: the one of an equal order before it, or a new one.
    async fn make(&mut self, order: Order, path: &[&str]) -> Option<Zip> {
        if let Some((_, zip)) = self.done.iter().find(|(known, _)| *known == order) {
            return zip.clone();
        }
        let made = match order.code.chalice.clone() {
            Some(folder) => self.chalice(&order, &folder, path).await,
            None => match self.bundle(&order, path).await {
                Ok(bundle) => self.shelve(bundle, &order).await,
                Err(error) => Err(error),
            },
        };
        let zip = match made {
            Ok(zip) => Some(zip),
            Err(error) => {
                self.fail(&error, path);
                None
            }
        };
        self.done.push((order, zip.clone()));
        zip
    }

    fn fail(&mut self, error: &CodeError, path: &[&str]) {
        let mut said = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            let inner_said = inner.to_string();
            if !said.contains(&inner_said) {
                said = format!("{said}: {inner_said}");
            }
            cause = inner.source();
        }
        let problem = Problem::error("manifest::code", said).at(self.manifest.tree.place(path));
        let hint = match error {
            CodeError::Command { said, .. } if !said.is_empty() => Some(format!("it said:\n{said}")),
            CodeError::Package(error) => error.hint(),
            _ => None,
        };
        self.problems.push(match hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
    }

    async fn shelve(&self, bundle: Bundle, order: &Order) -> Result<Zip, CodeError> {
        if bundle.is_empty() {
            return Err(CodeError::Words("there is no file in the package".to_owned()));
        }
        let bundle = match order.is_layer && order.code.python.is_some() {
            true => bundle.below("python").map_err(PackageError::from)?,
            false => bundle,
        };
        let cache = self.workshop.cache.to_owned();
        let checked = !self.workshop.local;
        let work = move || package::shelve_bundle(&cache, &bundle, checked);
        let shelved = tokio::task::spawn_blocking(work).await;
        Ok(shelved.map_err(|_| PackageError::Interrupted)??)
    }

    async fn bundle(&mut self, order: &Order, path: &[&str]) -> Result<Bundle, CodeError> {
        let (code, project) = (&order.code, self.manifest.project().to_owned());
        let ignore = Ignore::new(code.ignore.as_deref().unwrap_or_default());
        if let Some(text) = &code.inline {
            return inline(order, text);
        }
        if let Some(dir) = &code.dir {
            return pack_dir(&project.join(dir), &ignore);
        }
        if let Some(zip) = &code.zip {
            return pack_zip(&project.join(zip));
        }
        if let Some(command) = &code.build {
            self.run(command, &project).await?;
            let mut bundle = Bundle::new();
            for output in code.outputs.iter().flatten() {
                bundle.overlay(packed(&project.join(output), &ignore)?);
            }
            return Ok(bundle);
        }
        if let Some(python) = &code.python {
            return self.python(order, python, &ignore, path).await;
        }
        match &code.file {
            Some(file) => pack_file(&project.join(file)),
            None => Err(CodeError::Words("nothing says where the code is".to_owned())),
        }
    }

    /// Runs a command of the project.
    async fn run(&self, command: &str, project: &Path) -> Result<(), CodeError> {
        (self.workshop.tell)(Notice::Building {
            command: command.to_owned(),
        });
        let failed = |how: String, said: String| CodeError::Command {
            command: command.to_owned(),
            how,
            said,
        };
        let mut shell = self.workshop.surroundings.command(Path::new("sh"));
        shell.arg("-c").arg(command).current_dir(project);
        shell.stdin(Stdio::null()).kill_on_drop(true);
        let output = shell.output().await;
        let output =
            output.map_err(|error| failed(format!("could not be started: {error}"), String::new()))?;
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        let lines: Vec<_> = text.lines().collect();
        let last = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default();
        Err(failed(format!("ended with {}", output.status), last.join("\n")))
    }
}

/// The one file of an inline function.
fn inline(order: &Order, text: &str) -> Result<Bundle, CodeError> {
    let name = match (&order.code.file, ending(&order.runtime), &order.handler) {
        (Some(file), ..) => file.clone(),
        (None, Some(ending), Some(handler)) => {
            // `main.handler` lies in `main.py`; dots before the last lead into folders.
            let module = handler
                .rsplit_once('.')
                .map_or(handler.as_str(), |(module, _)| module);
            format!("{}.{ending}", module.replace('.', "/"))
        }
        _ => {
            return Err(CodeError::Words(
                "the name of the only file is not known".to_owned(),
            ));
        }
    };
    let mut bundle = Bundle::new();
    let bytes = text.as_bytes().to_vec();
    bundle
        .insert_bytes(&name, bytes, name == "bootstrap")
        .map_err(PackageError::from)?;
    Ok(bundle)
}

/// A folder's files, a zip's, or a file under its own name.
fn packed(path: &Path, ignore: &Ignore) -> Result<Bundle, CodeError> {
    match path.is_dir() {
        true => pack_dir(path, ignore),
        false if path.extension().is_some_and(|ending| ending == "zip") => pack_zip(path),
        false => pack_file(path),
    }
}
