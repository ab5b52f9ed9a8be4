//! Changes to what is recorded, made by hand: nothing outside changes with them. Pure; who writes the result down holds the lock.

use std::collections::BTreeSet;

use super::Snapshot;
use crate::id::{Handle, ResourceId};
use crate::record::Record;

/// Why a record cannot be changed so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// There is no such record.
    #[error("`{0}` is not recorded")]
    NotRecorded(ResourceId),
    /// There is such a record already.
    #[error("`{id}` is recorded already: it is {handle}")]
    Taken {
        /// The resource.
        id: ResourceId,
        /// Its physical name.
        handle: Handle,
    },
    /// The thing is recorded already, under another id.
    #[error("{handle} is recorded already, as `{known}`")]
    KnownAs {
        /// The physical name.
        handle: Handle,
        /// The resource that it is.
        known: ResourceId,
    },
    /// A thing does not change its kind with its name.
    #[error("`{old}` and `{new}` are of two kinds")]
    OtherKind {
        /// The recorded resource.
        old: ResourceId,
        /// What it was to be called.
        new: ResourceId,
    },
}

/// What a forgotten resource leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// The things that stay in the account: the recorded one first, then what was still to be deleted under this id.
    pub handles: Vec<Handle>,
    /// What stays recorded and needed it.
    pub dependents: BTreeSet<ResourceId>,
}

impl Snapshot {
    /// Whether anything is known under `id`: a record, or a thing that is still to be deleted.
    pub fn knows(&self, id: &ResourceId) -> bool {
        self.records.contains_key(id) || self.doomed.iter().any(|doomed| doomed.id == *id)
    }

    /// Forgets a resource, and what was still to be deleted under its id. What needed it needs from now on what it needed
    /// itself, so that a deletion of the rest keeps to the same order.
    ///
    /// # Errors
    /// [`EditError::NotRecorded`].
    pub fn forget(&mut self, id: &ResourceId) -> Result<Forgotten, EditError> {
        if !self.knows(id) {
            return Err(EditError::NotRecorded(id.clone()));
        }
        let record = self.records.remove(id);
        self.protected.remove(id);
        self.prune.remove(id);
        let mut handles: Vec<_> = record.iter().map(|record| record.handle.clone()).collect();
        let mut needs = record.map(|record| record.depends_on).unwrap_or_default();
        self.doomed.retain(|doomed| {
            let goes = doomed.id == *id;
            if goes {
                handles.push(doomed.handle.clone());
                needs.extend(doomed.depends_on.iter().cloned());
            }
            !goes
        });
        needs.remove(id);
        let mut dependents = BTreeSet::new();
        for (dependent, edges) in self.edges() {
            if edges.remove(id) {
                edges.extend(needs.iter().filter(|need| **need != dependent).cloned());
                dependents.insert(dependent);
            }
        }
        Ok(Forgotten { handles, dependents })
    }

    /// Records under `new` what is recorded under `old`. What referred to the one refers to the other. A thing that is still
    /// to be deleted under `old` stays under it.
    ///
    /// # Errors
    /// [`EditError`], and then nothing is changed.
    pub fn rename(&mut self, old: &ResourceId, new: &ResourceId) -> Result<(), EditError> {
        if old.kind != new.kind {
            return Err(EditError::OtherKind {
                old: old.clone(),
                new: new.clone(),
            });
        }
        self.check_free(new)?;
        let record = self.records.remove(old);
        let record = record.ok_or_else(|| EditError::NotRecorded(old.clone()))?;
        self.records.insert(new.clone(), record);
        if self.protected.remove(old) {
            self.protected.insert(new.clone());
        }
        if let Some(prune) = self.prune.remove(old) {
            self.prune.insert(new.clone(), prune);
        }
        for (_, edges) in self.edges() {
            if edges.remove(old) {
                edges.insert(new.clone());
            }
        }
        Ok(())
    }

    /// Whether `record` can be taken up under `id`.
    ///
    /// # Errors
    /// [`EditError::Taken`], [`EditError::KnownAs`].
    pub fn check_new(&self, id: &ResourceId, handle: &Handle) -> Result<(), EditError> {
        self.check_free(id)?;
        let same = |known: &&ResourceId, theirs: &Handle| known.kind == id.kind && theirs == handle;
        let recorded = self.records.iter().map(|(known, record)| (known, &record.handle));
        let doomed = self.doomed.iter().map(|doomed| (&doomed.id, &doomed.handle));
        match recorded.chain(doomed).find(|(known, theirs)| same(known, theirs)) {
            Some((known, _)) => Err(EditError::KnownAs {
                handle: handle.clone(),
                known: known.clone(),
            }),
            None => Ok(()),
        }
    }

    fn check_free(&self, id: &ResourceId) -> Result<(), EditError> {
        match self.records.get(id) {
            Some(record) => Err(EditError::Taken {
                id: id.clone(),
                handle: record.handle.clone(),
            }),
            None => Ok(()),
        }
    }

