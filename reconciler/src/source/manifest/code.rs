//! From what a manifest says of code to packages.
//!
//! Every package is a [`Bundle`]: the same files give the same bytes, whoever packs them where. Functions that say the same of
//! their code share one. A zip in a bucket is no package: Lambda fetches that itself.
//!
//! A `build` is run each time that the project is read, also for a plan: nothing else can know what it would make. It is run
//! once for all functions that name it, whatever their handlers are called. What it needs of the environment it has.

mod files;
mod lock;
mod python;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use grail_providers::package::Bundle;

pub(super) use self::files::like;
use self::files::{Ignore, pack_dir, pack_file, pack_zip};
use super::Manifest;
use super::check::ending;
use super::form::{Brief, Word};
use super::functions::{Architecture, Code, Function, Layer};
use super::shape::stand_in;
use crate::source::chalice::package::{self, PackageError, Zip};
use crate::source::child::Group;
use crate::source::diagnostic::{Problem, Problems, judge};
use crate::source::python::{self as interpreters, Notice, Python, Surroundings, Tell};

/// How long a build may take. A large one in a language that compiles takes minutes; one that takes longer waits for something.
const BUILD_TIME: Duration = Duration::from_secs(30 * 60);

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

/// What one package is made from, and nothing else: what does not count for its code is left blank.
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
        ran: BTreeMap::new(),
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

impl Order {
    fn new(
        code: Code,
        runtime: Option<&str>,
        handler: Option<&str>,
        architecture: Option<Architecture>,
    ) -> Self {
        let is_named_by_handler = code.inline.is_some() && code.file.is_none();
        let requires = code
            .python
            .as_ref()
            .is_some_and(|python| python.requirements.is_some());
        let runtime = runtime.filter(|_| is_named_by_handler || requires);
        let is_built_for_one = requires || code.chalice.is_some();
        Self {
            runtime: runtime.unwrap_or_default().to_owned(),
            handler: handler.filter(|_| is_named_by_handler).map(ToOwned::to_owned),
            architecture: architecture.filter(|_| is_built_for_one).unwrap_or_default(),
            is_layer: false,
            code,
        }
    }
}

fn order_of(manifest: &Manifest, function: &Function) -> Option<Order> {
    let code = in_full(manifest.project(), function.code.as_ref()?);
    let (runtime, handler) = (function.runtime.as_deref(), function.handler.as_deref());
    let is_ours = code.s3.is_none() && code.image.is_none();
    is_ours.then(|| Order::new(code, runtime, handler, function.architecture))
}

fn order_of_layer(manifest: &Manifest, layer: &Layer) -> Option<Order> {
    let code = in_full(manifest.project(), layer.code.as_ref()?);
    let differs = code.python.is_some() || code.chalice.is_some();
    Some(Order {
        is_layer: differs,
        ..Order::new(code, layer.runtime.as_deref(), None, layer.architecture)
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
    /// Commands that were run, and whether they made what they are to make.
    ran: BTreeMap<String, bool>,
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
        /// The command as it is written.
        command: String,
        /// How it ended.
        how: String,
        /// The last lines that it printed.
        said: String,
    },
    /// A command that failed for another function already, which has been told.
    #[error("its build has failed")]
    Again,
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
        if matches!(error, CodeError::Again) {
            return;
        }
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
        let problem = match hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        };
        self.problems.push(self.manifest.hide(problem, path));
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
        apart(move || Ok(package::shelve_bundle(&cache, &bundle, checked)?)).await
    }

    async fn bundle(&mut self, order: &Order, path: &[&str]) -> Result<Bundle, CodeError> {
        let (code, project) = (&order.code, self.manifest.project().to_owned());
        let ignore = Ignore::new(code.ignore.as_deref().unwrap_or_default());
        if let Some(text) = &code.inline {
            return inline(order, text);
        }
        if let Some(dir) = &code.dir {
            let dir = project.join(dir);
            return apart(move || pack_dir(&dir, &ignore)).await;
        }
        if let Some(zip) = &code.zip {
            let zip = project.join(zip);
            return apart(move || pack_zip(&zip)).await;
        }
        if let Some(command) = &code.build {
            self.run_once(command, path, BUILD_TIME).await?;
            let outputs = code.outputs.clone().unwrap_or_default();
            return apart(move || {
                let mut bundle = Bundle::new();
                for output in outputs {
                    bundle.overlay(packed(&project.join(output), &ignore)?);
                }
                Ok(bundle)
            })
            .await;
        }
        if let Some(python) = &code.python {
            return self.python(order, python, ignore, path).await;
        }
        match &code.file {
            Some(file) => {
                let file = project.join(file);
                apart(move || pack_file(&file)).await
            }
            None => Err(CodeError::Words("nothing says where the code is".to_owned())),
        }
    }

    /// Runs a command of the project, unless that has been done. `path` is that of the code.
    async fn run_once(&mut self, command: &str, path: &[&str], time: Duration) -> Result<(), CodeError> {
        match self.ran.get(command) {
            Some(true) => return Ok(()),
            Some(false) => return Err(CodeError::Again),
            None => {}
        }
        let at: Vec<_> = path.iter().copied().chain(["build"]).collect();
        let shown = self.manifest.tree.nearest(&at).shown();
        let done = self.run(command, shown, time).await;
        self.ran.insert(command.to_owned(), done.is_ok());
        done
    }

    async fn run(&self, command: &str, shown: &str, time: Duration) -> Result<(), CodeError> {
        (self.workshop.tell)(Notice::Building {
            command: shown.to_owned(),
        });
        let failed = |how: String, said: &str| {
            let lines: Vec<_> = said.lines().collect();
            let last = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default();
            CodeError::Command {
                command: shown.to_owned(),
                how,
                said: last.join("\n"),
            }
        };
        let mut shell = self.workshop.surroundings.command(Path::new("sh"));
        shell.arg("-c").arg(command).current_dir(self.manifest.project());
        let started = Group::start(&mut shell);
        let mut child = started.map_err(|error| failed(format!("could not be started: {error}"), ""))?;
        let ended = tokio::time::timeout(time, child.converse(String::new())).await;
        let Ok(ended) = ended else {
            return Err(failed(format!("did not end within {} s", time.as_secs()), ""));
        };
        let (status, said) = ended.map_err(|error| failed(format!("was lost: {error}"), ""))?;
        match status.success() {
            true => Ok(()),
            false => Err(failed(format!("ended with {status}"), &said)),
        }
    }
}

/// Work with files, away from the threads on which others wait.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CodeError> + Send + 'static,
) -> Result<T, CodeError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| PackageError::Interrupted)?
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
