//! The least that grail itself needs in an account, as an IAM policy made from what the resource types name.
//!
//! Each type lists its actions ([`crate::port::Resource::ACTIONS`]); what this file adds is where each action may be used
//! ([`Scope`]) and under which condition. The facts stand in AWS's Service Authorization Reference: an action that knows no
//! resource there (lists, mostly) is allowed on all of them, because IAM would refuse any other statement of it.
//!
//! Names are as narrow as AWS lets them be: functions, roles, rules, layers and log groups carry the application's and stage's
//! name, while APIs and event source mappings have ids that AWS chooses, and buckets, topics, queues and streams belong to
//! others; those that a manifest declares carry the stage's name like a function, and one that is given a `name` of its own is
//! to be added by hand. What was given up: the ids of a stage that exists are not written into its policy, since the next deploy may need
//! another one.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use grail_state::StackId;
use serde_json::{Value, json};

use crate::aws::arn::partition_of;
use crate::resources;

/// What grail calls beside its resource types: which account this is. No policy can forbid it; it stands there for the reader.
const BESIDE: &str = "sts:GetCallerIdentity";

/// What a policy reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// One application and stage, or all.
    pub stack: Option<StackId>,
    /// One region, or all. Topics, certificates and layers may lie in another one in any case.
    pub region: Option<String>,
    /// True for what the things need that a manifest declares (queues, tables, buckets ...), and for that alone: IAM takes no
    /// policy that holds all.
    pub things: bool,
}

/// Where an action is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    /// AWS knows no resource for it.
    Everything,
    Functions,
    Mappings,
    /// Layers that grail publishes.
    Layers,
    /// Layers that functions use: anybody's.
    UsedLayers,
    Roles,
    /// Roles that grail hands to a service.
    PassedRoles,
    /// The role that API Gateway makes for itself at the first domain of an account.
    GatewayRole,
    Gateway,
    Rules,
    LogGroups,
    /// Buckets, whoever made them.
    Buckets,
    /// Buckets that a manifest declares.
    OwnBuckets,
    Objects,
    /// Topics, whoever made them.
    Topics,
    /// Topics that a manifest declares.
    OwnTopics,
    /// Queues, whoever made them.
    Queues,
    /// Queues that a manifest declares.
    OwnQueues,
    /// Kinesis streams, whoever made them.
    Streams,
    /// Kinesis streams that a manifest declares.
    OwnStreams,
    /// Tables that a manifest declares.
    Tables,
    TableStreams,
    /// Event buses that a manifest declares.
    Buses,
    Certificates,
    /// Distributions of edge-optimised domains lie in an account of API Gateway's.
    Distributions,
    Alarms,
}

impl Scope {
    /// True for what a manifest declares besides functions and what calls them.
    fn is_of_things(self) -> bool {
        matches!(
            self,
            Self::OwnBuckets
                | Self::OwnTopics
                | Self::OwnQueues
                | Self::OwnStreams
                | Self::Tables
                | Self::Buses
        )
    }
}

/// Where `action` is used; `None` for an action that stands in no list.
fn scope_of(action: &str) -> Option<Scope> {
    let (service, name) = action.split_once(':')?;
    Some(match (service, name) {
        ("sts", "GetCallerIdentity")
        | ("ec2", "DescribeSecurityGroups" | "DescribeSubnets" | "DescribeVpcs")
        | ("events", "ListRules")
        | ("lambda", "CreateEventSourceMapping" | "ListEventSourceMappings")
        | ("lambda", "ListFunctions" | "ListLayerVersions")
        | ("logs", "DescribeLogGroups")
        | ("sns", "GetSubscriptionAttributes" | "Unsubscribe") => Scope::Everything,
        ("lambda", "GetLayerVersion") => Scope::UsedLayers,
        ("lambda", name) if name.ends_with("LayerVersion") => Scope::Layers,
        ("lambda", name) if name.ends_with("EventSourceMapping") => Scope::Mappings,
        ("lambda", _) => Scope::Functions,
        ("iam", "CreateServiceLinkedRole") => Scope::GatewayRole,
        ("iam", "PassRole") => Scope::PassedRoles,
        ("iam", _) => Scope::Roles,
        ("apigateway", _) => Scope::Gateway,
        ("events", "UntagResource") => Scope::Buses,
        ("events", name) if name.ends_with("EventBus") => Scope::Buses,
        ("events", _) => Scope::Rules,
        ("logs", _) => Scope::LogGroups,
        ("s3", "GetObject" | "GetObjectVersion" | "PutObject") => Scope::Objects,
        ("s3", "GetBucketNotification" | "PutBucketNotification" | "GetBucketLocation") => Scope::Buckets,
        ("s3", _) => Scope::OwnBuckets,
        ("sns", "GetTopicAttributes" | "ListSubscriptionsByTopic" | "Subscribe") => Scope::Topics,
        ("sns", _) => Scope::OwnTopics,
        ("sqs", "GetQueueUrl") => Scope::Queues,
        ("sqs", _) => Scope::OwnQueues,
        ("kinesis", "DescribeStreamSummary") => Scope::Streams,
        ("kinesis", _) => Scope::OwnStreams,
        ("dynamodb", "DescribeStream") => Scope::TableStreams,
        ("dynamodb", _) => Scope::Tables,
        ("acm", _) => Scope::Certificates,
        ("cloudfront", _) => Scope::Distributions,
        ("cloudwatch", "DescribeAlarms") => Scope::Alarms,
        _ => return None,
    })
}

