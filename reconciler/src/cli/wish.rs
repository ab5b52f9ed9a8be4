//! From the project's folder to the desired state: configuration, Python, import, checks, package, lowering; and the same from
//! a manifest beside it, or in its place.
//!
//! What both sources wish for is one desired state. They have one application's name, and no resource of one has the id of a
//! resource of the other.
//!
//! The import of `app.py` and the building of the package need nothing of each other and run beside each other; so does all of
//! this beside the first look at the account.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use grail_state::artifacts::{Artifacts, DirArtifacts, Unwritten};
use grail_state::{DesiredState, Digester};
use tracing::Instrument as _;

use super::refusal::Refusal;
use super::settings::Settings;
use crate::source::chalice::app::App;
use crate::source::chalice::config::{Overrides, ProjectConfig, StageConfig};
use crate::source::chalice::diagnostic::Problem;
use crate::source::chalice::lower::{Account, PackageFacts, Zip, lower};
use crate::source::chalice::package::{self, Architecture, Package, Target};
use crate::source::chalice::probe::{self, Cache, Probed};
use crate::source::chalice::validate::validate;
use crate::source::diagnostic::{Place, Problems};
use crate::source::manifest::code::{self, Built, Workshop};
use crate::source::manifest::lower::{self as manifest_lower, Packages};
use crate::source::manifest::{Head, Manifest, init};
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

/// What a project is described by in one stage.
#[derive(Clone, Debug)]
pub struct Sources {
    app: String,
    /// The configuration of a Chalice project.
    pub chalice: Option<StageConfig>,
    /// A manifest.
    pub manifest: Option<Manifest>,
}

impl Sources {
    /// The application's name.
    pub fn app_name(&self) -> &str {
        &self.app
    }
}

/// Reads what describes the project.
///
/// # Errors
/// Everything that is wrong with the configuration, or else with the manifest.
pub fn sources(settings: &Settings, overrides: &Overrides, remarks: &Remarks) -> Result<Sources, Refusal> {
    let head = Head::read(&settings.project)?;
    let chalice = match is_chalice(settings, head.as_ref()) {
        true => Some(configuration(settings, overrides, remarks)?),
        false => None,
    };
    let variable = |name: &str| settings.environment.given(name);
    let manifest = match Manifest::read(&settings.project, &settings.stage, &variable)? {
        Some((manifest, told)) => {
            told.into_iter()
                .for_each(|problem| remarks(Remark::Problem(problem)));
            Some(manifest)
        }
        None => None,
    };
    let app = match (&chalice, &manifest) {
        (Some(config), Some(manifest)) if config.app_name() != manifest.app() => {
            return Err(other_app(config, manifest).into());
        }
        (Some(config), _) => config.app_name().to_owned(),
        (None, Some(manifest)) => manifest.app().to_owned(),
        (None, None) => String::new(),
    };
    Ok(Sources {
        app,
        chalice,
        manifest,
    })
}

/// Whether there is a Chalice project to be read: where there is no manifest nothing else is expected.
fn is_chalice(settings: &Settings, head: Option<&Head>) -> bool {
    let configured = settings.project.join(".chalice").join("config.json").is_file();
    head.is_none_or(|head| configured && head.replaces.is_none())
}

fn other_app(config: &StageConfig, manifest: &Manifest) -> Problems {
    let said = format!(
        "the manifest is of the application `{}`, and the Chalice project in this folder of `{}`",
        manifest.app(),
        config.app_name()
    );
    Problem::error("manifest::other-app", said)
        .hint("what stands in one folder is one application; `replaces: chalice` leaves the Chalice project aside")
        .at(manifest.place(&["app"]))
        .into()
}

/// The configuration of a stage.
///
/// # Errors
/// Everything that is wrong with it.
fn configuration(
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
    if let Some(head) = Head::read(&settings.project)?
        && !is_chalice(settings, Some(&head))
    {
        return Ok(head.app);
    }
    let (name, problems) = ProjectConfig::read(&settings.project)?.app_name(&settings.stage)?;
    problems
        .into_iter()
        .for_each(|problem| remarks(Remark::Problem(problem)));
    Ok(name)
}

/// What a project wishes for, before it is known in which account.
pub struct Wish {
    chalice: Option<ChaliceWish>,
    manifest: Option<(Manifest, Packages)>,
}

/// What a Chalice project wishes for.
struct ChaliceWish {
    app: App,
    config: StageConfig,
    package: PackageFacts,
    project: PathBuf,
}

impl Wish {
    /// The desired state in `account`.
    ///
    /// # Errors
    /// Policy files that cannot be used; a resource that both sources wish for.
    pub fn lower(&self, account: &Account) -> Result<DesiredState, Refusal> {
        let chalice = self.chalice.as_ref().map(|wish| {
            let ChaliceWish {
                app,
                config,
                package,
                project,
            } = wish;
            lower(app, config, project, account, package)
        });
        let manifest = self.manifest.as_ref();
        let manifest =
            manifest.map(|(manifest, packages)| manifest_lower::lower(manifest, account, packages));
        joined(chalice.transpose()?, manifest.transpose()?)
    }
}

/// What the sources of a project wish for together.
fn joined(chalice: Option<DesiredState>, manifest: Option<DesiredState>) -> Result<DesiredState, Refusal> {
    match (chalice, manifest) {
        (Some(all), Some(more)) => together(all, more),
        (Some(all), None) | (None, Some(all)) => Ok(all),
        (None, None) => Err(Refusal::new("nothing describes this project")),
    }
}

