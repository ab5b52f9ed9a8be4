//! A custom domain name of API Gateway, and its certificate.
//!
//! **Calls.** Of a REST API by the first version of the service, of a WebSocket API by the second, as Chalice does
//! (`chalice-deployer.md` 3.12). `CreateDomainName`, `UpdateDomainName` and `DeleteDomainName` are allowed once in 30 s each
//! (issue 2043 of Chalice), so a change is one call with all its operations, and being throttled is a wait and no failed
//! attempt. A domain that is being changed is waited for before the next change, a regional one also after it. An
//! edge-optimised one takes 40 minutes to spread; its mappings need not wait for that.
//!
//! **Tags.** Ours are those that are wanted and those that were wanted before. All others stay as they are, and so does the
//! mark, the tag [`MARK`] with the attempt that made the domain. (Chalice removes what it does not know, the mark included.)
//!
//! **Identity.** The name. A name alone proves nothing: a domain that exists, is not recorded and does not bear the mark of
//! an attempt that we know is somebody else's until `--adopt` says otherwise.
//!
//! **Deletion.** A domain may serve several applications (issues 1898 and 1918 of Chalice), so it goes only when no mapping
//! of anybody is left on it; else it stays, which counts as done ([`Resource::SPARED_IN_USE`]: the engine does not ask for
//! it while a mapping of ours could not be removed). The name that a DNS record points to is lost for good with
//! the domain, so it is deleted after the commit. Another `domain_name` is another domain: it is made beside the old one,
//! which goes in the sweep, so that nobody's name is away in between. That is why the kind is not bound to its name.
//!
//! **Endpoint type.** Another type is added to the domain and the old one left there, since DNS still leads to it; who has
//! turned DNS removes it. A domain that has the wanted type among its types is as wanted.
//!
//! **Given up:** private domain names (they need an id in each call and a policy, for which Chalice has no setting), mutual
//! TLS, and DNS records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use grail_state::{Handle, Kind, Proof, StepToken, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::domain::{Domain, Progress};
use super::api_mapping;
use super::rest_api::EndpointType;
use crate::aws::outcome::Sequence;
use crate::aws::{Context, wait};
use crate::port::{
    Birth, Change, Cost, Diff, Examined, Failure, Invalid, Kin, Locator, Removal, Resource, Seen, Sight,
    Undelete,
};
use crate::resources::api_mapping::ApiMapping;

mod certificate;
mod domain;
mod form;
mod others;
mod writing;

/// The tag that holds the attempt which made a domain.
pub const MARK: &str = "grail";

/// The pauses before the looks that confirm that somebody is left on a domain which is to go.
const LOOK_AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

/// Which kind of API a domain serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// A REST API: the first version of the service.
    Rest,
    /// A WebSocket API: the second version.
    Websocket,
}

impl Protocol {
    /// The protocol in a form of any age, else the one that a resource's name tells.
    pub(super) fn of(spec: Option<&Value>, name: &str) -> Self {
        let told = spec.and_then(|spec| spec.get("protocol")).cloned();
        let told = told.and_then(|told| serde_json::from_value(told).ok());
        told.unwrap_or(if name.starts_with("websocket") {
            Self::Websocket
        } else {
            Self::Rest
        })
    }
}

/// A custom domain name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The name: `api.example.com`.
    pub name: String,
    /// Which kind of API it serves.
    pub protocol: Protocol,
    /// How it is reached.
    pub endpoint_type: EndpointType,
    /// The certificate in Certificate Manager: of `us-east-1` for an edge-optimised domain, else of the domain's region.
    pub certificate_arn: String,
    /// The lowest version of TLS: `TLS_1_2`.
    pub security_policy: String,
    /// Its tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// The resource type.
#[derive(Debug)]
pub struct CustomDomain {
    context: Arc<Context>,
}

impl CustomDomain {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    /// What a domain is, seen by who wants the endpoint type `endpoint` and owns the tags `tags`.
    fn seen(
        domain: &Domain,
        protocol: Protocol,
        endpoint: Option<EndpointType>,
        tags: &BTreeSet<&str>,
    ) -> Seen<Spec> {
        let endpoint_type = domain.endpoint(endpoint);
        let alias = domain.alias(endpoint_type);
        let certificate = domain.certificate(endpoint_type).unwrap_or_default();
        let outputs = [
            ("name", Some(domain.name.as_str())),
            ("hosted_zone_id", alias.zone.as_deref()),
            ("alias_domain_name", alias.name.as_deref()),
            ("certificate_arn", Some(certificate)),
            ("security_policy", Some(domain.security_policy.as_str())),
        ];
        let ours = domain.tags.iter().filter(|(key, _)| tags.contains(key.as_str()));
        Seen {
            handle: Handle(domain.name.clone()),
            spec: Spec {
                name: domain.name.clone(),
                protocol,
                endpoint_type,
                certificate_arn: certificate.to_owned(),
                security_policy: domain.security_policy.clone(),
                tags: ours.map(|(key, value)| (key.clone(), value.clone())).collect(),
            },
            outputs: outputs.map(|(key, value)| (key.to_owned(), json!(value))).into(),
            proof: match domain.tags.get(MARK) {
                Some(token) => Proof::Mark(StepToken(token.clone())),
                None => Proof::NameOnly,
            },
            additions: Vec::new(),
        }
    }

