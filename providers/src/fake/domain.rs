//! A custom domain: CreateDomainName; found by name, marked by a tag from its birth on. It is not usable for a while after
//! its birth and after each change. Its target is another each time it is made, which DNS records elsewhere point at, so its
//! deletion cannot be taken back. Others' tags stay, and a domain that others use outlives its deletion by us.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use grail_state::{Kind, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::cloud::Cloud;
use super::look::{by_mark, changed_tags, names, seen, text};
use super::physics::{Progress, Refused, Written};
use super::world::{Domain, World};
use crate::port::{Birth, Change, Cost, Failure, Locator, Removal, Resource, Seen, Sight, Undelete};

pub(super) struct ModelDomain(pub(super) Cloud);

/// The form of a domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    name: String,
    protocol: String,
    endpoint_type: String,
    certificate_arn: String,
    security_policy: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// How often it is asked whether others use the domain before it is left to them: the list of its paths may be old.
const LOOKS: usize = 3;

/// What one call changes together.
const CONFIGURED: &[&str] = &["security_policy", "certificate_arn", "endpoint_type"];

impl Resource for ModelDomain {
    const KIND: Kind = Kind::new("custom_domain");
    const IMMUTABLE: &'static [&'static str] = &["name", "protocol"];
    const UNDELETE: Undelete = Undelete::Never;
    const NAME_BOUND: bool = false;
    const SPARED_IN_USE: bool = true;
    const ACTIONS: &'static [&'static str] = &[];
    const VOLATILE: &'static [&'static str] = &[
        "alias_domain_name",
        "certificate_arn",
        "hosted_zone_id",
        "security_policy",
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

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let recorded = at.record.map(|record| &record.spec);
        let mut known = Known::of(at.spec.or(recorded));
        known.tags.extend(Known::of(recorded).tags);
        let natural = text(at.spec, "name").map(ToOwned::to_owned);
        let see = |world: &World, name: &str| see(world, name, &known);
        self.0.find("GetDomainName", names(&at, natural), see).await
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let (spec, token) = (request.spec.clone(), request.token.0.clone());
        let delay = self.0.physics().domain;
        let name = &request.spec.name;
        let mut progress = Progress::default();
        let born = self.0.write("CreateDomainName", name, move |world, now| {
            if let Some(there) = world.domains.get(&spec.name) {
                let same = there.mark.as_ref() == Some(&token);
                return if same {
                    Ok(())
                } else {
                    Err(Refused::Exists(spec.name))
                };
            }
            let domain = Domain {
                alias: world.fresh_id("d-"),
                endpoint_type: spec.endpoint_type,
                certificate: spec.certificate_arn,
                security_policy: spec.security_policy,
                tags: spec.tags,
                mark: Some(token),
                busy: Some(now + delay),
                paths: BTreeMap::new(),
            };
            world.domains.insert(spec.name, domain);
            Ok(())
        });
        match born.await {
            Err(Written::Refused(Refused::Exists(name))) => {
                return Err(Failure::foreign(format!("the domain {name}")));
            }
            other => progress.step(other)?,
        }
        self.until_available(name, &progress).await?;
        self.left(request.spec, &progress).await
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let want = request.want;
        let mut progress = Progress::default();
        self.until_available(&want.name, &progress).await?;
        if CONFIGURED.iter().any(|field| request.diff.touches(field)) {
            let want = want.clone();
            let name = want.name.clone();
            let set = self.change("UpdateDomainName", &name, move |domain| {
                domain.security_policy = want.security_policy;
                domain.certificate = want.certificate_arn;
                domain.endpoint_type = want.endpoint_type;
            });
            progress.step(set.await)?;
            self.until_available(&name, &progress).await?;
        }
        self.retag(&request, &mut progress).await?;
        self.left(want, &progress).await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let name = &request.handle.0;
        let used = |world: &World| {
            world
                .domains
                .get(name)
                .is_some_and(|domain| !domain.paths.is_empty())
        };
        let look = async || self.0.read("GetApiMappings", name, used).await;
        let mut looks = 1;
        while look().await? {
            if looks == LOOKS {
                return Ok(());
            }
            looks += 1;
            sleep(Duration::from_secs(1)).await;
        }
        let domain = name.clone();
        let gone = self.0.write("DeleteDomainName", name, move |world, _| {
            world.domains.remove(&domain);
            Ok(())
        });
        Ok(gone.await?)
    }
}