/// What two sources wish for.
fn together(mut all: DesiredState, more: DesiredState) -> Result<DesiredState, Refusal> {
    let mut problems = Vec::new();
    for (id, desired) in more.resources {
        let Some(known) = all.resources.get(&id) else {
            all.resources.insert(id, desired);
            continue;
        };
        let place =
            |origin: &Option<String>| origin.clone().unwrap_or_else(|| "the Chalice project".to_owned());
        let (here, there) = (place(&desired.origin), place(&known.origin));
        let said = format!("`{id}` is wished for twice: at {here} and at {there}");
        let at = here
            .rsplit_once(':')
            .and_then(|(file, line)| Some(Place::line(file, line.parse().ok()?)));
        let hint = "give the one in the manifest another name";
        problems.push(Problem::error("manifest::twice", said).hint(hint).at(at));
    }
    match problems.is_empty() {
        true => Ok(all),
        false => Err(Problems(problems).into()),
    }
}

/// Reads the project: imports `app.py`, checks it, builds the packages and keeps them in `artifacts`.
///
/// # Errors
/// Everything that is wrong with the project, or with the Python that it needs.
pub async fn read(
    settings: &Settings,
    sources: Sources,
    artifacts: &dyn Artifacts,
    digester: &Digester,
    remarks: &Remarks,
) -> Result<Wish, Refusal> {
    let chalice = async {
        match sources.chalice {
            Some(config) => read_chalice(settings, config, artifacts, digester, remarks)
                .await
                .map(Some),
            None => Ok(None),
        }
    };
    let manifest = async {
        match sources.manifest {
            Some(manifest) => {
                let packages = build_manifest(settings, &manifest, artifacts, remarks).await?;
                Ok::<_, Refusal>(Some((manifest, packages)))
            }
            None => Ok(None),
        }
    };
    let both = async { tokio::join!(chalice, manifest) };
    let (chalice, manifest) = both.instrument(tracing::info_span!("read project")).await;
    Ok(Wish {
        chalice: chalice?,
        manifest: manifest?,
    })
}

async fn read_chalice(
    settings: &Settings,
    config: StageConfig,
    artifacts: &dyn Artifacts,
    digester: &Digester,
    remarks: &Remarks,
) -> Result<ChaliceWish, Refusal> {
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
    Ok(ChaliceWish {
        app: probed.app,
        config,
        package,
        project: settings.project.clone(),
    })
}

/// The files of a manifest that wishes for what the Chalice project in this folder does.
///
/// # Errors
/// As for a plan of that project.
pub async fn written_down(settings: &Settings, remarks: &Remarks) -> Result<Vec<(String, String)>, Refusal> {
    let config = configuration(settings, &Overrides::default(), remarks)?;
    let keys = settings.keys()?;
    // Nothing is kept: it is only asked what there is.
    let artifacts = Unwritten::above(DirArtifacts::new(settings.folder().join("artifacts")));
    let wish = read_chalice(settings, config, &artifacts, &keys.digester, remarks).await?;
    let ChaliceWish {
        app,
        config,
        package,
        project,
    } = wish;
    let state = lower(&app, &config, &project, &init::nowhere(), &package)?;
    Ok(init::files(&state))
}

/// Builds what a manifest declares, and keeps it among the artifacts.
async fn build_manifest(
    settings: &Settings,
    manifest: &Manifest,
    artifacts: &dyn Artifacts,
    remarks: &Remarks,
) -> Result<Packages, Refusal> {
    let surroundings = settings.environment.surroundings();
    let said = Arc::clone(remarks);
    let tell = move |notice: Notice| said(Remark::Notice(notice.to_string()));
    let workshop = Workshop {
        cache: &settings.cache,
        surroundings: &surroundings,
        local: settings.local,
        tell: &tell,
    };
    let Built {
        functions,
        layers,
        warnings,
    } = code::build(manifest, &workshop).await?;
    warnings
        .into_iter()
        .for_each(|problem| remarks(Remark::Problem(problem)));
    let mut packages = Packages::default();
    for (name, zip) in functions {
        packages.functions.insert(name, stored(&zip, artifacts)?.0);
    }
    for (name, zip) in layers {
        packages.layers.insert(name, stored(&zip, artifacts)?.0);
    }
    Ok(packages)
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

/// What a project wishes for, as far as it can be said without an account: which resources, under which names, and what each
/// needs. The package of a Chalice project is not built, so its forms are not whole, and nothing may be planned from them.
///
/// # Errors
/// Everything that is wrong with the project.
pub async fn sketch(
    settings: &Settings,
    account: &Account,
    digester: &Digester,
    remarks: &Remarks,
) -> Result<DesiredState, Refusal> {
    let sources = sources(settings, &Overrides::default(), remarks)?;
    let chalice = match &sources.chalice {
        Some(config) => Some(sketch_chalice(settings, config, account, digester, remarks).await?),
        None => None,
    };
    let manifest = match &sources.manifest {
        Some(manifest) => {
            // Nothing is kept: it is only asked what there is.
            let artifacts = Unwritten::above(DirArtifacts::new(settings.folder().join("artifacts")));
            let packages = build_manifest(settings, manifest, &artifacts, remarks).await?;
            Some(manifest_lower::lower(manifest, account, &packages)?)
        }
        None => None,
    };
    joined(chalice, manifest)
}

async fn sketch_chalice(
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
    let (zip, reused) = stored(packed, artifacts)?;
    remarks(Remark::Packaged {
        part,
        reused,
        size: packed.size.zipped,
    });
    Ok(zip)
}

/// The package among the artifacts, and whether it was there already.
fn stored(packed: &package::Zip, artifacts: &dyn Artifacts) -> Result<(Zip, bool), Refusal> {
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
    let zip = Zip {
        content: packed.content.to_string(),
        artifact: digest.0,
        size: packed.size.zipped,
    };
    Ok((zip, known))
}