/// True if `action` stands in the policy for the things that a manifest declares, not in the other one.
pub(crate) fn is_of_things(action: &str) -> bool {
    scope_of(action).is_some_and(Scope::is_of_things)
}

/// A policy document that allows what grail needs and no more: without the things that a manifest declares, or for those alone.
pub fn policy(reach: &Reach) -> Value {
    let mut scopes: BTreeMap<Scope, BTreeSet<&str>> = BTreeMap::new();
    for action in resources::actions().into_iter().chain([BESIDE]) {
        let scope = scope_of(action).unwrap_or(Scope::Everything);
        scopes.entry(scope).or_default().insert(action);
    }
    // Rules have these too, and stand in the other policy.
    let tags = ["events:ListTagsForResource", "events:TagResource"];
    scopes.entry(Scope::Buses).or_default().extend(tags);
    let statements: Vec<Value> = scopes
        .iter()
        .filter(|(scope, _)| scope.is_of_things() == reach.things)
        .map(|(scope, actions)| reach.statement(*scope, actions))
        .collect();
    json!({"Version": "2012-10-17", "Statement": statements})
}

impl Reach {
    fn statement(&self, scope: Scope, actions: &BTreeSet<&str>) -> Value {
        let mut statement = json!({
            "Sid": format!("{scope:?}"),
            "Effect": "Allow",
            "Action": actions,
            "Resource": self.resources(scope),
        });
        if let Some(condition) = condition(scope) {
            statement["Condition"] = condition;
        }
        statement
    }

    fn resources(&self, scope: Scope) -> Vec<String> {
        let region = self.region.as_deref().unwrap_or("*");
        let here = |service: &str, path: &str| self.arn(service, region, "*", path);
        let anywhere = |service: &str, path: &str| self.arn(service, "*", "*", path);
        let named = |prefix: &str, service: &str, region: &str| {
            let arn = |name: String| self.arn(service, region, "*", &format!("{prefix}{name}"));
            self.names(scope).into_iter().map(arn).collect()
        };
        match scope {
            Scope::Everything | Scope::Distributions => vec!["*".to_owned()],
            Scope::Functions => named("function:", "lambda", region),
            Scope::Layers => named("layer:", "lambda", region),
            Scope::UsedLayers => vec![anywhere("lambda", "layer:*:*")],
            Scope::Mappings => vec![here("lambda", "event-source-mapping:*")],
            Scope::Roles | Scope::PassedRoles => named("role/", "iam", ""),
            Scope::GatewayRole => vec![self.arn(
                "iam",
                "",
                "*",
                "role/aws-service-role/ops.apigateway.amazonaws.com/*",
            )],
            // Collections and what is in them; tags have paths of their own.
            Scope::Gateway => ["restapis", "apis", "domainnames"]
                .iter()
                .flat_map(|root| [format!("/{root}"), format!("/{root}/*")])
                .chain(["/tags/*".to_owned()])
                .map(|path| self.arn("apigateway", region, "", &path))
                .collect(),
            Scope::Rules => named("rule/", "events", region),
            Scope::LogGroups => named("log-group:/aws/lambda/", "logs", region),
            Scope::Buckets => vec![self.arn("s3", "", "", "*")],
            // The keys of what is uploaded through `GRAIL_CODE_BUCKET`.
            Scope::Objects => match &self.stack {
                Some(stack) => vec![self.arn("s3", "", "", &format!("*/grail/{stack}/*"))],
                None => vec![self.arn("s3", "", "", "*/grail/*")],
            },
            Scope::OwnBuckets => {
                let arn = |name: String| self.arn("s3", "", "", &name);
                self.names(scope).into_iter().map(arn).collect()
            }
            Scope::OwnTopics => named("", "sns", region),
            Scope::OwnQueues => named("", "sqs", region),
            Scope::OwnStreams => named("stream/", "kinesis", region),
            Scope::Tables => named("table/", "dynamodb", region),
            Scope::Buses => named("event-bus/", "events", region),
            Scope::Topics => vec![anywhere("sns", "*")],
            Scope::Queues => vec![here("sqs", "*")],
            Scope::Streams => vec![here("kinesis", "stream/*")],
            Scope::TableStreams => vec![here("dynamodb", "table/*/stream/*")],
            Scope::Certificates => vec![anywhere("acm", "certificate/*")],
            // The alarms of a canary are whose they like.
            Scope::Alarms => vec![here("cloudwatch", "alarm:*")],
        }
    }