    /// True if anybody has a mapping on the domain, also at a second and a third look: a list may for some seconds show our
    /// own, which was removed just before.
    async fn stays_mapped(&self, name: &str, protocol: Protocol) -> Result<bool, Failure> {
        for pause in LOOK_AGAIN {
            if !api_mapping::is_mapped(&self.context, name, protocol).await? {
                return Ok(false);
            }
            tokio::time::sleep(pause).await;
        }
        api_mapping::is_mapped(&self.context, name, protocol).await
    }

    /// True if a change of a regional domain is going on. An edge-optimised one is not waited for.
    fn is_awaited(domain: &Domain, endpoint: Option<EndpointType>) -> bool {
        domain.endpoint(endpoint) != EndpointType::Edge && domain.progress() == Progress::Moving
    }

    /// What a domain is after a write that made it `want`.
    fn written(domain: &Domain, want: &Spec) -> Seen<Spec> {
        let tags = want.tags.keys().map(String::as_str).collect();
        Self::seen(domain, want.protocol, Some(want.endpoint_type), &tags)
    }

    /// The domain once it can be changed.
    async fn settled(&self, protocol: Protocol, name: &str) -> Result<Domain, Failure> {
        let look = || async move {
            let gone = || Failure::refused(format!("the custom domain {name} is gone"));
            self.get(protocol, name).await?.ok_or_else(gone)
        };
        let domain = look().await?;
        if domain.progress() != Progress::Moving {
            return Ok(domain);
        }
        wait::until("a change of the custom domain to end", || async move {
            let domain = look().await?;
            Ok((domain.progress() != Progress::Moving).then_some(domain))
        })
        .await
    }

    /// A regional domain that was written, once it is usable; an edge-optimised one as it is.
    async fn usable(&self, spec: &Spec, domain: Domain) -> Result<Domain, Failure> {
        if spec.endpoint_type == EndpointType::Edge {
            return Ok(domain);
        }
        let domain = match domain.progress() {
            Progress::Moving => self.settled(spec.protocol, &spec.name).await?,
            _ => domain,
        };
        match domain.progress() {
            Progress::Stuck(why) => Err(Failure::refused(why).with_hint(
                "see the domain in the console of API Gateway: it waits for its owner to prove or renew a certificate",
            )),
            _ => Ok(domain),
        }
    }

    /// Brings what is there to `want`, of which `diff` says what differs. `had` are the tags that were ours.
    async fn converge(
        &self,
        domain: Domain,
        want: &Spec,
        diff: &Diff,
        had: &BTreeSet<&str>,
    ) -> Result<Domain, Failure> {
        let mut sequence = Sequence::default();
        let mut domain = domain;
        if ["endpoint_type", "certificate_arn", "security_policy"]
            .iter()
            .any(|field| diff.touches(field))
        {
            let tags = std::mem::take(&mut domain.tags);
            let changed = self.change(&domain, want, diff).await;
            let changed = sequence.step(changed)?;
            domain = sequence.look(self.usable(want, changed).await)?;
            domain.tags = tags;
        }
        if diff.touches("tags") {
            self.sync_tags(&mut domain, want, had, &mut sequence).await?;
        }
        Ok(domain)
    }
}

/// The keys of the tags in a form of any age that may be ours.
fn tag_keys(spec: Option<&Value>) -> impl Iterator<Item = &str> {
    let tags = spec.and_then(|spec| spec.get("tags")).and_then(Value::as_object);
    let keys = tags.into_iter().flat_map(|tags| tags.keys());
    keys.map(String::as_str).filter(|key| *key != MARK)
}

