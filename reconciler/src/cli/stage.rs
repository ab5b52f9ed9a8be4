//! A stage of a project on disk: the store, the artifacts, the keys, and Chalice's file beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use grail_providers::aws::{self, Context, ForeignCode};
use grail_providers::package::ZipDigest;
use grail_providers::port::Catalog;
use grail_providers::resources;
use grail_state::artifacts::{Artifacts, DirArtifacts, Unwritten};
use grail_state::chalice::{self, Candidates, Deployed, Found, Standing, Verbatim, Wires};
use grail_state::seal::Keys;
use grail_state::snapshot::Home;
use grail_state::store::Holder;
use grail_state::store::file::{Condemned, FileStore, prepare};
use grail_state::txn::Txn;
use grail_state::{Digest, Record, ResourceId, StackId};
use jiff::Timestamp;

use super::refusal::Refusal;
use super::settings::Settings;
use crate::engine::RecordSink;
use crate::source::chalice::lower::Account;

/// A stage, opened.
pub struct Stage {
    /// Its stack.
    pub stack: StackId,
    /// Its state.
    pub store: Arc<FileStore>,
    /// Its artifacts.
    pub artifacts: Arc<dyn Artifacts>,
    /// Keys that hide its secrets.
    pub keys: Keys,
    deployed_file: PathBuf,
    old_deployed_file: Option<PathBuf>,
    chalice_packages: PathBuf,
}

impl Stage {
    /// Opens the stage of `app`. Makes its folder, so that what cannot be written is told before anything is done.
    ///
    /// # Errors
    /// Where the folder cannot be written or the key cannot be had.
    pub fn open(settings: &Settings, app: &str) -> Result<Self, Refusal> {
        prepare(&settings.grail_folder())?;
        let artifacts = Arc::new(DirArtifacts::new(artifacts_in(&settings.folder())));
        Self::with(settings, app, artifacts)
    }

    /// Opens the stage of `app` for a look: nothing is written to its folder, which need not be there.
    ///
    /// # Errors
    /// Where the key cannot be had.
    pub fn look_at(settings: &Settings, app: &str) -> Result<Self, Refusal> {
        let kept = DirArtifacts::new(artifacts_in(&settings.folder()));
        Self::with(settings, app, Arc::new(Unwritten::above(kept)))
    }

    fn with(settings: &Settings, app: &str, artifacts: Arc<dyn Artifacts>) -> Result<Self, Refusal> {
        let stack = settings.stack(app);
        Ok(Self {
            store: Arc::new(FileStore::new(settings.folder(), stack.clone())),
            artifacts,
            keys: settings.keys()?,
            stack,
            deployed_file: settings.deployed_file(),
            old_deployed_file: settings.old_deployed_file(),
            chalice_packages: settings.chalice_packages(),
        })
    }

    /// Connects to the account.
    ///
    /// # Errors
    /// No credentials, no region, nothing that answers.
    pub async fn connect(&self, settings: aws::Settings) -> Result<Cloud, Refusal> {
        let artifacts = Arc::clone(&self.artifacts);
        let foreign = packages_of(self.chalice_packages.clone());
        let context = Context::connect(settings, self.stack.clone(), artifacts, foreign).await?;
        Ok(Cloud::new(Arc::new(context), &self.keys))
    }

    /// Chalice's file as it is, or what a Chalice before 1.2 left in its place.
    ///
    /// # Errors
    /// Where it is damaged. It stays as it is.
    pub fn deployed(&self) -> Result<Option<Found>, Refusal> {
        if let Some(found) = chalice::load(&self.deployed_file)? {
            return Ok(Some(found));
        }
        let Some(old) = &self.old_deployed_file else {
            return Ok(None);
        };
        let deployed = chalice::load_old(old, &self.stack.app, &self.stack.stage)?;
        Ok(deployed.map(|deployed| Found {
            digest: Digest::default(),
            deployed,
        }))
    }

    /// What Chalice's file means, next to what the state knows.
    pub fn beside(
        &self,
        found: Option<&Found>,
        projections: &[Digest],
        open: Vec<BTreeMap<ResourceId, Record>>,
        wires: &Wires,
    ) -> Beside {
        let standing = chalice::standing(found, projections, open, wires);
        let Candidates { known, unknown } = found
            .map(|found| found.deployed.candidates(wires))
            .unwrap_or_default();
        let known = if standing == Standing::Foreign {
            known
        } else {
            Vec::new()
        };
        Beside {
            standing,
            known,
            file: self.file(wires.clone(), unknown),
        }
    }

    /// Chalice's file as a place to show records in.
    pub fn file(&self, wires: Wires, verbatim: Vec<Verbatim>) -> ChaliceFile {
        ChaliceFile {
            path: self.deployed_file.clone(),
            wires,
            verbatim,
            written: None,
            never_was: false,
        }
    }
}