    /// What each known thing depends on.
    fn edges(&mut self) -> impl Iterator<Item = (ResourceId, &mut BTreeSet<ResourceId>)> {
        let recorded = self.records.iter_mut();
        let recorded = recorded.map(|(id, Record { depends_on, .. })| (id.clone(), depends_on));
        let doomed = self.doomed.iter_mut();
        recorded.chain(doomed.map(|doomed| (doomed.id.clone(), &mut doomed.depends_on)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::id::StackId;
    use crate::journal::{Doomed, Prune};

    fn id(text: &str) -> ResourceId {
        text.parse().unwrap()
    }

    fn record(handle: &str, needs: &[&str]) -> Record {
        Record {
            handle: Handle(handle.into()),
            spec: Value::Null,
            outputs: Default::default(),
            depends_on: needs.iter().map(|need| id(need)).collect(),
            rank: 0,
            token: None,
        }
    }

    /// A mapping needs a function, which needs a role; an older mapping is still to be deleted.
    fn snapshot() -> Snapshot {
        let mut snapshot = Snapshot::empty(StackId {
            app: "shop".into(),
            stage: "dev".into(),
        });
        for (name, handle, needs) in [
            ("role.r", "r", &[][..]),
            ("function.f", "f", &["role.r"]),
            ("mapping.m", "m", &["function.f"]),
        ] {
            snapshot.records.insert(id(name), record(handle, needs));
        }
        let old = record("m0", &["function.f"]);
        snapshot.doomed.push(Doomed::of(id("mapping.m"), &old));
        snapshot
    }

    #[test]
    fn what_needed_a_forgotten_thing_needs_what_that_needed() {
        let mut snapshot = snapshot();
        let forgotten = snapshot.forget(&id("function.f")).unwrap();
        assert_eq!(forgotten.handles, [Handle("f".into())]);
        assert_eq!(forgotten.dependents, [id("mapping.m")].into());
        for needs in [
            &snapshot.records[&id("mapping.m")].depends_on,
            &snapshot.doomed[0].depends_on,
        ] {
            assert_eq!(*needs, [id("role.r")].into());
        }
        assert!(!snapshot.knows(&id("function.f")));
    }

    #[test]
    fn with_a_record_goes_what_was_to_be_deleted_under_its_id() {
        let mut snapshot = snapshot();
        let forgotten = snapshot.forget(&id("mapping.m")).unwrap();
        assert_eq!(forgotten.handles, ["m", "m0"].map(|name| Handle(name.into())));
        assert!(forgotten.dependents.is_empty() && snapshot.doomed.is_empty());
        let gone = snapshot.forget(&id("mapping.m")).unwrap_err();
        assert_eq!(gone.to_string(), "`mapping.m` is not recorded");
    }

    #[test]
    fn what_is_to_go_from_a_thing_goes_with_its_name_and_is_no_second_thing() {
        let prune = |handle: &str| Prune {
            handle: Handle(handle.into()),
            children: vec!["policy theirs".into()],
        };
        let mut snapshot = snapshot();
        snapshot.prune.insert(id("role.r"), prune("r"));
        snapshot.rename(&id("role.r"), &id("role.s")).unwrap();
        assert_eq!(snapshot.prune, [(id("role.s"), prune("r"))].into());
        let forgotten = snapshot.forget(&id("role.s")).unwrap();
        assert_eq!(forgotten.handles, [Handle("r".into())]);
        assert!(snapshot.prune.is_empty());
    }

    #[test]
    fn a_renamed_thing_is_what_others_need() {
        let mut snapshot = snapshot();
        snapshot.rename(&id("function.f"), &id("function.g")).unwrap();
        assert_eq!(snapshot.records[&id("function.g")], record("f", &["role.r"]));
        assert_eq!(
            snapshot.records[&id("mapping.m")].depends_on,
            [id("function.g")].into()
        );
        assert_eq!(snapshot.doomed[0].depends_on, [id("function.g")].into());
        assert!(!snapshot.knows(&id("function.f")));
    }

    #[test]
    fn what_cannot_be_renamed_stays() {
        let before = snapshot();
        for (old, new, said) in [
            (
                "function.f",
                "role.g",
                "`function.f` and `role.g` are of two kinds",
            ),
            ("function.x", "function.g", "`function.x` is not recorded"),
            (
                "function.f",
                "function.f",
                "`function.f` is recorded already: it is f",
            ),
        ] {
            let mut snapshot = before.clone();
            let error = snapshot.rename(&id(old), &id(new)).unwrap_err();
            assert_eq!(error.to_string(), said);
            assert_eq!(snapshot, before);
        }
    }

    #[test]
    fn a_thing_is_recorded_once() {
        let snapshot = snapshot();
        let of = |name: &str, handle: &str| snapshot.check_new(&id(name), &Handle(handle.into()));
        assert_eq!(of("function.g", "g"), Ok(()));
        assert_eq!(of("role.f", "f"), Ok(()));
        let said = |result: Result<(), EditError>| result.unwrap_err().to_string();
        assert_eq!(said(of("role.r", "x")), "`role.r` is recorded already: it is r");
        assert_eq!(
            said(of("function.g", "f")),
            "f is recorded already, as `function.f`"
        );
        assert_eq!(
            said(of("mapping.n", "m0")),
            "m0 is recorded already, as `mapping.m`"
        );
    }
}