impl ModelDomain {
    async fn until_available(&self, name: &str, progress: &Progress) -> Result<(), Failure> {
        let busy = |world: &World| {
            let busy = world.domains.get(name)?.busy?;
            (busy > Instant::now()).then_some(())
        };
        let look = async || self.0.read("GetDomainName", name, busy).await;
        while look().await.map_err(|failure| progress.fail(failure))?.is_some() {
            sleep(Duration::from_millis(500)).await;
        }
        Ok(())
    }

    async fn change(
        &self,
        operation: &'static str,
        name: &str,
        change: impl FnOnce(&mut Domain) + Send + 'static,
    ) -> Result<(), Written> {
        let (named, delay) = (name.to_owned(), self.0.physics().domain);
        self.0
            .write(operation, name, move |world, now| {
                let domain = world
                    .domains
                    .get_mut(&named)
                    .ok_or_else(|| Refused::NotFound(named.clone()))?;
                if domain.busy.is_some_and(|busy| busy > now) {
                    return Err(Refused::Busy(named));
                }
                change(domain);
                domain.busy = Some(now + delay);
                Ok(())
            })
            .await
    }

    async fn retag(&self, request: &Change<'_, Spec>, progress: &mut Progress) -> Result<(), Failure> {
        let want = request.want;
        for (operation, set, dropped) in changed_tags(request.have, &want.tags, request.diff) {
            let name = want.name.clone();
            let write = self.0.write(operation, &want.name, move |world, _| {
                let domain = world.domains.get_mut(&name).ok_or(Refused::NotFound(name))?;
                domain.tags.extend(set);
                domain.tags.retain(|key, _| !dropped.contains(key));
                Ok(())
            });
            progress.step(write.await)?;
        }
        Ok(())
    }

    async fn left(&self, want: &Spec, progress: &Progress) -> Result<Seen<Spec>, Failure> {
        let known = Known {
            protocol: want.protocol.clone(),
            tags: want.tags.keys().cloned().collect(),
        };
        let see = |world: &World, name: &str| see(world, name, &known);
        self.0.left("GetDomainName", &want.name, progress, see).await
    }
}

/// What a domain does not tell of itself: which protocol we have it for, and which of its tags are ours.
struct Known {
    protocol: String,
    tags: BTreeSet<String>,
}

impl Known {
    fn of(form: Option<&Value>) -> Self {
        let tags = form.and_then(|form| form.get("tags")).and_then(Value::as_object);
        Self {
            protocol: text(form, "protocol").unwrap_or("rest").to_owned(),
            tags: tags.into_iter().flatten().map(|(key, _)| key.clone()).collect(),
        }
    }
}

fn see(world: &World, name: &str, known: &Known) -> Option<Seen<Spec>> {
    let domain = world.domains.get(name)?;
    let ours = domain.tags.iter().filter(|(key, _)| known.tags.contains(*key));
    let spec = Spec {
        name: name.to_owned(),
        protocol: known.protocol.clone(),
        endpoint_type: domain.endpoint_type.clone(),
        certificate_arn: domain.certificate.clone(),
        security_policy: domain.security_policy.clone(),
        tags: ours.map(|(key, value)| (key.clone(), value.clone())).collect(),
    };
    let outputs = [
        ("name", json!(name)),
        ("hosted_zone_id", json!("Z1")),
        ("alias_domain_name", json!(domain.alias)),
        ("certificate_arn", json!(domain.certificate)),
        ("security_policy", json!(domain.security_policy)),
    ];
    Some(seen(name, spec, outputs, by_mark(domain.mark.as_ref())))
}
