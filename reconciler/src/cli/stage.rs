//! A stage of a project: its store, on disk or shared, the artifacts, the keys, and Chalice's file beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use grail_providers::aws::{self, Context, ForeignCode, SharedDebts};
use grail_providers::package::ZipDigest;
use grail_providers::port::Catalog;
use grail_providers::resources;
use grail_state::artifacts::{Artifacts, DirArtifacts, Unwritten};
use grail_state::chalice::{self, Candidates, Deployed, Found, Standing, Verbatim, Wires};
use grail_state::seal::Keys;
use grail_state::snapshot::Home;
use grail_state::store::file::{Condemned, FileStore, prepare};
use grail_state::store::object::ObjectStore;
use grail_state::store::{Holder, Loaded, StateStore};
use grail_state::txn::{Txn, replay};
use grail_state::{Digest, Record, ResourceId, StackId};
use jiff::Timestamp;

use super::refusal::Refusal;
use super::settings::Settings;
use super::shared::SharedState;
use super::wish::{Remark, Remarks};
use crate::engine::RecordSink;
use crate::source::chalice::diagnostic::Problem;
use crate::source::chalice::lower::Account;

/// A stage, opened.
pub struct Stage {
    /// Its stack.
    pub stack: StackId,
    /// Its state.
    pub store: Arc<dyn StateStore>,
    /// The same, where it is shared.
    pub shared: Option<ObjectStore>,
    /// Its artifacts.
    pub artifacts: Arc<dyn Artifacts>,
    /// Keys that hide its secrets.
    pub keys: Keys,
    debts: Option<SharedDebts>,
    deployed_file: PathBuf,
    /// There is no Chalice here that would read it.
    unread: bool,
    old_deployed_file: Option<PathBuf>,
    chalice_packages: PathBuf,
}

impl Stage {
    /// Opens the stage of `app`. Makes its folder, so that what cannot be written is told before anything is done.
    ///
    /// # Errors
    /// Where the folder cannot be written or the key cannot be had; a state of this machine that [stays behind](may_move), where
    /// the state is to be a shared one.
    pub async fn open(settings: &Settings, app: &str) -> Result<Self, Refusal> {
        prepare(&settings.grail_folder())?;
        let artifacts = Arc::new(DirArtifacts::new(artifacts_in(&settings.folder())));
        let stage = Self::with(settings, app, artifacts).await?;
        if let Some(shared) = &settings.shared {
            let here = FileStore::new(settings.folder(), stage.stack.clone());
            may_move(&here.load().await?, &*stage.store, shared).await?;
        }
        Ok(stage)
    }

    /// Opens the stage of `app` for a look: nothing is written to its folder, which need not be there.
    ///
    /// # Errors
    /// Where the key cannot be had.
    pub async fn look_at(settings: &Settings, app: &str) -> Result<Self, Refusal> {
        let kept = DirArtifacts::new(artifacts_in(&settings.folder()));
        Self::with(settings, app, Arc::new(Unwritten::above(kept))).await
    }

    async fn with(settings: &Settings, app: &str, artifacts: Arc<dyn Artifacts>) -> Result<Self, Refusal> {
        let stack = settings.stack(app);
        let keys = settings.keys_of_state()?;
        let objects = match &settings.shared {
            Some(shared) => Some(
                shared
                    .objects(settings.aws(None, None), keys.sealer.clone())
                    .await?,
            ),
            None => None,
        };
        let shared = objects
            .as_ref()
            .map(|objects| objects.store(&stack, Arc::clone(&artifacts)));
        let store: Arc<dyn StateStore> = match &shared {
            Some(shared) => Arc::new(shared.clone()),
            None => Arc::new(FileStore::new(settings.folder(), stack.clone())),
        };
        Ok(Self {
            store,
            shared,
            artifacts,
            keys,
            debts: objects.map(|objects| objects.debts()),
            stack,
            deployed_file: settings.deployed_file(),
            unread: !settings.knows_chalice(),
            old_deployed_file: settings.old_deployed_file(),
            chalice_packages: settings.chalice_packages(),
        })
    }

