//! The one adapter between typed resources and the engine's documents. Futures are boxed here and nowhere else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grail_state::digest::Digester;
use grail_state::{Handle, Kind, Observed, Record, Remote, Template, Wire};
use serde_json::Value;

use super::failure::Failure;
use super::hush::Secrets;
use super::provider::{Create, Delete, Examined, Kin, Locator, Provider, Secured, Update};
use super::resource::{Birth, Change, Removal, Resource, Seen, Sight};
use super::rules::{Access, Cost, Diff, Invalid, Lane, Rules, Undelete};

/// Makes a provider of a resource type. `digester` hides the secrets of its forms.
pub fn erase<R: Resource>(resource: R, digester: Arc<Digester>) -> Arc<dyn Provider> {
    Arc::new(Erased { resource, digester })
}

struct Erased<R> {
    resource: R,
    digester: Arc<Digester>,
}

impl<R: Resource> Erased<R> {
    fn typed(spec: Value) -> Result<R::Spec, Vec<Invalid>> {
        let spec: R::Spec = serde_json::from_value(spec).map_err(|error| {
            vec![Invalid {
                field: String::new(),
                why: without_values(&error.to_string()),
            }]
        })?;
        let problems = R::check(&spec);
        if problems.is_empty() {
            Ok(spec)
        } else {
            Err(problems)
        }
    }

    fn resolved(spec: &Value) -> Result<R::Spec, Failure> {
        Self::typed(spec.clone()).map_err(|problems| {
            let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
            Failure::refused(format!(
                "the resolved form of this {} is not valid: {}",
                R::KIND,
                said.join("; ")
            ))
        })
    }

    fn remote(&self, seen: &Seen<R::Spec>) -> Remote {
        Remote {
            handle: seen.handle.clone(),
            spec: R::project(&seen.spec, &self.digester),
            outputs: seen.outputs.clone(),
            proof: seen.proof.clone(),
            additions: seen.additions.clone(),
        }
    }

    fn observed(&self, sight: &Sight<R::Spec>) -> Observed {
        sight
            .as_ref()
            .map_or(Observed::Absent, |seen| Observed::Present(self.remote(seen)))
    }
}

impl<R: Resource> Erased<R> {
    /// What is there now, as the kind sees it.
    async fn looked_at(&self, have: &Remote) -> Result<Seen<R::Spec>, Failure> {
        let id = grail_state::ResourceId::new(R::KIND, "secure");
        // Kinds whose form cannot be read back whole know by the outputs what they left there.
        let record = Record {
            handle: have.handle.clone(),
            spec: have.spec.clone(),
            outputs: have.outputs.clone(),
            depends_on: BTreeSet::new(),
            rank: 0,
            token: None,
        };
        let at = Locator {
            id: &id,
            handle: Some(&have.handle),
            spec: Some(&have.spec),
            token: None,
            record: Some(&record),
        };
        let seen = self.resource.observe(at).await?;
        seen.ok_or_else(|| Failure::refused(format!("{} is gone", have.handle)))
    }

    /// A failure in which nothing stands of what the form hides.
    fn hushed(&self, failure: Failure, form: &Value, spec: &R::Spec) -> Failure {
        Secrets::of(form, &R::project(spec, &self.digester)).hush(failure)
    }
}

impl<R: Resource> Rules for Erased<R> {
    fn kind(&self) -> Kind {
        R::KIND
    }

    fn check(&self, spec: &Template) -> Result<(), Vec<Invalid>> {
        Self::typed(spec.with_stand_ins()).map(|_| ())
    }

    fn project(&self, spec: &Template) -> Result<Value, Vec<Invalid>> {
        Ok(R::project(&Self::typed(spec.with_stand_ins())?, &self.digester))
    }

    fn compare(&self, wanted: &Value, have: &Remote) -> Diff {
        Diff::between(wanted, &have.spec, R::IMMUTABLE)
    }

    fn lane(&self, spec: &Value) -> Option<Lane> {
        R::lane(spec)
    }

    fn lasts(&self, spec: &Value) -> Duration {
        Self::resolved(spec).map_or(Duration::ZERO, |spec| R::lasts(&spec))
    }

    fn undelete(&self) -> Undelete {
        R::UNDELETE
    }

    fn name_bound(&self) -> bool {
        R::NAME_BOUND
    }

    fn keeps(&self) -> bool {
        R::KEEPS
    }

    fn spared_in_use(&self) -> bool {
        R::SPARED_IN_USE
    }

    fn prunes(&self, addition: &str) -> bool {
        R::PRUNES.iter().any(|words| addition.starts_with(words))
    }

    fn defines(&self, wanted: &Template, addition: &str) -> bool {
        Self::typed(wanted.with_stand_ins()).is_ok_and(|spec| R::defines(&spec, addition))
    }