impl Resource for CustomDomain {
    const KIND: Kind = Kind::new("custom_domain");
    const IMMUTABLE: &'static [&'static str] = &["name", "protocol"];
    const UNDELETE: Undelete = Undelete::Never;
    const NAME_BOUND: bool = false;
    const SPARED_IN_USE: bool = true;
    const VOLATILE: &'static [&'static str] = &[
        "alias_domain_name",
        "certificate_arn",
        "hosted_zone_id",
        "security_policy",
    ];
    const PRUNES: &'static [&'static str] = &[others::MAPPING];
    const ACTIONS: &'static [&'static str] = &[
        "acm:DescribeCertificate",
        "apigateway:DELETE",
        "apigateway:GET",
        "apigateway:PATCH",
        "apigateway:POST",
        // Tags.
        "apigateway:PUT",
        // API Gateway makes the distribution of an edge-optimised domain in the caller's name.
        "cloudfront:UpdateDistribution",
        // At the first domain of an account API Gateway makes itself a role, also in the caller's name.
        "iam:CreateServiceLinkedRole",
    ];
    const READS: Cost = Cost {
        each: 1,
        lists: 0,
        page: 0,
    };
    const WIRES: &'static [Wire] = &[Wire {
        keys: &[
            ("hosted_zone_id", "hosted_zone_id"),
            ("alias_domain_name", "alias_domain_name"),
            ("certificate_arn", "certificate_arn"),
            ("security_policy", "security_policy"),
        ],
        handle: Some("domain_name"),
        ..Wire::to("domain_name")
    }];
    type Spec = Spec;

    fn check(spec: &Spec) -> Vec<Invalid> {
        form::problems(spec)
    }

    fn child(handle: &Handle, addition: &str) -> Option<(Kind, Handle)> {
        let prefix = addition.strip_prefix(others::MAPPING)?.split_once(" to ")?.0;
        Some((ApiMapping::KIND, Handle(format!("{handle}/{prefix}"))))
    }

    fn label(spec: &Value) -> Option<String> {
        spec.get("name").and_then(Value::as_str).map(ToOwned::to_owned)
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let recorded = at.record.map(|record| &record.spec);
        let protocol = Protocol::of(at.spec.or(recorded), &at.id.name);
        let wanted = |key| at.spec.and_then(|spec| spec.get(key)).and_then(Value::as_str);
        let mut domain = None;
        for name in at
            .handle
            .map(|handle| handle.0.as_str())
            .into_iter()
            .chain(wanted("name"))
        {
            domain = self.get(protocol, name).await?;
            if domain.is_some() || wanted("name") == Some(name) {
                break;
            }
        }
        let tags = tag_keys(at.spec).chain(tag_keys(recorded)).collect();
        let endpoint = wanted("endpoint_type").and_then(EndpointType::named);
        match domain {
            // After a lost answer that change is ours.
            Some(domain) if Self::is_awaited(&domain, endpoint) => Err(Failure::awaiting(
                format!("the custom domain {} is being made or changed", domain.name),
                Duration::from_secs(1),
                "a change of the custom domain to end",
            )),
            domain => Ok(domain.map(|domain| Self::seen(&domain, protocol, endpoint, &tags))),
        }
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let spec = request.spec;
        // A look is cheap, and a call in vain would cost 30 seconds.
        let there = match self.get(spec.protocol, &spec.name).await? {
            None => match self.make(spec, request.token).await? {
                Some(made) => {
                    let domain = self.usable(spec, made).await.map_err(Failure::after_change)?;
                    return Ok(Self::written(&domain, spec));
                }
                None => self.get(spec.protocol, &spec.name).await?,
            },
            there => there,
        };
        let made_by_us = |domain: &Domain| domain.tags.get(MARK) == Some(&request.token.0);
        let Some(domain) = there.filter(made_by_us) else {
            return Err(Failure::foreign(format_args!("the custom domain {}", spec.name)));
        };
        let tags = spec.tags.keys().map(String::as_str).collect();
        let seen = Self::seen(&domain, spec.protocol, Some(spec.endpoint_type), &tags);
        let form = |spec: &Spec| serde_json::to_value(spec).unwrap_or(Value::Null);
        let diff = Diff::between(&form(spec), &form(&seen.spec), &[]);
        let domain = self.converge(domain, spec, &diff, &BTreeSet::new()).await?;
        Ok(Self::written(&domain, spec))
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let want = request.want;
        let domain = self.settled(want.protocol, &request.handle.0).await?;
        let had = tag_keys(Some(request.have)).collect();
        let domain = self.converge(domain, want, request.diff, &had).await?;
        Ok(Self::written(&domain, want))
    }

    async fn examine(&self, have: Removal<'_>, kin: &Kin) -> Examined {
        let protocol = Protocol::of(Some(have.spec), &have.id.name);
        self.others(have, protocol, kin).await
    }

    async fn prune(&self, have: Removal<'_>, children: &[String]) -> Result<(), Failure> {
        let protocol = Protocol::of(Some(have.spec), &have.id.name);
        self.prune_others(&have.handle.0, protocol, children).await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let name = &request.handle.0;
        let protocol = Protocol::of(Some(request.spec), &request.id.name);
        if self.stays_mapped(name, protocol).await? {
            tracing::info!(domain = name, "the custom domain stays: it still has mappings");
            return Ok(());
        }
        self.remove(protocol, name).await
    }

    async fn verify(&self, spec: &Spec) -> Result<Vec<Invalid>, Failure> {
        // The local cloud has none of the user's certificates, and serves no TLS with them.
        if self.context.local.is_some() {
            return Ok(Vec::new());
        }
        let problems = certificate::problems(&self.context, spec).await?;
        let invalid = |why| Invalid {
            field: "certificate_arn".to_owned(),
            why,
        };
        Ok(problems.into_iter().map(invalid).collect())
    }
}

#[cfg(test)]
mod tests;
