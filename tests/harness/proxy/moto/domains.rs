//! Custom domains as AWS has them: one registry, seen through both versions of API Gateway.
//!
//! moto has a registry for each version, neither knows of the other, and most changes are missing. Chalice makes a REST
//! domain by version 1, looks for its mappings by version 2, and deletes it by version 2. So the proxy answers every operation
//! of domains and their mappings itself, and asks moto only whether an API and its stage are there.
//!
//! As on AWS: the root mapping is `(none)` in version 1 and has no key in version 2; version 1 takes no key with a slash;
//! deleting a domain takes its mappings along; a domain answers with the fields of its endpoint type only.

mod registry;

use bytes::Bytes;
use hyper::Method;
use serde_json::{Map, Value, json};

use self::registry::{Domain, Mapping, Registry};
use super::super::refusal::{Answer, refusal};
use super::super::upstream::{Asked, Upstream};
use super::super::{call, lock};
use super::memory::Memory;
use super::{done, told};

/// Every custom domain of the account.
#[derive(Debug, Clone, Default)]
pub(super) struct Domains {
    registry: Memory<Registry>,
}

/// Whether a request is about a domain, its mappings or its tags, in either version.
pub(super) fn concerns(asked: &Asked) -> bool {
    let path = asked.parts.uri.path();
    let path = path.strip_prefix("/v2").unwrap_or(path);
    path.starts_with("/domainnames")
        || (path.starts_with("/tags/") && call::decoded(path).contains("/domainnames/"))
}

/// What was asked for, taken apart.
struct Question {
    /// Version 2 of API Gateway.
    second: bool,
    /// The domain's name, where the path has one.
    domain: String,
    /// The base path or mapping id at the end of the path.
    last: String,
    body: Value,
}

impl Question {
    fn of(asked: &Asked) -> Question {
        let path = asked.parts.uri.path();
        let (second, path) = match path.strip_prefix("/v2/") {
            Some(rest) => (true, rest),
            None => (false, path.trim_start_matches('/')),
        };
        let decoded = call::decoded(path);
        let (domain, last) = match decoded.split_once("/domainnames/") {
            Some((_, name)) if path.starts_with("tags/") => (name.to_owned(), String::new()),
            _ => {
                let mut words = path.split('/').skip(1).map(call::decoded);
                (words.next().unwrap_or_default(), words.nth(1).unwrap_or_default())
            }
        };
        let body = serde_json::from_slice(&asked.body).unwrap_or_default();
        Question {
            second,
            domain,
            last,
            body,
        }
    }
}

/// A refusal of API Gateway.
type Refused = Box<Answer>;

fn refuse(status: u16, code: &str, message: &str) -> Refused {
    Box::new(refusal("apigateway", status, code, message))
}

