//! The types of AWS resources, one file each. To add one, write its file and add it to the list below.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use grail_state::Kind;
use grail_state::chalice::Wires;
use grail_state::digest::Digester;
use serde_json::Value;

use crate::aws::Context;
use crate::port::{Catalog, Cost, Resource, erase};

mod declared;
mod packages;

/// Declares the modules and makes the catalogue of their types.
macro_rules! resources {
    ($($module:ident::$name:ident),+ $(,)?) => {
        $(pub mod $module;)+

        /// Every AWS resource type. `digester` hides the secrets of their forms.
        pub fn catalog(context: Arc<Context>, digester: Arc<Digester>) -> Catalog {
            Catalog::new([
                $(erase($module::$name::new(Arc::clone(&context)), Arc::clone(&digester)),)+
            ])
        }

        /// How each of them appears in Chalice's file.
        pub fn wires() -> Wires {
            let all = [$((<$module::$name as Resource>::KIND, <$module::$name as Resource>::WIRES),)+];
            all.into_iter().filter(|(_, wires)| !wires.is_empty()).collect()
        }

        /// The short physical name of a resource in this form, by which people know it; no call is made for it.
        pub fn label(kind: &Kind, form: &Value) -> Option<String> {
            $(if *kind == <$module::$name as Resource>::KIND {
                return <$module::$name as Resource>::label(form);
            })+
            None
        }

        /// What looking at each of them costs.
        pub fn reads() -> BTreeMap<Kind, Cost> {
            BTreeMap::from([$((<$module::$name as Resource>::KIND, <$module::$name as Resource>::READS),)+])
        }

        /// Those whose physical name is fixed by the wish.
        pub fn name_bound() -> BTreeSet<Kind> {
            let all = [$((<$module::$name as Resource>::KIND, <$module::$name as Resource>::NAME_BOUND),)+];
            all.into_iter().filter(|(_, bound)| *bound).map(|(kind, _)| kind).collect()
        }

        /// The IAM actions that each of them needs.
        pub fn actions_by_kind() -> BTreeMap<Kind, &'static [&'static str]> {
            BTreeMap::from([$((<$module::$name as Resource>::KIND, <$module::$name as Resource>::ACTIONS),)+])
        }
    };
}

resources! {
    api_mapping::ApiMapping,
    api_stage::ApiStage,
    custom_domain::CustomDomain,
    dynamodb_table::DynamodbTable,
    event_bus::EventBus,
    event_rule::EventRule,
    event_source_mapping::EventSourceMapping,
    function_url::FunctionUrl,
    iam_role::IamRole,
    kinesis_stream::KinesisStream,
    lambda_alias::LambdaAlias,
    lambda_function::LambdaFunction,
    lambda_layer::LambdaLayer,
    lambda_permission::LambdaPermission,
    lambda_version::LambdaVersion,
    log_group::LogGroup,
    provisioned_concurrency::ProvisionedConcurrency,
    rest_api::RestApi,
    s3_bucket::S3Bucket,
    s3_notification::S3Notification,
    sns_subscription::SnsSubscription,
    sns_topic::SnsTopic,
    sqs_queue::SqsQueue,
    websocket_api::WebsocketApi,
    websocket_stage::WebsocketStage,
}

