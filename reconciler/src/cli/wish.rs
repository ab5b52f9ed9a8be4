//! From the project's folder to the desired state: configuration, Python, import, checks, package, lowering.
//!
//! The import of `app.py` and the building of the package need nothing of each other and run beside each other; so does all of
//! this beside the first look at the account.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use grail_state::artifacts::Artifacts;
use grail_state::{DesiredState, Digester};

use super::refusal::Refusal;
use super::settings::Settings;
use crate::source::chalice::app::App;
use crate::source::chalice::config::{Overrides, ProjectConfig, StageConfig};
use crate::source::chalice::diagnostic::Problem;
use crate::source::chalice::lower::{Account, PackageFacts, Zip, lower};
use crate::source::chalice::package::{self, Architecture, Package, Target};
use crate::source::chalice::probe::{self, Cache, Probed};
use crate::source::chalice::validate::validate;
use crate::source::python::{self, Notice, Python};

/// What is worth saying while a wish is read, in the order in which it came up.
#[derive(Clone, Debug)]
pub enum Remark {
    /// Something takes time.
    Notice(String),
    /// Something is odd; it may have a place in a file.
    Problem(Problem),
    /// The app printed this while it was imported.
    AppSaid(String),
    /// A package is ready.
    Packaged {
        /// What of the project is in it.
        part: Part,
        /// True if it was at hand already.
        reused: bool,
        /// Of the zip, in bytes.
        size: u64,
    },
}

/// What of a project is in a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Everything.
    Whole,
    /// The project's own files.
    App,
    /// The requirements.
    Layer,
}

/// Takes remarks; they are shown while the work goes on.
pub type Remarks = Arc<dyn Fn(Remark) + Send + Sync>;

/// The configuration of a stage.
///
/// # Errors
/// Everything that is wrong with it.
pub fn configuration(
    settings: &Settings,
    overrides: &Overrides,
    remarks: &Remarks,
) -> Result<StageConfig, Refusal> {
    let (stage, problems) = ProjectConfig::read(&settings.project)?.stage(&settings.stage, overrides)?;
    problems
        .into_iter()
        .for_each(|problem| remarks(Remark::Problem(problem)));
    Ok(stage)
}

/// The application's name, for commands that need nothing else of the configuration: what is wrong with the rest of it is told
/// and keeps nobody from going back or deleting.
///
/// # Errors
/// A configuration that cannot be read, or that has no name.
pub fn app_name(settings: &Settings, remarks: &Remarks) -> Result<String, Refusal> {
    let (name, problems) = ProjectConfig::read(&settings.project)?.app_name(&settings.stage)?;
    problems
        .into_iter()
        .for_each(|problem| remarks(Remark::Problem(problem)));
    Ok(name)
}

/// What a project wishes for, before it is known in which account.
pub struct Wish {
    app: App,
    config: StageConfig,
    package: PackageFacts,
    project: PathBuf,
}

impl Wish {
    /// The desired state in `account`.
    ///
    /// # Errors
    /// Policy files that cannot be used.
    pub fn lower(&self, account: &Account) -> Result<DesiredState, Refusal> {
        Ok(lower(
            &self.app,
            &self.config,
            &self.project,
            account,
            &self.package,
        )?)
    }
}

/// Reads the project: imports `app.py`, checks it, builds the package and keeps it in `artifacts`.
///
/// # Errors
/// Everything that is wrong with the project, or with the Python that it needs.
pub async fn read(
    settings: &Settings,
    config: StageConfig,
    artifacts: &dyn Artifacts,
    digester: &Digester,
    remarks: &Remarks,
) -> Result<Wish, Refusal> {
    let python = project_python(settings, remarks).await?;
    let (probed, built) = tokio::join!(
        import(settings, &config, &python, digester, remarks),
        build(settings, &config, &python, remarks),
    );
    // A fault of the app says more than one of its package: it comes first.
    let probed = probed?;
    let package = built?;
    for warning in &package.warnings {
        let problem = Problem::warning("package", warning.to_string()).hint(warning.hint());
        remarks(Remark::Problem(problem));
    }
    let package = keep(package, config.automatic_layer(), artifacts, remarks)?;
    Ok(Wish {
        app: probed.app,
        config,
        package,
        project: settings.project.clone(),
    })
}

/// Imports and checks the project; builds nothing.
///
/// # Errors
/// Everything that is wrong with it.
pub async fn check(
    settings: &Settings,
    config: &StageConfig,
    digester: &Digester,
    remarks: &Remarks,
) -> Result<App, Refusal> {
    let python = project_python(settings, remarks).await?;
    Ok(import(settings, config, &python, digester, remarks).await?.app)
}

