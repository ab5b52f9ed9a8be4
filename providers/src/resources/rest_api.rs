//! A REST API of API Gateway, whole: its routes, authorizers and settings, from one OpenAPI document.
//!
//! **Calls.** `ImportRestApi` (1 per 3 s; edge-optimised 1 per 30 s) makes it, `PutRestApi` in mode overwrite (1 per s)
//! changes the definition in one call, `UpdateRestApi` sets what a document cannot say, `DeleteRestApi` (1 per 30 s) ends it.
//! All calls of API Gateway together: 10 a second, burst 40 (`field-notes.md` 1). IAM knows API Gateway's calls by their
//! HTTP verb. Nothing here is visible to a caller of the API: that is `api_stage`'s doing.
//!
//! **Comparison.** What a document means to API Gateway cannot be read back as that document. So the resolved document's
//! digest is remembered with the digest of a normalised reading taken after the write, the *baseline* ([`reading`]): while
//! the reading stays the same, the API is what the record says. Else its definition is "changed outside", and one put makes
//! it right. Emulators that forget what they were told are thereby no drift.
//!
//! **Identity.** The id; else the mark in the description, token and definition digest ([`mark`]); else the title together
//! with a method that calls this stack's API handler. An API with our title alone is somebody else's: the APIs of all stages
//! of an application share it.
//!
//! **What others added** by hand (methods, gateway responses) is told and kept: an overwrite would wipe it, so it goes into
//! the document that is sent ([`foreign`]). It is no drift, and a change of it writes nothing.
//!
//! **Way back.** Every document that was wanted is kept in Artifacts under its digest, and a definition may be given as such
//! a digest. What we did not send (Chalice's, a change by hand) is rebuilt from a reading ([`rebuild`]).
//!
//! **Given up:** tags, documentation parts, client certificates, usage plans are neither read nor set.

use std::sync::Arc;
use std::time::Duration;

use grail_state::digest::{Digester, canonical};
use grail_state::template::has_stand_in;
use grail_state::{Digest, Handle, Kind, Proof, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::foreign::Split;
use self::mark::{Mark, is_digest};
use self::reading::{Depth, Reading};
use self::sending::Letter;
pub(super) use self::sending::patiently;
use crate::aws::Context;
use crate::aws::outcome::{Verdict, verdict};
use crate::port::{
    Access, Birth, Change, Cost, Examined, Failure, Invalid, Kin, Locator, Removal, Resource, Secured, Seen,
    Sight, Undelete,
};
use crate::resources::api_stage::ApiStage;

mod find;
mod foreign;
mod head;
pub(crate) mod mark;
mod others;
mod reading;
mod rebuild;
mod sending;
mod whole;

/// The largest `minimumCompressionSize` (API reference, `CreateRestApi`).
const LARGEST_COMPRESSION: u32 = 10_485_760;

/// How an API is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum EndpointType {
    /// Through CloudFront.
    Edge,
    /// In its region.
    Regional,
    /// From VPCs only.
    Private,
}

impl EndpointType {
    /// As API Gateway writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Edge => "EDGE",
            Self::Regional => "REGIONAL",
            Self::Private => "PRIVATE",
        }
    }

    /// The type that API Gateway calls `name`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Edge, Self::Regional, Self::Private]
            .into_iter()
            .find(|one| one.as_str() == name)
    }
}

/// A REST API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its name; the title of the definition.
    pub name: String,
    /// How it is reached.
    pub endpoint_type: EndpointType,
    /// Answers of this many bytes and more are compressed; none if unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_compression: Option<u32>,
    /// An OpenAPI 3.0.1 document, or the digest of one that is kept in Artifacts.
    pub definition: Value,
}

impl Spec {
    fn compression(&self) -> Option<i32> {
        self.minimum_compression
            .map(|size| i32::try_from(size).unwrap_or(i32::MAX))
    }

    /// The same with the definition as its digest, as records have it.
    fn with_digest(&self, digest: &str) -> Self {
        Self {
            definition: Value::String(digest.to_owned()),
            ..self.clone()
        }
    }
}

/// The definition as it can be compared: the digest of a document; of one that is not resolved yet a stand-in.
fn projected_definition(definition: &Value) -> Value {
    match definition {
        Value::Object(_) if has_stand_in(&canonical(definition)) => {
            json!("(known after deploy: definition)")
        }
        Value::Object(_) => json!(Digest::of_value(definition)),
        other => other.clone(),
    }
}

/// The resource type.
#[derive(Debug)]
pub struct RestApi {
    context: Arc<Context>,
}

