//! Chalice's file beside the state, in memory: what every command finds there, adopts, and writes through to it.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use grail_state::chalice::{Candidates, Deployed, Found, Standing, Wires, project, standing};
use grail_state::txn::Txn;
use grail_state::{Digest, Record, ResourceId};
use serde_json::Value;

use crate::engine::{Engine, EngineError, RecordSink, Session};

type Records = BTreeMap<ResourceId, Record>;

/// The file. Clones are the same file.
#[derive(Clone)]
pub(super) struct ChaliceFile {
    text: Arc<Mutex<String>>,
    wires: Wires,
    /// What Chalice made beside all that its file names: statements and stages. By handle.
    pub(super) unnamed: BTreeSet<String>,
}

impl ChaliceFile {
    /// The file that says what `records` do.
    pub(super) fn of(records: &Records, wires: Wires) -> Self {
        let text = project(records, &wires, &[]).text();
        let file = Self {
            text: Arc::new(Mutex::new(text)),
            wires,
            unnamed: BTreeSet::new(),
        };
        let named = file.named();
        let all = records.values().map(|record| record.handle.0.clone());
        Self {
            unnamed: all.filter(|handle| !named.contains(handle)).collect(),
            ..file
        }
    }

    /// The handles of all that it names.
    pub(super) fn named(&self) -> BTreeSet<String> {
        let found = self.read();
        let known = found.deployed.candidates(&self.wires).known.into_iter();
        known.map(|candidate| candidate.handle.0).collect()
    }

    fn read(&self) -> Found {
        Found::parse(self.text().as_bytes(), Path::new("deployed")).unwrap()
    }

    /// The same text in a file of its own.
    pub(super) fn copy(&self) -> Self {
        Self {
            text: Arc::new(Mutex::new(self.text())),
            ..self.clone()
        }
    }

    /// Its text.
    pub(super) fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Names to `session` what somebody else has written into the file.
    pub(super) async fn name_to(
        &self,
        session: &mut Session<'_>,
        engine: &Engine,
    ) -> Result<(), EngineError> {
        let found = self.read();
        let loaded = engine.store.load().await?;
        let mut txn = Txn::new(loaded.snapshot);
        let mut open = vec![txn.existing()];
        for entry in &loaded.journal {
            txn.apply(entry)?;
            open.push(txn.existing());
        }
        let projections = &session.snapshot().projections;
        if standing(Some(&found), projections, open, &self.wires) == Standing::Foreign {
            session.adopt(records(found.deployed.candidates(&self.wires)))?;
        }
        Ok(())
    }

    fn write_down(&self, deployed: &Deployed) -> Digest {
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = deployed.text();
        deployed.digest()
    }
}

impl RecordSink for ChaliceFile {
    fn write(&mut self, txn: &Txn) -> Result<Option<Digest>, Box<dyn Error + Send + Sync>> {
        Ok(Some(self.write_down(&project(&txn.existing(), &self.wires, &[]))))
    }
}

fn records(candidates: Candidates) -> Records {
    let record = |candidate: grail_state::chalice::Candidate| {
        let record = Record {
            handle: candidate.handle,
            spec: Value::Null,
            outputs: candidate.outputs,
            depends_on: Default::default(),
            rank: candidate.rank,
            token: None,
        };
        (candidate.id, record)
    };
    candidates.known.into_iter().map(record).collect()
}
