//! The calls that look at a domain and change it, in both versions of the service.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_apigateway::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_apigateway::types::{EndpointConfiguration, Op, PatchOperation, SecurityPolicy};
use aws_sdk_apigatewayv2::types as v2;
use grail_state::StepToken;

use super::domain::Domain;
use super::{CustomDomain, MARK, Protocol, Spec};
use crate::aws::Outcome;
use crate::aws::outcome::{Sequence, Verdict, verdict};
use crate::port::{Diff, Failure};
use crate::resources::rest_api::{EndpointType, patiently};

/// The rate of every write of a domain (`field-notes.md` 1).
const RATE: Duration = Duration::from_secs(30);
const MAKING: (&str, Duration) = ("API Gateway, which makes one domain in 30 s", RATE);
const CHANGING: (&str, Duration) = ("API Gateway, which changes one domain in 30 s", RATE);
const DELETING: (&str, Duration) = ("API Gateway, which deletes one domain in 30 s", RATE);

impl CustomDomain {
    /// The domain `name`.
    pub(super) async fn get(&self, protocol: Protocol, name: &str) -> Result<Option<Domain>, Failure> {
        let clients = &self.context.clients;
        match protocol {
            Protocol::Rest => {
                let asked = clients.apigateway.read().get_domain_name().domain_name(name);
                let found = asked.send().await.found("apigateway:GET")?;
                Ok(found.map(Domain::from))
            }
            Protocol::Websocket => {
                let asked = clients.apigatewayv2.read().get_domain_name().domain_name(name);
                let found = asked.send().await.found("apigateway:GET")?;
                Ok(found.map(Domain::from))
            }
        }
    }

    /// Makes the domain, with the mark of the attempt; `None` if there is one of that name.
    pub(super) async fn make(&self, spec: &Spec, token: &StepToken) -> Result<Option<Domain>, Failure> {
        let mut tags: HashMap<_, _> = spec.tags.clone().into_iter().collect();
        tags.insert(MARK.to_owned(), token.0.clone());
        let clients = &self.context.clients;
        match spec.protocol {
            Protocol::Rest => {
                let endpoint = EndpointConfiguration::builder().types(spec.endpoint_type.as_str().into());
                let sent = clients.apigateway.write().create_domain_name();
                let sent = sent
                    .domain_name(&spec.name)
                    .endpoint_configuration(endpoint.build())
                    .security_policy(SecurityPolicy::from(spec.security_policy.as_str()))
                    .set_tags(Some(tags));
                let sent = match spec.endpoint_type {
                    EndpointType::Edge => sent.certificate_arn(&spec.certificate_arn),
                    _ => sent.regional_certificate_arn(&spec.certificate_arn),
                };
                let answer = sent.send().await;
                if exists(&answer) {
                    return Ok(None);
                }
                let made = patiently(answer, "apigateway:POST", MAKING)?;
                Ok(Some(made.into()))
            }
            Protocol::Websocket => {
                let sent = clients.apigatewayv2.write().create_domain_name();
                let answer = sent
                    .domain_name(&spec.name)
                    .domain_name_configurations(configuration(spec))
                    .set_tags(Some(tags))
                    .send()
                    .await;
                if exists(&answer) {
                    return Ok(None);
                }
                let made = patiently(answer, "apigateway:POST", MAKING)?;
                Ok(Some(made.into()))
            }
        }
    }

    /// Changes certificate, policy and endpoint type to those of `want`, in one call.
    pub(super) async fn change(&self, domain: &Domain, want: &Spec, diff: &Diff) -> Result<Domain, Failure> {
        let clients = &self.context.clients;
        match want.protocol {
            Protocol::Rest => {
                let sent = clients.apigateway.write().update_domain_name();
                let answer = sent
                    .domain_name(&domain.name)
                    .set_patch_operations(Some(patches(domain, want, diff)))
                    .send()
                    .await;
                patiently(answer, "apigateway:PATCH", CHANGING).map(Domain::from)
            }
            Protocol::Websocket => {
                let sent = clients.apigatewayv2.write().update_domain_name();
                let answer = sent
                    .domain_name(&domain.name)
                    .domain_name_configurations(configuration(want))
                    .send()
                    .await;
                patiently(answer, "apigateway:PATCH", CHANGING).map(Domain::from)
            }
        }
    }