impl RestApi {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    /// The document with `digest`, where it is kept.
    fn kept(&self, digest: Option<&str>) -> Option<Value> {
        let digest = Digest(digest.filter(|text| is_digest(text))?.to_owned());
        let kept = self.context.artifacts.get(&digest).ok().flatten()?;
        serde_json::from_slice(&kept).ok()
    }

    /// Divides a reading by what `documents` define. Where `former`, the one that was written last, is not known, what calls
    /// our handler is ours too.
    fn split(&self, reading: &Reading, wanted: Option<&Value>, former: Option<&Value>) -> Split {
        let documents: Vec<_> = wanted.into_iter().chain(former).collect();
        let calls_us = |uri: &str| self.calls_our_handler(uri);
        let guess = former.is_none().then_some(&calls_us as &dyn Fn(&str) -> bool);
        foreign::split(&reading.form, &documents, guess)
    }

    /// `document` with what others have put into the API `id`, which now has `former` of ours.
    async fn with_foreign(&self, id: &str, document: &Value, former: Option<&str>) -> Result<Value, Failure> {
        let Some(reading) = Reading::take(&self.context, id, Depth::Whole).await? else {
            return Ok(document.clone());
        };
        let parts = self.split(&reading, Some(document), self.kept(former).as_ref());
        Ok(foreign::with(document, &parts.foreign))
    }

    /// What is there after a write of ours that made it `spec`, with the new baseline.
    async fn written(
        &self,
        id: &str,
        spec: &Spec,
        digest: &str,
        depth: Depth,
    ) -> Result<Seen<Spec>, Failure> {
        let reading = Reading::take(&self.context, id, depth).await?;
        let gone = || Failure::refused(format!("the REST API {id} is gone"));
        Ok(self.seen(&reading.ok_or_else(gone)?, spec.with_digest(digest)))
    }

    /// What a reading shows of an API that has the definition of `spec`.
    fn seen(&self, reading: &Reading, spec: Spec) -> Seen<Spec> {
        let document = self.kept(spec.definition.as_str());
        let parts = match &document {
            Some(document) => self.split(reading, None, Some(document)),
            None => Split::all_ours(&reading.form),
        };
        let id = &reading.head.id;
        let Context {
            partition,
            region,
            account,
            ..
        } = &*self.context;
        let arn = format!("arn:{partition}:execute-api:{region}:{account}:{id}");
        let outputs = [
            ("id", json!(id)),
            ("definition_digest", spec.definition.clone()),
            ("execution_arn", json!(arn)),
            ("baseline", json!(reading.baseline(&parts.own))),
        ];
        Seen {
            handle: Handle(id.clone()),
            proof: self.proof(reading),
            outputs: outputs.map(|(key, value)| (key.to_owned(), value)).into(),
            additions: foreign::told(&parts.foreign),
            spec,
        }
    }

    fn proof(&self, reading: &Reading) -> Proof {
        if reading.uris().any(|uri| self.calls_our_handler(uri)) {
            return Proof::Ours;
        }
        match reading.head.mark() {
            Some(mark) => Proof::Mark(mark.token),
            None => Proof::NameOnly,
        }
    }

    /// True if the reading has the routes of the document that `mark` names, and none of `former`'s besides. Without that
    /// document it is not believed: one more put then makes sure, and says it if Artifacts cannot be read.
    fn is_whole(&self, reading: &Reading, mark: &Mark, former: Option<&Value>) -> bool {
        self.kept(Some(&mark.digest)).is_some_and(|document| {
            let own = self.split(reading, Some(&document), former).own;
            whole::has_routes_of(&own, &document)
        })
    }

    /// What a reading says, seen from `at`.
    fn interpret(&self, reading: &Reading, at: &Locator<'_>) -> Seen<Spec> {
        let record = at.record.filter(|record| record.handle.0 == reading.head.id);
        let known = record.and_then(|record| record.outputs.get("baseline"));
        let recorded = record
            .filter(|_| known.is_some())
            .and_then(|record| record.spec.get("definition"))
            .and_then(Value::as_str);
        // A put that only added leaves the recorded parts as they were: the mark tells that it has been there.
        let mark = reading.head.mark();
        let superseded = recorded.is_some_and(|recorded| {
            is_digest(recorded) && mark.as_ref().is_some_and(|mark| mark.digest != recorded)
        });
        if let Some(record) = record
            && known.is_some()
            && !superseded
            && let Ok(spec) = serde_json::from_value(record.spec.clone())
        {
            let seen = self.seen(reading, spec);
            if seen.outputs.get("baseline") == known {
                return seen;
            }
        }
        let former = self.kept(recorded);
        let own = match &former {
            Some(former) => self.split(reading, None, Some(former)).own,
            None => reading.form.clone(),
        };
        let short = Digest::of_value(&own).short().to_owned();
        let definition = match mark {
            // What bears the mark of this very attempt is what it sent, or a part of it. But of the document that the record
            // speaks of the record knows better: the mark stays when a hand changes a method.
            Some(mark) if Some(&mark.token) == at.token && recorded != Some(&mark.digest) => {
                if self.is_whole(reading, &mark, former.as_ref()) {
                    mark.digest
                } else {
                    format!("not known: {short}")
                }
            }
            _ if known.is_some() => format!("changed outside: {short}"),
            _ => format!("not known: {short}"),
        };
        let head = &reading.head;
        let spec = Spec {
            name: head.name.clone(),
            endpoint_type: head.endpoint_type(),
            minimum_compression: head.minimum_compression.and_then(|size| u32::try_from(size).ok()),
            definition: Value::String(definition),
        };
        let wanted = at.spec.and_then(|spec| spec.get("definition"));
        let foreign = self.split(reading, wanted, former.as_ref()).foreign;
        Seen {
            additions: foreign::told(&foreign),
            ..self.seen(reading, spec)
        }
    }
}