    /// Connects to the account.
    ///
    /// # Errors
    /// No credentials, no region, nothing that answers.
    pub async fn connect(&self, mut settings: aws::Settings) -> Result<Cloud, Refusal> {
        if let Some(rates) = &mut settings.rates {
            rates.shared.clone_from(&self.debts);
        }
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

    /// What the state says exists, in the form of Chalice's file.
    ///
    /// # Errors
    /// Where the state cannot be read.
    pub async fn projected(&self) -> Result<Deployed, Refusal> {
        let existing = self.txn().await?.existing();
        Ok(self.file(resources::wires(), Vec::new()).whole(&existing))
    }

    /// Writes Chalice's file as the state had it at the last commit, unless somebody else has changed it. The forms that an open
    /// transaction goes through are its holder's to write: nobody remembers them.
    ///
    /// # Errors
    /// Where the state cannot be read or the file not be written.
    pub async fn mirror(&self) -> Result<Mirrored, Refusal> {
        let loaded = self.store.load().await?;
        let mut forms = self.forms(&loaded).await?;
        let committed = forms.remove(0);
        let is_open = !forms.is_empty();
        // Behind those of the transaction: it is the one to be shown.
        forms.push(committed.clone());
        let (found, wires) = (self.deployed()?, resources::wires());
        let beside = self.beside(found.as_ref(), &loaded.snapshot.projections, forms, &wires);
        let was_written = |found: &Found| loaded.snapshot.projections.contains(&found.digest);
        match beside.standing {
            Standing::Foreign => return Ok(Mirrored::Foreign),
            Standing::Same => return Ok(Mirrored::Same),
            Standing::Missing if self.unread => return Ok(Mirrored::Nothing),
            Standing::Missing if committed.is_empty() && loaded.snapshot.committed.is_none() => {
                return Ok(Mirrored::Nothing);
            }
            // The open transaction is of this machine, and maybe under way: it writes the file itself.
            Standing::Stale if is_open && !found.as_ref().is_some_and(was_written) => {
                return Ok(Mirrored::Same);
            }
            Standing::Missing | Standing::Stale => {}
        }
        let written = chalice::write(&self.deployed_file, &beside.file.project(&committed));
        written.map_err(|error| Refusal::new("could not write the deployed file").because(error))?;
        Ok(Mirrored::Written)
    }

    /// What existed at the last commit, and after each entry of the journal: a crash may have left Chalice's file at any of them.
    ///
    /// # Errors
    /// Where the journal does not fit.
    pub async fn forms(&self, loaded: &Loaded) -> Result<Vec<BTreeMap<ResourceId, Record>>, Refusal> {
        let mut txn = Txn::new(loaded.snapshot.clone());
        let mut existing = vec![txn.existing()];
        for entry in &loaded.journal {
            if let Err(corrupt) = txn.apply(entry) {
                return Err(self.store.misplaced(&corrupt).await.into());
            }
            existing.push(txn.existing());
        }
        Ok(existing)
    }

    /// The transaction as state and journal have it.
    ///
    /// # Errors
    /// Where they cannot be read, or do not fit together.
    pub async fn txn(&self) -> Result<Txn, Refusal> {
        let loaded = self.store.load().await?;
        match replay(loaded.snapshot, &loaded.journal) {
            Ok(txn) => Ok(txn),
            Err(corrupt) => Err(self.store.misplaced(&corrupt).await.into()),
        }
    }

    /// Chalice's file as a place to show records in.
    pub fn file(&self, wires: Wires, verbatim: Vec<Verbatim>) -> ChaliceFile {
        ChaliceFile {
            path: self.deployed_file.clone(),
            unread: self.unread,
            wires,
            verbatim,
            written: None,
            never_was: false,
        }
    }
}

/// A shared state begins with what Chalice's file names and really exists. What only the state of this machine knows, `here`,
/// must not be left behind: an open transaction, and before the first commit of the `shared` state what is still to be deleted.
async fn may_move(here: &Loaded, shared: &dyn StateStore, place: &SharedState) -> Result<(), Refusal> {
    let has = match here {
        _ if !here.journal.is_empty() => "has an open transaction",
        _ if here.snapshot.doomed.is_empty() && here.snapshot.prune.is_empty() => return Ok(()),
        _ if shared.load().await?.snapshot.committed.is_some() => return Ok(()),
        _ if here.snapshot.doomed.is_empty() => "knows of additions of others that are still to be removed",
        _ => "knows of resources that are still to be deleted",
    };
    let said = format!("the state is to lie in {place}, and the state on this machine {has}");
    Err(Refusal::new(said).hint(
        "bring it to its end first: `GRAIL_STATE=local grail deploy`, or `GRAIL_STATE=local grail rollback` where a transaction is \
         open",
    ))
}

/// What a shared state says of Chalice's file of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mirrored {
    /// Nothing was ever deployed, and there is no file.
    Nothing,
    /// It was so already.
    Same,
    /// It was written.
    Written,
    /// Somebody else has changed it: it is left.
    Foreign,
}

/// Writes Chalice's file as the shared state has it, where `grail.toml` asks for that at every look.
///
/// # Errors
/// Where the state cannot be read or the file not be written.
pub async fn mirror(settings: &Settings, stage: &Stage, remarks: &Remarks) -> Result<(), Refusal> {
    if settings.toml.state.mirrors_always
        && stage.shared.is_some()
        && stage.mirror().await? == Mirrored::Foreign
    {
        let said = "the deployed file was changed by somebody else than grail: it is left as it is";
        remarks(Remark::Problem(Problem::warning("deployed.foreign", said)));
    }
    Ok(())
}

/// The text of the lock for this command.
pub fn holder(settings: &Settings, command: &str) -> Holder {
    Holder {
        who: settings.environment.who(),
        host: settings.environment.host(),
        pid: std::process::id(),
        command: command.to_owned(),
        since: Timestamp::now(),
        job: settings.environment.job(),
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
    unread: bool,
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

    /// The same with what stands in a manifest beside: what people are shown.
    pub fn whole(&self, existing: &BTreeMap<ResourceId, Record>) -> Deployed {
        let mut existing = existing.clone();
        for record in existing.values_mut() {
            // Behind everything of Chalice's, and in its own order.
            record.rank = match record.rank.checked_sub(chalice::UNKNOWN_RANK) {
                Some(rank) => rank.saturating_add(chalice::UNKNOWN_RANK / 2),
                None => record.rank,
            };
        }
        self.project(&existing)
    }
}

impl RecordSink for ChaliceFile {
    fn is_new(&self) -> bool {
        self.never_was
    }

    fn write(&mut self, txn: &Txn) -> Result<Option<Digest>, Box<dyn std::error::Error + Send + Sync>> {
        let deployed = self.project(&txn.existing());
        if self.unread && deployed.entries.is_empty() {
            return Ok(None);
        }
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

#[cfg(test)]
mod tests;