impl Domains {
    pub(super) async fn answer(&self, name: &str, upstream: &Upstream, asked: Asked) -> Answer {
        let question = Question::of(&asked);
        let answer = match name {
            "CreateDomainName" => self.create(&question),
            "GetDomainName" => self.with(&question, |domain, q| Ok(told(200, &domain.shown(q.second)))),
            "GetDomainNames" => Ok(self.list(&question)),
            "UpdateDomainName" => self.with(&question, update),
            "DeleteDomainName" => self.delete(&question),
            "CreateBasePathMapping" | "CreateApiMapping" => self.map(&question, upstream, &asked).await,
            "GetBasePathMapping" | "GetApiMapping" => self.with(&question, |domain, q| {
                let key = domain.find(q.second, &q.last)?;
                Ok(told(200, &domain.mapping_shown(q.second, &key)))
            }),
            "GetBasePathMappings" | "GetApiMappings" => self.with(&question, |domain, q| {
                let each = domain
                    .mappings
                    .keys()
                    .map(|key| domain.mapping_shown(q.second, key));
                let list = if q.second { "items" } else { "item" };
                Ok(told(200, &json!({ list: each.collect::<Vec<_>>() })))
            }),
            "UpdateBasePathMapping" | "UpdateApiMapping" => self.remap(&question, upstream, &asked).await,
            "DeleteBasePathMapping" | "DeleteApiMapping" => self.with(&question, |domain, q| {
                let key = domain.find(q.second, &q.last)?;
                domain.mappings.remove(&key);
                Ok(done(if q.second { 204 } else { 202 }))
            }),
            "GetTags" => self.with(&question, |domain, _| {
                Ok(told(200, &json!({ "tags": domain.tags })))
            }),
            "TagResource" => self.with(&question, |domain, q| {
                domain.tags.extend(registry::words(&q.body["tags"]));
                Ok(done(if q.second { 201 } else { 204 }))
            }),
            "UntagResource" => {
                let keys = keys_in(asked.parts.uri.query().unwrap_or_default());
                self.with(&question, |domain, _| {
                    domain.tags.retain(|key, _| !keys.contains(key));
                    Ok(done(204))
                })
            }
            other => Err(refuse(
                501,
                "NotImplemented",
                &format!("the test proxy has no {other}"),
            )),
        };
        answer.unwrap_or_else(|refused| *refused)
    }

    fn with(
        &self,
        question: &Question,
        act: impl FnOnce(&mut Domain, &Question) -> Result<Answer, Refused>,
    ) -> Result<Answer, Refused> {
        let mut registry = lock(&self.registry);
        let domain = registry.domains.get_mut(&question.domain).ok_or_else(no_domain)?;
        act(domain, question)
    }