    /// What the names of a stack's things look like (`chalice-deployer.md` 2.2): `APP-STAGE` itself, and names that begin
    /// so. What AWS appends to the names of functions and log groups follows a colon.
    fn names(&self, scope: Scope) -> Vec<String> {
        let Some(StackId { app, stage }) = &self.stack else {
            return vec!["*".to_owned()];
        };
        let mut names = vec![format!("{app}-{stage}"), format!("{app}-{stage}-*")];
        if matches!(scope, Scope::Functions | Scope::LogGroups) {
            names.push(format!("{app}-{stage}:*"));
        }
        names
    }

    fn arn(&self, service: &str, region: &str, account: &str, path: &str) -> String {
        let partition = self
            .region
            .as_deref()
            .map_or("aws", |region| partition_of(region).name);
        format!("arn:{partition}:{service}:{region}:{account}:{path}")
    }
}

/// What else must hold: a role is handed to these services only, and no other service is made a role.
fn condition(scope: Scope) -> Option<Value> {
    match scope {
        Scope::PassedRoles => Some(json!({
            "StringEquals": {"iam:PassedToService": ["apigateway.amazonaws.com", "lambda.amazonaws.com"]},
        })),
        Scope::GatewayRole => Some(json!({
            "StringEquals": {"iam:AWSServiceName": "ops.apigateway.amazonaws.com"},
        })),
        _ => None,
    }
}

/// The IAM action that allows `operation` of `service`, which is named as the SDK does or as requests are signed.
///
/// IAM calls most actions like their operation. API Gateway's are the HTTP methods of both its versions, and some of S3's and
/// Lambda's have names of their own (Service Authorization Reference).
pub fn action_of(service: &str, operation: &str) -> String {
    if (service, operation) == ("ApiGatewayV2", "TagResource") {
        return "apigateway:POST".to_owned();
    }
    let service = match service {
        "API Gateway" | "ApiGatewayV2" | "apigatewayv2" => "apigateway".to_owned(),
        "CloudWatch Logs" => "logs".to_owned(),
        "CloudWatch Events" => "events".to_owned(),
        "DynamoDB Streams" | "streams.dynamodb" => "dynamodb".to_owned(),
        other => other.to_ascii_lowercase(),
    };
    let action = match (service.as_str(), operation) {
        ("apigateway", operation) => method_of(operation),
        ("s3", "GetBucketNotificationConfiguration") => "GetBucketNotification",
        ("s3", "PutBucketNotificationConfiguration") => "PutBucketNotification",
        ("s3", "HeadBucket" | "ListObjectsV2") => "ListBucket",
        ("s3", "ListObjectVersions") => "ListBucketVersions",
        ("s3", "GetBucketEncryption") => "GetEncryptionConfiguration",
        ("s3", "PutBucketEncryption") => "PutEncryptionConfiguration",
        ("s3", "GetPublicAccessBlock") => "GetBucketPublicAccessBlock",
        ("s3", "PutPublicAccessBlock") => "PutBucketPublicAccessBlock",
        ("lambda", "GetLayerVersionByArn") => "GetLayerVersion",
        (_, operation) => operation,
    };
    format!("{service}:{action}")
}

fn method_of(operation: &str) -> &'static str {
    let begins = |words: &[&str]| words.iter().any(|word| operation.starts_with(word));
    if begins(&["Get", "Export"]) {
        "GET"
    } else if begins(&["Update"]) {
        "PATCH"
    } else if begins(&["Put", "Reimport", "Tag"]) {
        "PUT"
    } else if begins(&["Delete", "Flush", "Untag"]) {
        "DELETE"
    } else {
        "POST"
    }
}