/// The text of the lock for this command.
pub fn holder(settings: &Settings, command: &str) -> Holder {
    Holder {
        who: settings.environment.who(),
        host: settings.environment.host(),
        pid: std::process::id(),
        command: command.to_owned(),
        since: Timestamp::now(),
    }
}

/// A stage whose record is to be forgotten, held so that no command works with it meanwhile.
pub struct CondemnedStage {
    state: Condemned,
    artifacts: DirArtifacts,
    deployed_file: PathBuf,
}

/// Takes the lock of a stage in order to forget its record. Needs no configuration: whichever application's it is.
///
/// # Errors
/// Where a command works with the stage.
pub fn condemn(settings: &Settings, command: &str) -> Result<CondemnedStage, Refusal> {
    let store = FileStore::new(settings.folder(), settings.stack(""));
    Ok(CondemnedStage {
        state: store.condemn(&holder(settings, command))?,
        artifacts: DirArtifacts::new(artifacts_in(&settings.folder())),
        deployed_file: settings.deployed_file(),
    })
}

impl CondemnedStage {
    /// Forgets state, artifacts and Chalice's file.
    ///
    /// # Errors
    /// Where something could not be removed.
    pub fn forget(self) -> Result<(), Refusal> {
        chalice::remove(&self.deployed_file)?;
        let swept = self.artifacts.sweep(&BTreeSet::new());
        swept.map_err(|error| Refusal::of(&error))?;
        Ok(self.state.forget()?)
    }
}

/// Chalice's file next to what the state knows.
pub struct Beside {
    /// Whose it is.
    pub standing: Standing,
    /// What somebody else says exists. Empty where the file is ours.
    pub known: Vec<chalice::Candidate>,
    /// The file, to be written through.
    pub file: ChaliceFile,
}

/// An account, connected.
pub struct Cloud {
    /// The connection.
    pub context: Arc<Context>,
    /// Every type of resource on it.
    pub catalog: Catalog,
}

impl Cloud {
    fn new(context: Arc<Context>, keys: &Keys) -> Self {
        let catalog = resources::catalog(Arc::clone(&context), Arc::new(keys.digester.clone()));
        Self { context, catalog }
    }

    /// The account and region.
    pub fn home(&self) -> Home {
        Home {
            account: self.context.account.clone(),
            region: self.context.region.clone(),
        }
    }

    /// The account, as a source needs it for the ARNs that it writes.
    pub fn account(&self) -> Account {
        Account {
            account: self.context.account.clone(),
            region: self.context.region.clone(),
            partition: self.context.partition.clone(),
        }
    }
}

/// Chalice's `deployed/<stage>.json` as the place where records are shown.
pub struct ChaliceFile {
    path: PathBuf,
    wires: Wires,
    verbatim: Vec<Verbatim>,
    written: Option<Deployed>,
    never_was: bool,
}

impl ChaliceFile {
    /// What was written last.
    pub fn written(&self) -> Option<&Deployed> {
        self.written.as_ref()
    }

    /// Says that at the last commit there was no such file. Then there is none either where nothing exists: a first deploy
    /// that is taken back leaves no file, while one that is deleted leaves Chalice's empty one.
    pub fn was_not_there(&mut self) {
        self.never_was = true;
    }

    /// What would be written for `existing`.
    pub fn project(&self, existing: &BTreeMap<ResourceId, Record>) -> Deployed {
        chalice::project(existing, &self.wires, &self.verbatim)
    }
}

impl RecordSink for ChaliceFile {
    fn is_new(&self) -> bool {
        self.never_was
    }

    fn write(&mut self, txn: &Txn) -> Result<Option<Digest>, Box<dyn std::error::Error + Send + Sync>> {
        let deployed = self.project(&txn.existing());
        if self.written.as_ref() == Some(&deployed) {
            return Ok(Some(deployed.digest()));
        }
        if self.never_was && deployed.entries.is_empty() {
            chalice::remove(&self.path)?;
            self.written = None;
            return Ok(None);
        }
        let digest = chalice::write(&self.path, &deployed)?;
        self.written = Some(deployed);
        Ok(Some(digest))
    }
}

fn artifacts_in(folder: &Path) -> PathBuf {
    folder.join("artifacts")
}

/// Looks for code that Lambda names among the packages that Chalice left.
fn packages_of(folder: PathBuf) -> ForeignCode {
    Arc::new(move |code_sha256: &str| {
        let entries = std::fs::read_dir(&folder).ok()?;
        let zips = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| is_zip(path));
        zips.filter_map(|path| std::fs::read(path).ok())
            .find(|bytes| ZipDigest::of(bytes).base64() == code_sha256)
    })
}

fn is_zip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "zip")
}