impl Resource for RestApi {
    const KIND: Kind = Kind::new("rest_api");
    const UNDELETE: Undelete = Undelete::Never;
    const NAME_BOUND: bool = false;
    const VOLATILE: &'static [&'static str] = &["baseline", "definition_digest"];
    const PRUNES: &'static [&'static str] = &[
        others::METHOD,
        others::RESPONSE,
        others::AUTHORIZER,
        others::MODEL,
        others::VALIDATOR,
        others::STAGE,
        others::RESOURCE,
    ];
    const ACCESS: Access = Access::Routes;
    const ACTIONS: &'static [&'static str] = &[
        "apigateway:DELETE",
        "apigateway:GET",
        "apigateway:PATCH",
        "apigateway:POST",
        "apigateway:PUT",
        // A definition may set a resource policy.
        "apigateway:UpdateRestApiPolicy",
        // An authorizer may be called under a role (`invoke_role_arn`).
        "iam:PassRole",
    ];
    /// The API, its resources with their methods, its authorizers, its gateway responses. Two more where the definition has
    /// models or request validators; an API that is looked for costs pages of 500 APIs besides.
    const READS: Cost = Cost {
        each: 4,
        lists: 0,
        page: 0,
    };
    const WIRES: &'static [Wire] = &[Wire {
        keys: &[("rest_api_id", "id")],
        handle: Some("rest_api_id"),
        ..Wire::to("rest_api")
    }];
    type Spec = Spec;

    fn check(spec: &Spec) -> Vec<Invalid> {
        let mut problems = Vec::new();
        let mut problem = |field: &str, why: String| {
            problems.push(Invalid {
                field: field.to_owned(),
                why,
            });
        };
        if let Some(size) = spec
            .minimum_compression
            .filter(|size| *size > LARGEST_COMPRESSION)
        {
            problem(
                "minimum_compression",
                format!("{size} is more than {LARGEST_COMPRESSION}"),
            );
        }
        match &spec.definition {
            Value::Object(document) => {
                let title = spec.definition.pointer("/info/title").and_then(Value::as_str);
                if title != Some(&spec.name) {
                    problem(
                        "definition.info.title",
                        format!("must be the name, `{}`", spec.name),
                    );
                }
                if !document.get("paths").is_some_and(Value::is_object) {
                    problem("definition.paths", "a definition needs paths".to_owned());
                }
            }
            Value::String(_) => {}
            _ => problem("definition", "must be an OpenAPI document".to_owned()),
        }
        problems
    }

    fn project(spec: &Spec, _digester: &Digester) -> Value {
        let projected = Spec {
            definition: projected_definition(&spec.definition),
            ..spec.clone()
        };
        serde_json::to_value(projected).unwrap_or(Value::Null)
    }

    fn defines(spec: &Spec, addition: &str) -> bool {
        Self::defined(&spec.definition, addition)
    }

    fn child(handle: &Handle, addition: &str) -> Option<(Kind, Handle)> {
        let stage = addition.strip_prefix(others::STAGE)?;
        Some((ApiStage::KIND, Handle(format!("{handle}/{stage}"))))
    }

    fn label(spec: &Value) -> Option<String> {
        spec.get("name").and_then(Value::as_str).map(ToOwned::to_owned)
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let baseline = at.record.and_then(|record| record.outputs.get("baseline"));
        let depth = Depth::of_baseline(baseline.and_then(Value::as_str));
        if let Some(handle) = at.handle
            && let Some(reading) = Reading::take(&self.context, &handle.0, depth).await?
        {
            return Ok(Some(self.interpret(&reading, &at)));
        }
        let Some(id) = self.find(&at).await? else {
            return Ok(None);
        };
        let reading = Reading::take(&self.context, &id, depth).await?;
        Ok(reading.map(|reading| self.interpret(&reading, &at)))
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let spec = request.spec;
        let (document, digest) = self.document(&spec.definition)?;
        let depth = Depth::for_document(&document);
        let letter = Letter::new(document, request.token, &digest);
        // An import cannot be told to happen once: an earlier try of this attempt is recognised by its mark. It may have
        // been cut off after the mark and before the last route, so the same is put again.
        let head = match self.made_before(&request).await? {
            Some(made) => self.put(&made.id, &letter).await?,
            None => self.import(spec, &letter).await?,
        };
        let patches = head.lacks(spec, &letter.description);
        self.patch(&head.id, patches)
            .await
            .map_err(Failure::after_change)?;
        let seen = self.written(&head.id, spec, &digest.0, depth).await;
        seen.map_err(Failure::after_change)
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let (id, want, diff) = (&request.handle.0, request.want, request.diff);
        let present = request.have.get("endpoint_type").and_then(Value::as_str);
        let present = present
            .and_then(EndpointType::named)
            .unwrap_or(EndpointType::Edge);
        if diff.touches("definition") {
            let (document, digest) = self.document(&want.definition)?;
            let depth = Depth::for_document(&document);
            let former = request.have.get("definition").and_then(Value::as_str);
            let whole = self.with_foreign(id, &document, former).await?;
            let letter = Letter::new(whole, request.token, &digest);
            // The document names VPC endpoints, which only a private API can have. So an API becomes private before the
            // put, and anything else after it.
            let secluded = diff.touches("endpoint_type") && want.endpoint_type == EndpointType::Private;
            let head = if secluded {
                self.patch(id, vec![head::endpoint(present, want)]).await?;
                let put = self.put(id, &letter).await;
                put.map_err(Failure::after_change)?
            } else {
                self.put(id, &letter).await?
            };
            let patches = head.lacks(want, &letter.description);
            self.patch(id, patches).await.map_err(Failure::after_change)?;
            let seen = self.written(id, want, &digest.0, depth).await;
            return seen.map_err(Failure::after_change);
        }
        let mut patches = Vec::new();
        if diff.touches("name") {
            patches.push(head::replace("/name", &want.name));
        }
        if diff.touches("minimum_compression") {
            patches.push(head::compression(want));
        }
        if diff.touches("endpoint_type") {
            patches.push(head::endpoint(present, want));
        }
        self.patch(id, patches).await?;
        let digest = request
            .have
            .get("definition")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let depth = Depth::of_baseline(request.outputs.get("baseline").and_then(Value::as_str));
        let seen = self.written(id, want, digest, depth).await;
        seen.map_err(Failure::after_change)
    }

    async fn examine(&self, have: Removal<'_>, kin: &Kin) -> Examined {
        self.others(have, kin).await
    }

    async fn prune(&self, have: Removal<'_>, children: &[String]) -> Result<(), Failure> {
        self.prune_others(&have.handle.0, children).await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let sent = self.context.clients.apigateway.write().delete_rest_api();
        let answer = sent.rest_api_id(&request.handle.0).send().await;
        if answer
            .as_ref()
            .is_err_and(|error| verdict(error) == Verdict::NotFound)
        {
            return Ok(());
        }
        let wait = (
            "API Gateway, which deletes one API in 30 s",
            Duration::from_secs(30),
        );
        patiently(answer, "apigateway:DELETE", wait).map(|_| ())
    }

    async fn secure(&self, seen: &Seen<Spec>) -> Result<Option<Secured>, Failure> {
        let named = seen.spec.definition.as_str().filter(|text| is_digest(text));
        let ours = named.map(|text| Digest(text.to_owned()));
        let kept = match ours {
            Some(digest)
                if self
                    .context
                    .artifacts
                    .get(&digest)
                    .map_err(Failure::refused)?
                    .is_some() =>
            {
                digest
            }
            _ => {
                let whole = Reading::take(&self.context, &seen.handle.0, Depth::Whole).await?;
                let gone = || Failure::refused(format!("the REST API {} is gone", seen.handle));
                let document = rebuild::document(&whole.ok_or_else(gone)?.form);
                let kept = self.context.artifacts.put(canonical(&document).as_bytes());
                kept.map_err(Failure::refused)?
            }
        };
        let spec = serde_json::to_value(seen.spec.with_digest(&kept.0)).map_err(Failure::refused)?;
        Ok(Some(Secured {
            spec,
            artifacts: vec![kept],
            secret: false,
            lost: Vec::new(),
        }))
    }
}

#[cfg(test)]
mod tests;
