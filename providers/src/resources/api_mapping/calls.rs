//! The place of a mapping, and the calls that look at it and change it, in both versions of the service.

use aws_sdk_apigateway::types::{Op, PatchOperation};
use aws_sdk_apigatewayv2::types::ApiMapping as LiveMapping;
use grail_state::Handle;
use grail_state::template::has_stand_in;
use serde_json::Value;

use super::{ApiMapping, ROOT, Spec};
use crate::aws::{Context, Outcome};
use crate::port::{Failure, Locator};
use crate::resources::custom_domain::Protocol;

/// Where a mapping is, and by which version of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) domain: String,
    pub(super) prefix: String,
    pub(super) protocol: Protocol,
}

impl Place {
    /// The places to look at: that of the handle, then that of the spec as far as it is known.
    pub(super) fn of(at: &Locator<'_>) -> Vec<Self> {
        let recorded = at.record.map(|record| &record.spec);
        let protocol = Protocol::of(at.spec.or(recorded), &at.id.name);
        let field = |key| {
            let value = at.spec.and_then(|spec| spec.get(key)).and_then(Value::as_str);
            value.filter(|text| !has_stand_in(text)).map(ToOwned::to_owned)
        };
        let natural = field("domain").zip(field("prefix"));
        let natural = natural.map(|(domain, prefix)| Self {
            domain,
            prefix,
            protocol,
        });
        let known = at.handle.and_then(|handle| Self::named(handle, protocol));
        let mut places: Vec<_> = known.into_iter().chain(natural).collect();
        places.dedup();
        places
    }

    pub(super) fn named(handle: &Handle, protocol: Protocol) -> Option<Self> {
        let (domain, prefix) = handle.0.split_once('/')?;
        Some(Self {
            domain: domain.to_owned(),
            prefix: prefix.to_owned(),
            protocol,
        })
    }

    /// True if the second version serves it.
    pub(super) fn is_second(&self) -> bool {
        self.protocol == Protocol::Websocket || self.prefix.contains('/')
    }

    /// The prefix as the first version writes it.
    fn base_path(&self) -> &str {
        if self.prefix.is_empty() {
            ROOT
        } else {
            &self.prefix
        }
    }
}

impl From<&Spec> for Place {
    fn from(spec: &Spec) -> Self {
        Self {
            domain: spec.domain.clone(),
            prefix: spec.prefix.clone(),
            protocol: spec.protocol,
        }
    }
}

/// Where a mapping leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    /// The mapping's id in the second version.
    pub(super) id: Option<String>,
    pub(super) api: String,
    pub(super) stage: String,
}

impl ApiMapping {
    /// Where the mapping at `place` leads.
    pub(super) async fn target(&self, place: &Place) -> Result<Option<Target>, Failure> {
        if place.is_second() {
            let all = mappings(&self.context, &place.domain).await?.unwrap_or_default();
            let found = all.into_iter().find(|one| key_of(one) == place.prefix);
            return Ok(found.map(|found| Target {
                id: found.api_mapping_id,
                api: found.api_id.unwrap_or_default(),
                stage: found.stage.unwrap_or_default(),
            }));
        }
        let client = self.context.clients.apigateway.read();
        let asked = client.get_base_path_mapping().domain_name(&place.domain);
        let found = asked
            .base_path(place.base_path())
            .send()
            .await
            .found("apigateway:GET")?;
        Ok(found.map(|found| Target {
            id: None,
            api: found.rest_api_id.unwrap_or_default(),
            stage: found.stage.unwrap_or_default(),
        }))
    }

    /// Makes the mapping; false if there is one at its place.
    pub(super) async fn make(&self, spec: &Spec) -> Result<bool, Failure> {
        let place = Place::from(spec);
        let clients = &self.context.clients;
        if place.is_second() {
            let key = Some(spec.prefix.clone()).filter(|key| !key.is_empty());
            let sent = clients.apigatewayv2.write().create_api_mapping();
            let answer = sent
                .domain_name(&spec.domain)
                .set_api_mapping_key(key)
                .api_id(&spec.api)
                .stage(&spec.stage)
                .send()
                .await;
            return Ok(answer.made("apigateway:POST")?.is_some());
        }
        let sent = clients.apigateway.write().create_base_path_mapping();
        let answer = sent
            .domain_name(&spec.domain)
            .base_path(place.base_path())
            .rest_api_id(&spec.api)
            .stage(&spec.stage)
            .send()
            .await;
        Ok(answer.made("apigateway:POST")?.is_some())
    }

    /// Turns the mapping from `present` to where `spec` wants it.
    pub(super) async fn turn(&self, spec: &Spec, present: &Target) -> Result<(), Failure> {
        let place = Place::from(spec);
        let clients = &self.context.clients;
        if place.is_second() {
            let sent = clients.apigatewayv2.write().update_api_mapping();
            let answer = sent
                .domain_name(&spec.domain)
                .set_api_mapping_id(present.id.clone())
                .api_id(&spec.api)
                .stage(&spec.stage)
                .send()
                .await;
            return answer.wrote("apigateway:PATCH").map(drop);
        }
        let fields = [
            ("/restapiId", &present.api, &spec.api),
            ("/stage", &present.stage, &spec.stage),
        ];
        let patches: Vec<_> = fields
            .into_iter()
            .filter(|(_, there, wanted)| there != wanted)
            .map(|(path, _, wanted)| {
                let patch = PatchOperation::builder().op(Op::Replace).path(path);
                patch.value(wanted).build()
            })
            .collect();
        let sent = clients.apigateway.write().update_base_path_mapping();
        let answer = sent
            .domain_name(&spec.domain)
            .base_path(place.base_path())
            .set_patch_operations(Some(patches))
            .send()
            .await;
        answer.wrote("apigateway:PATCH").map(drop)
    }