/// What a project wishes for, as far as it can be said without an account and without a package: which resources, under which
/// names, and what each needs. Their forms are not whole, and nothing may be planned from them.
///
/// # Errors
/// Everything that is wrong with the project.
pub async fn sketch(
    settings: &Settings,
    config: &StageConfig,
    account: &Account,
    digester: &Digester,
    remarks: &Remarks,
) -> Result<DesiredState, Refusal> {
    let app = check(settings, config, digester, remarks).await?;
    let unbuilt = || Zip {
        content: String::new(),
        artifact: String::new(),
        size: 0,
    };
    let package = PackageFacts {
        code: unbuilt(),
        layer: config.automatic_layer().then(unbuilt),
        runtime: String::new(),
    };
    Ok(lower(&app, config, &settings.project, account, &package)?)
}

async fn project_python(settings: &Settings, remarks: &Remarks) -> Result<Python, Refusal> {
    let surroundings = settings.environment.surroundings();
    let remarks = Arc::clone(remarks);
    let tell = move |notice: Notice| remarks(Remark::Notice(notice.to_string()));
    Ok(python::project_python(&settings.project, &surroundings, &settings.cache, &tell).await?)
}

async fn import(
    settings: &Settings,
    config: &StageConfig,
    python: &Python,
    digester: &Digester,
    remarks: &Remarks,
) -> Result<Probed, Refusal> {
    let configured = config.import_environment();
    let request = probe::Request {
        python: &python.executable,
        project: &settings.project,
        configured: &configured,
        environment: settings.environment.variables(),
        timeout: probe::DEFAULT_TIMEOUT,
    };
    let cache = Cache::new(settings.cache.join("imports"), digester.clone());
    let probed = probe::probe(&request, Some(&cache)).await?;
    if !probed.said.trim().is_empty() {
        remarks(Remark::AppSaid(probed.said.clone()));
    }
    let version = (probed.python.0, probed.python.1);
    for problem in validate(&probed.app, config, version, &settings.project)? {
        remarks(Remark::Problem(problem));
    }
    Ok(probed)
}

async fn build(
    settings: &Settings,
    config: &StageConfig,
    python: &Python,
    remarks: &Remarks,
) -> Result<Package, Refusal> {
    let surroundings = settings.environment.surroundings();
    let architecture = Architecture::from_name(&config.lambda_architecture()).unwrap_or(Architecture::X86_64);
    let request = package::Request {
        project_dir: &settings.project,
        python,
        surroundings: &surroundings,
        target: if settings.local {
            Target::Host
        } else {
            Target::Lambda(architecture)
        },
        layered: config.automatic_layer(),
        cache: &settings.cache,
    };
    let noted = Mutex::new(());
    let remarks = Arc::clone(remarks);
    let tell = move |notice: Notice| {
        let _alone = noted.lock();
        remarks(Remark::Notice(notice.to_string()));
    };
    Ok(package::build(&request, &tell).await?)
}

/// Keeps what was built among the artifacts; tells the layer first, as Chalice does.
fn keep(
    package: Package,
    layered: bool,
    artifacts: &dyn Artifacts,
    remarks: &Remarks,
) -> Result<PackageFacts, Refusal> {
    let layer = package.layer.as_ref();
    let layer = layer.map(|layer| kept(layer, Part::Layer, artifacts, remarks));
    let part = if layered { Part::App } else { Part::Whole };
    Ok(PackageFacts {
        layer: layer.transpose()?,
        code: kept(&package.code, part, artifacts, remarks)?,
        runtime: package.runtime.name,
    })
}

fn kept(
    packed: &package::Zip,
    part: Part,
    artifacts: &dyn Artifacts,
    remarks: &Remarks,
) -> Result<Zip, Refusal> {
    let digest = grail_state::Digest(packed.sha256.hex());
    let known = artifacts.get(&digest).ok().flatten().is_some();
    if !known {
        let bytes = std::fs::read(&packed.file)
            .map_err(|error| Refusal::new("could not read the package that was just built").because(error))?;
        artifacts.put(&bytes).map_err(|error| {
            Refusal::of(&error)
                .hint("check that the project's folder can be written and that the disk is not full")
        })?;
    }
    remarks(Remark::Packaged {
        part,
        reused: known,
        size: packed.size.zipped,
    });
    Ok(Zip {
        content: packed.content.to_string(),
        artifact: digest.0,
        size: packed.size.zipped,
    })
}