/// The IAM actions that all of them need together.
pub fn actions() -> BTreeSet<&'static str> {
    actions_by_kind().into_values().flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use grail_state::{Digester, Handle, Template};
    use serde_json::json;

    use super::*;
    use crate::aws::testing::Canned;
    use crate::port::Access;
    use crate::port::Undelete::{Close, Exact, Never};

    /// Whether a deletion can be taken back decides on which side of the commit it stands: one in the wrong class would lose an
    /// id for ever. Beside it, whether the thing is found again by a name that others may take.
    #[test]
    fn deletions_are_held_by_class() {
        let context = Canned::new([]).context();
        let catalog = catalog(context, Arc::new(Digester::new([0; 32])));
        let stands: BTreeMap<_, _> = catalog
            .iter()
            .map(|one| (one.kind().to_string(), (one.undelete(), one.name_bound())))
            .collect();
        let expected = [
            ("api_mapping", (Exact, false)),
            ("api_stage", (Exact, false)),
            ("custom_domain", (Never, false)),
            ("dynamodb_table", (Never, true)),
            ("event_bus", (Never, true)),
            ("event_rule", (Exact, true)),
            ("event_source_mapping", (Never, false)),
            ("function_url", (Never, true)),
            ("iam_role", (Close, true)),
            ("kinesis_stream", (Never, true)),
            ("lambda_alias", (Close, true)),
            ("lambda_function", (Close, true)),
            ("lambda_layer", (Never, false)),
            ("lambda_permission", (Exact, true)),
            ("lambda_version", (Never, false)),
            ("log_group", (Exact, true)),
            ("provisioned_concurrency", (Exact, false)),
            ("rest_api", (Never, false)),
            ("s3_bucket", (Never, true)),
            ("s3_notification", (Exact, true)),
            ("sns_subscription", (Exact, false)),
            ("sns_topic", (Never, true)),
            ("sqs_queue", (Never, true)),
            ("websocket_api", (Never, false)),
            ("websocket_stage", (Exact, false)),
        ];
        assert_eq!(
            stands,
            expected.map(|(kind, stands)| (kind.to_owned(), stands)).into()
        );
    }

    /// Which forms say who may do what: what is not told here broadens without a word.
    #[test]
    fn who_may_do_what_is_said_by_these_forms() {
        let context = Canned::new([]).context();
        let catalog = catalog(context, Arc::new(Digester::new([0; 32])));
        let says: BTreeMap<_, _> = catalog
            .iter()
            .map(|one| (one.kind().to_string(), one.access()))
            .filter(|(_, access)| *access != Access::None)
            .collect();
        let expected = [
            ("function_url", Access::Url),
            ("iam_role", Access::Role),
            ("lambda_function", Access::Runs),
            ("lambda_permission", Access::Invocation),
            ("rest_api", Access::Routes),
        ];
        assert_eq!(
            says,
            expected.map(|(kind, access)| (kind.to_owned(), access)).into()
        );
    }

    /// What may be removed of what others have added, in the words of a look, may be what a form defines, or a thing of a kind
    /// of its own.
    #[test]
    fn what_was_an_addition_may_be_ours_by_now() {
        let context = Canned::new([]).context();
        let catalog = catalog(context, Arc::new(Digester::new([0; 32])));
        let rules = |kind: &str| {
            let mut all = catalog.iter();
            Arc::clone(all.find(|one| one.kind().as_str() == kind).unwrap())
        };
        let role = json!({"name": "r", "trust": {}, "policies": {"main": {}}});
        let definition = json!({
            "info": {"title": "a"},
            "paths": {"/items/{id}": {"get": {}, "x-amazon-apigateway-any-method": {}}},
            "components": {"schemas": {"Item": {}}, "securitySchemes": {"gate": {}}},
            "x-amazon-apigateway-gateway-responses": {"DEFAULT_4XX": {}},
            "x-amazon-apigateway-request-validators": {"all": {}},
        });
        let api = json!({"name": "a", "endpoint_type": "EDGE", "definition": definition});
        let socket =
            json!({"name": "w", "routes": {"$connect": {"function": "f", "description": "connect"}}});
        for (kind, form, ours, theirs) in [
            (
                "iam_role",
                role,
                &["inline policy main"][..],
                &["inline policy other", "attached policy main"][..],
            ),
            (
                "rest_api",
                api,
                &[
                    "method GET /items/{id}",
                    "method ANY /items/{id}",
                    "resource without methods /items",
                    "resource without methods /items/{id}",
                    "model Item",
                    "authorizer gate",
                    "gateway response DEFAULT_4XX",
                    "request validator all",
                ],
                &[
                    "method POST /items/{id}",
                    "method GET /items",
                    "resource without methods /item",
                    "model gate",
                    "stage v1",
                ],
            ),
            (
                "websocket_api",
                socket,
                &["route $connect"],
                &["route $default", "stage v1", "authorizer $connect (a1)"],
            ),
        ] {
            let (rules, wanted) = (rules(kind), Template::from_value(form));
            rules.check(&wanted).unwrap();
            for child in ours {
                assert!(
                    rules.defines(&wanted, child) && rules.prunes(child),
                    "{kind}: {child}"
                );
            }
            for child in theirs {
                assert!(
                    !rules.defines(&wanted, child) && rules.prunes(child),
                    "{kind}: {child}"
                );
            }
        }
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:f";
        for (kind, handle, child, thing) in [
            ("rest_api", "a1", "stage v1", "api_stage a1/v1"),
            ("websocket_api", "w1", "stage v1", "websocket_stage w1/v1"),
            ("lambda_function", arn, "statement s", "lambda_permission f/s"),
            ("lambda_function", arn, "URL of $LATEST", "function_url f"),
            ("lambda_function", arn, "URL of live", "function_url f:live"),
            (
                "lambda_function",
                arn,
                "statement FunctionURLAllowPublicAccess",
                "function_url f",
            ),
            (
                "lambda_function",
                arn,
                "event source mapping u (arn:q)",
                "event_source_mapping u",
            ),
            (
                "lambda_function",
                arn,
                "alias live",
                "lambda_alias arn:aws:lambda:eu-west-1:123456789012:function:f:live",
            ),
            (
                "lambda_function",
                arn,
                "provisioned concurrency of live",
                "provisioned_concurrency f:live",
            ),
            (
                "custom_domain",
                "d.example",
                "mapping of /v1/x to a1/v1",
                "api_mapping d.example/v1/x",
            ),
        ] {
            let (of, named) = rules(kind).child(&Handle(handle.to_owned()), child).unwrap();
            assert_eq!(format!("{of} {named}"), thing);
            assert!(rules(kind).prunes(child), "{child}");
        }
        assert_eq!(
            rules("lambda_function").child(&Handle(arn.to_owned()), "URL of live"),
            None
        );
    }
}