    /// Removes the mapping.
    pub(super) async fn remove(&self, place: &Place, target: Target) -> Result<(), Failure> {
        let clients = &self.context.clients;
        if place.is_second() {
            let sent = clients.apigatewayv2.write().delete_api_mapping();
            let sent = sent.domain_name(&place.domain).set_api_mapping_id(target.id);
            return sent.send().await.gone("apigateway:DELETE");
        }
        let sent = clients.apigateway.write().delete_base_path_mapping();
        let sent = sent.domain_name(&place.domain).base_path(place.base_path());
        sent.send().await.gone("apigateway:DELETE")
    }
}

/// The prefix of a mapping, however the root is written.
fn key_of(mapping: &LiveMapping) -> &str {
    match mapping.api_mapping_key().unwrap_or_default() {
        ROOT => "",
        key => key.trim_start_matches('/'),
    }
}

/// All mappings of a domain as the second version shows them; `None` if it knows no such domain.
async fn mappings(context: &Context, domain: &str) -> Result<Option<Vec<LiveMapping>>, Failure> {
    let client = context.clients.apigatewayv2.read();
    let (mut all, mut next) = (Vec::new(), None);
    loop {
        let request = client.get_api_mappings().domain_name(domain).set_next_token(next);
        let Some(page) = request.send().await.found("apigateway:GET")? else {
            return Ok(None);
        };
        all.extend(page.items.unwrap_or_default());
        match page.next_token.filter(|token| !token.is_empty()) {
            Some(token) => next = Some(token),
            None => return Ok(Some(all)),
        }
    }
}

/// True if anybody has a mapping on `domain`. The second version shows all; of a REST domain the first is asked too, since
/// not all emulators show the one version's mappings in the other.
pub(in crate::resources) async fn is_mapped(
    context: &Context,
    domain: &str,
    protocol: Protocol,
) -> Result<bool, Failure> {
    let shown = mappings(context, domain).await?.unwrap_or_default();
    if !shown.is_empty() || protocol == Protocol::Websocket {
        return Ok(!shown.is_empty());
    }
    let client = context.clients.apigateway.read();
    let asked = client.get_base_path_mappings().domain_name(domain).limit(1);
    let first = asked.send().await.found("apigateway:GET")?;
    Ok(first
        .and_then(|first| first.items)
        .is_some_and(|items| !items.is_empty()))
}

/// A mapping on a domain, whoever's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::resources) struct Mapped {
    pub(in crate::resources) prefix: String,
    pub(in crate::resources) api: String,
    pub(in crate::resources) stage: String,
    id: Option<String>,
}

/// All mappings of a domain. The second version shows all; of a REST domain the first is asked too, as in [`is_mapped`].
pub(in crate::resources) async fn all(
    context: &Context,
    domain: &str,
    protocol: Protocol,
) -> Result<Vec<Mapped>, Failure> {
    let shown = mappings(context, domain).await?.unwrap_or_default();
    let mut all: Vec<_> = shown
        .into_iter()
        .map(|one| Mapped {
            prefix: key_of(&one).to_owned(),
            api: one.api_id.unwrap_or_default(),
            stage: one.stage.unwrap_or_default(),
            id: one.api_mapping_id,
        })
        .collect();
    if protocol == Protocol::Websocket {
        return Ok(all);
    }
    let client = context.clients.apigateway.read();
    let mut position = None;
    loop {
        let asked = client.get_base_path_mappings().domain_name(domain).limit(500);
        let answer = asked.set_position(position).send().await;
        let Some(page) = answer.found("apigateway:GET")? else {
            return Ok(all);
        };
        for one in page.items.unwrap_or_default() {
            let prefix = match one.base_path.as_deref().unwrap_or_default() {
                ROOT => "",
                prefix => prefix,
            };
            if all.iter().all(|known| known.prefix != prefix) {
                all.push(Mapped {
                    prefix: prefix.to_owned(),
                    api: one.rest_api_id.unwrap_or_default(),
                    stage: one.stage.unwrap_or_default(),
                    id: None,
                });
            }
        }
        match page.position {
            Some(next) => position = Some(next),
            None => return Ok(all),
        }
    }
}

/// Removes one of them.
pub(in crate::resources) async fn remove(
    context: &Context,
    domain: &str,
    protocol: Protocol,
    one: &Mapped,
) -> Result<(), Failure> {
    let place = Place {
        domain: domain.to_owned(),
        prefix: one.prefix.clone(),
        protocol,
    };
    if let Some(id) = one.id.as_ref().filter(|_| place.is_second()) {
        let sent = context.clients.apigatewayv2.write().delete_api_mapping();
        let sent = sent.domain_name(domain).api_mapping_id(id);
        return sent.send().await.gone("apigateway:DELETE");
    }
    let sent = context.clients.apigateway.write().delete_base_path_mapping();
    let sent = sent.domain_name(domain).base_path(place.base_path());
    sent.send().await.gone("apigateway:DELETE")
}