    /// Sets the tags of `want` that are lacking, and removes those in `had` that it does not have. Others stay.
    pub(super) async fn sync_tags(
        &self,
        domain: &mut Domain,
        want: &Spec,
        had: &BTreeSet<&str>,
        sequence: &mut Sequence,
    ) -> Result<(), Failure> {
        let (partition, region) = (&self.context.partition, &self.context.region);
        let arn = format!(
            "arn:{partition}:apigateway:{region}::/domainnames/{}",
            domain.name
        );
        let lacking: BTreeMap<_, _> = want
            .tags
            .iter()
            .filter(|(key, value)| domain.tags.get(*key) != Some(value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let client = self.context.clients.apigatewayv2.write();
        if !lacking.is_empty() {
            let sent = client.tag_resource().resource_arn(&arn);
            let sent = sent.set_tags(Some(lacking.clone().into_iter().collect()));
            sequence.step(sent.send().await.wrote("apigateway:PUT"))?;
            domain.tags.extend(lacking);
        }
        let there = |key: &&&str| domain.tags.contains_key(**key) && !want.tags.contains_key(**key);
        let spare: Vec<_> = had.iter().filter(there).map(ToString::to_string).collect();
        if !spare.is_empty() {
            let sent = client.untag_resource().resource_arn(&arn);
            let sent = sent.set_tag_keys(Some(spare.clone()));
            sequence.step(sent.send().await.wrote("apigateway:DELETE"))?;
            domain.tags.retain(|key, _| !spare.contains(key));
        }
        Ok(())
    }

    /// Deletes the domain.
    pub(super) async fn remove(&self, protocol: Protocol, name: &str) -> Result<(), Failure> {
        let clients = &self.context.clients;
        match protocol {
            Protocol::Rest => {
                let sent = clients.apigateway.write().delete_domain_name();
                gone(sent.domain_name(name).send().await)
            }
            Protocol::Websocket => {
                let sent = clients.apigatewayv2.write().delete_domain_name();
                gone(sent.domain_name(name).send().await)
            }
        }
    }
}

/// One endpoint as Chalice sends it.
fn configuration(spec: &Spec) -> v2::DomainNameConfiguration {
    v2::DomainNameConfiguration::builder()
        .api_gateway_domain_name(&spec.name)
        .certificate_arn(&spec.certificate_arn)
        .endpoint_type(v2::EndpointType::from(spec.endpoint_type.as_str()))
        .security_policy(v2::SecurityPolicy::from(spec.security_policy.as_str()))
        .domain_name_status(v2::DomainNameStatus::Available)
        .build()
}

/// The operations that make `domain` as `want`. A new endpoint type is added with its certificate.
fn patches(domain: &Domain, want: &Spec, diff: &Diff) -> Vec<PatchOperation> {
    let endpoint = want.endpoint_type;
    let certificate = match endpoint {
        EndpointType::Edge => "/certificateArn",
        _ => "/regionalCertificateArn",
    };
    let patch =
        |op: Op, path: &str, value: &str| PatchOperation::builder().op(op).path(path).value(value).build();
    let mut patches = Vec::new();
    if !domain.has(endpoint) {
        patches.push(patch(Op::Add, "/endpointConfiguration/types", endpoint.as_str()));
        patches.push(patch(Op::Add, certificate, &want.certificate_arn));
    } else if diff.touches("certificate_arn") {
        patches.push(patch(Op::Replace, certificate, &want.certificate_arn));
    }
    if diff.touches("security_policy") {
        patches.push(patch(Op::Replace, "/securityPolicy", &want.security_policy));
    }
    patches
}

type Answer<T, E> = Result<T, SdkError<E, aws_smithy_runtime_api::client::orchestrator::HttpResponse>>;

/// True for the refusal of a name that is taken. The first version has been seen to call it a bad request.
fn exists<T, E: ProvideErrorMetadata>(answer: &Answer<T, E>) -> bool {
    let Err(error) = answer else { return false };
    match verdict(error) {
        Verdict::Exists => true,
        Verdict::Refused => error
            .meta()
            .message()
            .is_some_and(|said| said.contains("domain name you provided already exists")),
        _ => false,
    }
}

fn gone<T, E>(answer: Answer<T, E>) -> Result<(), Failure>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match answer {
        Err(error) if verdict(&error) == Verdict::NotFound => Ok(()),
        answer => patiently(answer, "apigateway:DELETE", DELETING).map(drop),
    }
}