    fn child(&self, handle: &Handle, addition: &str) -> Option<(Kind, Handle)> {
        R::child(handle, addition)
    }

    fn access(&self) -> Access {
        R::ACCESS
    }

    fn volatile_outputs(&self) -> &'static [&'static str] {
        R::VOLATILE
    }

    fn wires(&self) -> &'static [Wire] {
        R::WIRES
    }

    fn reads(&self) -> Cost {
        R::READS
    }

    fn actions(&self) -> &'static [&'static str] {
        R::ACTIONS
    }

    fn schema(&self) -> Value {
        schemars::schema_for!(R::Spec).to_value()
    }

    fn label(&self, spec: &Value) -> Option<String> {
        R::label(spec)
    }
}

#[async_trait]
impl<R: Resource> Provider for Erased<R> {
    async fn observe(&self, at: Locator<'_>) -> Result<Observed, Failure> {
        Ok(self.observed(&self.resource.observe(at).await?))
    }

    async fn observe_many(&self, at: &[Locator<'_>]) -> Vec<Result<Observed, Failure>> {
        let seen = self.resource.observe_many(at).await;
        seen.into_iter()
            .map(|sight| sight.map(|sight| self.observed(&sight)))
            .collect()
    }

    async fn create(&self, request: Create<'_>) -> Result<Remote, Failure> {
        let spec = Self::resolved(request.spec)?;
        let birth = Birth {
            id: request.id,
            spec: &spec,
            token: request.token,
            first: request.first,
        };
        let made = self.resource.create(birth).await;
        Ok(self.remote(&made.map_err(|failure| self.hushed(failure, request.spec, &spec))?))
    }

    async fn update(&self, request: Update<'_>) -> Result<Remote, Failure> {
        let want = Self::resolved(request.want)?;
        let change = Change {
            id: request.id,
            handle: &request.have.handle,
            have: &request.have.spec,
            outputs: &request.have.outputs,
            want: &want,
            diff: request.diff,
            token: request.token,
        };
        let changed = self.resource.update(change).await;
        Ok(self.remote(&changed.map_err(|failure| self.hushed(failure, request.want, &want))?))
    }

    async fn delete(&self, request: Delete<'_>) -> Result<(), Failure> {
        let Delete {
            id,
            handle,
            spec,
            outputs,
        } = request;
        self.resource
            .delete(Removal {
                id,
                handle,
                spec,
                outputs,
            })
            .await
    }

    async fn verify(&self, spec: &Value) -> Result<Vec<Invalid>, Failure> {
        self.resource.verify(&Self::resolved(spec)?).await
    }

    async fn examine(&self, have: &Remote, kin: &Kin) -> Examined {
        let id = grail_state::ResourceId::new(R::KIND, "examine");
        let living = Removal {
            id: &id,
            handle: &have.handle,
            spec: &have.spec,
            outputs: &have.outputs,
        };
        self.resource.examine(living, kin).await
    }

    async fn prune(&self, request: Delete<'_>, children: &[String]) -> Result<(), Failure> {
        if let Some(unknown) = children.iter().find(|child| !self.prunes(child)) {
            let said = format!("`{unknown}` cannot be removed from a {}", R::KIND);
            return Err(Failure::refused(said));
        }
        let living = Removal {
            id: request.id,
            handle: request.handle,
            spec: request.spec,
            outputs: request.outputs,
        };
        self.resource.prune(living, children).await
    }

    async fn secure(&self, have: &Remote) -> Result<Secured, Failure> {
        let seen = self.looked_at(have).await?;
        Ok(self.resource.secure(&seen).await?.unwrap_or_else(|| plain(have)))
    }

    async fn secure_whole(&self, have: &Remote) -> Result<Secured, Failure> {
        let seen = self.looked_at(have).await?;
        let secured = self.resource.secure_whole(&seen).await?;
        Ok(secured.unwrap_or_else(|| plain(have)))
    }
}

/// What needs nothing beyond the form that is seen.
fn plain(have: &Remote) -> Secured {
    Secured {
        spec: have.spec.clone(),
        artifacts: Vec::new(),
        secret: false,
        lost: Vec::new(),
    }
}

/// What serde says of a form, without the value that it quotes: it may be a secret.
fn without_values(said: &str) -> String {
    match said.split_once(", expected ") {
        Some((found, expected)) if found.starts_with("invalid ") => format!("expected {expected}"),
        _ => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_values;

    #[test]
    fn a_form_that_does_not_fit_is_told_without_its_values() {
        let error = serde_json::from_value::<std::collections::BTreeMap<String, String>>(
            serde_json::json!({"PIN": 123_456}),
        );
        assert_eq!(
            without_values(&error.unwrap_err().to_string()),
            "expected a string"
        );
        assert_eq!(without_values("missing field `name`"), "missing field `name`");
    }
}
