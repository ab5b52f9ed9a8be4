//! Roles: the declared ones, and those that functions have by themselves.
//!
//! A function's own role allows what grail knows that it needs, on as little as can be named: its log group, the queues and
//! streams that it is given records of, its dead letters, its network, its traces.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use grail_state::{Kind, ResourceId, Template};
use serde_json::{Value, json};

use super::{Lowering, list, map, object};
use crate::source::chalice::{names, policy};
use crate::source::diagnostic::Problem;
use crate::source::manifest::events::Event;
use crate::source::manifest::form::{Brief, Document, Phrase, Word};
use crate::source::manifest::functions::Function;
use crate::source::manifest::references;
use crate::source::manifest::roles::OwnRole;

pub(super) const ROLE: Kind = Kind::new("iam_role");

impl Lowering<'_> {
    pub(super) fn roles(&mut self) {
        let form = self.form;
        for (name, role) in &form.roles {
            let Some(role) = role else { continue };
            let physical = self.physical(role.name.as_deref(), name);
            let trust = match &role.trust {
                Some(trust) => self.policy(trust, &["roles", name, "trust"]),
                None => Template::Lit(policy::trust()),
            };
            let mut policies = self.policies(role.policies.as_ref(), &["roles", name, "policies"]);
            if let Some(statements) = &role.statements {
                let statements = statements.iter().map(|one| self.document(one)).collect();
                policies.insert(physical.clone(), policy_of(statements));
            }
            let spec = object(
                json!({"name": physical}),
                [
                    ("trust", trust),
                    ("policies", map(policies)),
                    ("boundary", self.boundary(role.boundary.as_ref())),
                ],
            );
            self.add(
                ResourceId::new(ROLE, name.as_str()),
                spec,
                BTreeSet::new(),
                &["roles", name],
            );
        }
    }

    /// The ARN of the function's role; adds the role where it is the function's own.
    pub(super) fn role_of(&mut self, name: &str, function: &Function) -> Template {
        let own = match &function.role {
            Some(Brief::Word(role)) => return self.phrase(&role.0),
            Some(Brief::Full(own)) => own.clone(),
            None => OwnRole::default(),
        };
        let path = ["functions", name, "role"];
        let id = ResourceId::new(ROLE, names::own_role_logical(name));
        let physical = names::own_role(self.manifest.app(), self.manifest.stage(), name);
        let mut statements = self.needed(name, function);
        statements.extend(own.statements.iter().flatten().map(|one| self.document(one)));
        let mut policies = self.policies(own.policies.as_ref(), &["functions", name, "role", "policies"]);
        policies.insert(physical.clone(), policy_of(statements));
        let spec = object(
            json!({"name": physical}),
            [
                ("trust", Template::Lit(policy::trust())),
                ("policies", map(policies)),
                ("boundary", self.boundary(own.boundary.as_ref())),
            ],
        );
        self.add(id.clone(), spec, BTreeSet::new(), &path);
        Template::reference(id, "arn")
    }

    /// None is a statement too: one that stands on the role is taken away.
    fn boundary(&self, arn: Option<&Phrase>) -> Template {
        arn.map_or(Template::Lit(json!("")), |arn| self.phrase(&arn.0))
    }

    /// What the function needs that is known of it.
    fn needed(&self, name: &str, function: &Function) -> Vec<Template> {
        let physical = self.physical(function.name.as_deref(), name);
        let group = names::log_group(&physical);
        let logs = self.account.arn("logs", &format!("log-group:{group}"));
        let mut statements = vec![
            allow(&["logs:CreateLogGroup"], json!(logs).into()),
            allow(
                &["logs:CreateLogStream", "logs:PutLogEvents"],
                json!(format!("{logs}:*")).into(),
            ),
        ];
        if function.vpc.is_some() {
            let actions = [
                "ec2:CreateNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:DeleteNetworkInterface",
                "ec2:AssignPrivateIpAddresses",
                "ec2:UnassignPrivateIpAddresses",
            ];
            statements.push(allow(&actions, json!("*").into()));
        }
        if function.tracing == Some(true) {
            let actions = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"];
            statements.push(allow(&actions, json!("*").into()));
        }
        if let Some(target) = &function.dead_letter {
            let to_topic = target.0.contains(":sns:")
                || references::marks(&target.0).any(|mark| mark.starts_with("topics."));
            let action = match to_topic {
                true => "sns:Publish",
                false => "sqs:SendMessage",
            };
            statements.push(allow(&[action], self.phrase(&target.0)));
        }
        let mut polled: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
        let mut answers = false;
        for event in function.events.iter().flatten() {
            answers = answers || matches!(event, Event::Websocket(_));
            if let Some((service, arn)) = self.polled(event) {
                polled.entry(service).or_default().insert(arn);
            }
        }
        for (service, arns) in polled {
            statements.extend(polling(service, arns));
        }
        if answers {
            let connections = self.account.arn("execute-api", "*/@connections/*");
            statements.push(allow(
                &["execute-api:ManageConnections"],
                json!(connections).into(),
            ));
        }
        statements
    }

    fn policies(
        &mut self,
        policies: Option<&BTreeMap<String, Brief<Document, Word>>>,
        path: &[&str],
    ) -> BTreeMap<String, Template> {
        let mut all = BTreeMap::new();
        for (name, document) in policies.into_iter().flatten() {
            let below: Vec<_> = path.iter().copied().chain([name.as_str()]).collect();
            all.insert(name.clone(), self.policy(document, &below));
        }
        all
    }

    /// A policy document, or that of a file.
    pub(super) fn policy(&mut self, policy: &Brief<Document, Word>, path: &[&str]) -> Template {
        match policy {
            Brief::Full(document) => self.document(document),
            Brief::Word(file) => {
                let place = self.manifest.tree.place(path);
                match policy::from_file(self.manifest.project(), Path::new(&file.0), Some(place)) {
                    Ok(document) => Template::Lit(document),
                    Err(problems) => {
                        self.problems.extend::<Vec<Problem>>(problems.0);
                        Template::Lit(Value::Null)
                    }
                }
            }
        }
    }
}

fn allow(actions: &[&str], resource: Template) -> Template {
    map(BTreeMap::from([
        ("Effect".to_owned(), Template::Lit(json!("Allow"))),
        ("Action".to_owned(), Template::Lit(json!(actions))),
        ("Resource".to_owned(), resource),
    ]))
}

fn policy_of(statements: Vec<Template>) -> Template {
    map(BTreeMap::from([
        ("Version".to_owned(), Template::Lit(json!("2012-10-17"))),
        ("Statement".to_owned(), list(statements)),
    ]))
}

/// What Lambda does in the function's name with a source that it polls.
fn polling(service: &str, arns: BTreeSet<String>) -> Vec<Template> {
    let (actions, lists): (&[&str], Option<&str>) = match service {
        "sqs" => (
            &[
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
            ],
            None,
        ),
        "kinesis" => (
            &[
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:DescribeStream",
                "kinesis:DescribeStreamSummary",
                "kinesis:ListShards",
            ],
            Some("kinesis:ListStreams"),
        ),
        _ => (
            &[
                "dynamodb:DescribeStream",
                "dynamodb:GetRecords",
                "dynamodb:GetShardIterator",
            ],
            Some("dynamodb:ListStreams"),
        ),
    };
    let mut statements = vec![allow(actions, Template::Lit(json!(arns)))];
    statements.extend(lists.map(|action| allow(&[action], json!("*").into())));
    statements
}