    fn create(&self, question: &Question) -> Result<Answer, Refused> {
        let mut registry = lock(&self.registry);
        let name = question.body["domainName"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if registry.domains.contains_key(&name) {
            let message = "The domain name you provided already exists.";
            return Err(match question.second {
                true => refuse(409, "ConflictException", message),
                false => refuse(400, "BadRequestException", message),
            });
        }
        let number = registry.next();
        let domain = Domain::made(&name, number, question.second, &question.body);
        if domain.certificate.is_empty() {
            return Err(refuse(
                400,
                "BadRequestException",
                "A certificate is required for a domain name.",
            ));
        }
        let shown = domain.shown(question.second);
        registry.domains.insert(name, domain);
        Ok(told(201, &shown))
    }

    fn list(&self, question: &Question) -> Answer {
        let registry = lock(&self.registry);
        let each = registry
            .domains
            .values()
            .map(|domain| domain.shown(question.second));
        let list = if question.second { "items" } else { "item" };
        told(200, &json!({ list: each.collect::<Vec<_>>() }))
    }

    fn delete(&self, question: &Question) -> Result<Answer, Refused> {
        let gone = lock(&self.registry).domains.remove(&question.domain);
        gone.map(|_| done(if question.second { 204 } else { 202 }))
            .ok_or_else(no_domain)
    }

    async fn map(&self, question: &Question, upstream: &Upstream, asked: &Asked) -> Result<Answer, Refused> {
        let (second, body) = (question.second, &question.body);
        let word = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
        let given = word(if second { "apiMappingKey" } else { "basePath" });
        let key = if given == "(none)" { String::new() } else { given };
        let mapping = Mapping {
            id: String::new(),
            api: word(if second { "apiId" } else { "restApiId" }),
            stage: word("stage"),
        };
        self.with(question, |domain, _| {
            domain.takes(second, &key).map(|()| done(200))
        })?;
        is_served(upstream, asked, &mapping).await?;
        let mut registry = lock(&self.registry);
        let id = format!("m{:05}", registry.next());
        let domain = registry.domains.get_mut(&question.domain).ok_or_else(no_domain)?;
        domain.takes(second, &key)?;
        domain.mappings.insert(key.clone(), Mapping { id, ..mapping });
        Ok(told(201, &domain.mapping_shown(second, &key)))
    }

    async fn remap(
        &self,
        question: &Question,
        upstream: &Upstream,
        asked: &Asked,
    ) -> Result<Answer, Refused> {
        let second = question.second;
        let mut changed = None;
        self.with(question, |domain, _| {
            let key = domain.find(second, &question.last)?;
            let (mut mapping, mut new) = (domain.mappings[&key].clone(), key.clone());
            for (field, value) in changes(question) {
                match field.to_ascii_lowercase().as_str() {
                    "restapiid" | "apiid" => mapping.api = value,
                    "stage" => mapping.stage = value,
                    "basepath" | "apimappingkey" => {
                        new = if value == "(none)" { String::new() } else { value }
                    }
                    _ => {}
                }
            }
            if new != key {
                domain.takes(second, &new)?;
            }
            changed = Some((key, new, mapping));
            Ok(done(200))
        })?;
        let Some((key, new, mapping)) = changed else {
            return Err(no_domain());
        };
        is_served(upstream, asked, &mapping).await?;
        self.with(question, |domain, _| {
            domain.mappings.remove(&key);
            domain.mappings.insert(new.clone(), mapping);
            Ok(told(200, &domain.mapping_shown(second, &new)))
        })
    }
}

/// Version 1 patches one field after the other, version 2 replaces what the body has.
fn update(domain: &mut Domain, question: &Question) -> Result<Answer, Refused> {
    if question.second {
        domain.configure(&question.body["domainNameConfigurations"][0]);
    }
    for (field, value) in changes(question) {
        match field.as_str() {
            "securityPolicy" => domain.security_policy = value,
            "certificateArn" | "regionalCertificateArn" => {
                let edge = field == "certificateArn";
                if edge != (domain.endpoint_type == "EDGE") {
                    let message = format!("Invalid patch path /{field} for this endpoint type");
                    return Err(refuse(400, "BadRequestException", &message));
                }
                domain.certificate = value;
            }
            other if other.starts_with("endpointConfiguration/types") => domain.endpoint_type = value,
            _ => {}
        }
    }
    Ok(told(200, &domain.shown(question.second)))
}

/// The fields that an update names, without the leading slash of a patch.
fn changes(question: &Question) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().map(str::to_owned);
    if question.second {
        let fields = question.body.as_object().into_iter().flat_map(Map::iter);
        return fields
            .filter_map(|(key, value)| Some((key.clone(), word(value)?)))
            .collect();
    }
    let patches = question.body["patchOperations"].as_array().into_iter().flatten();
    patches
        .filter_map(|patch| {
            let path = patch["path"].as_str()?.trim_start_matches('/').to_owned();
            Some((path, word(&patch["value"])?))
        })
        .collect()
}

/// Whether the API and its stage are there, in whichever version.
async fn is_served(upstream: &Upstream, asked: &Asked, mapping: &Mapping) -> Result<(), Refused> {
    for apis in ["/restapis", "/v2/apis"] {
        let there = |path: String| async move {
            upstream
                .ask(asked, Method::GET, &path, Bytes::new())
                .await
                .status()
                .is_success()
        };
        let api = format!("{apis}/{}", mapping.api);
        if !mapping.api.is_empty() && there(api.clone()).await {
            if there(format!("{api}/stages/{}", mapping.stage)).await {
                return Ok(());
            }
            return Err(refuse(
                400,
                "BadRequestException",
                "Invalid stage identifier specified",
            ));
        }
    }
    Err(refuse(
        400,
        "BadRequestException",
        "Invalid API identifier specified",
    ))
}

fn no_domain() -> Refused {
    refuse(
        404,
        "NotFoundException",
        "Invalid domain name identifier specified",
    )
}

/// Every `tagKeys` of a query.
fn keys_in(query: &str) -> Vec<String> {
    let fields = query.split('&').filter_map(|pair| pair.split_once('='));
    fields
        .filter(|(key, _)| *key == "tagKeys")
        .map(|(_, value)| call::decoded(value))
        .collect()
}
