//! The types of AWS resources, one file each. To add one, write its file and add it to the list below.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use grail_state::Kind;
use grail_state::chalice::Wires;
use grail_state::digest::Digester;
use serde_json::Value;

use crate::aws::Context;
use crate::port::{Catalog, Cost, Resource, erase};

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
    event_rule::EventRule,
    event_source_mapping::EventSourceMapping,
    function_url::FunctionUrl,
    iam_role::IamRole,
    lambda_function::LambdaFunction,
    lambda_layer::LambdaLayer,
    lambda_permission::LambdaPermission,
    log_group::LogGroup,
    rest_api::RestApi,
    s3_notification::S3Notification,
    sns_subscription::SnsSubscription,
    websocket_api::WebsocketApi,
    websocket_stage::WebsocketStage,
}

/// The IAM actions that all of them need together.
pub fn actions() -> BTreeSet<&'static str> {
    actions_by_kind().into_values().flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use grail_state::Digester;

    use super::*;
    use crate::aws::testing::Canned;
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
            ("event_rule", (Exact, true)),
            ("event_source_mapping", (Never, false)),
            ("function_url", (Never, true)),
            ("iam_role", (Close, true)),
            ("lambda_function", (Close, true)),
            ("lambda_layer", (Never, false)),
            ("lambda_permission", (Exact, true)),
            ("log_group", (Exact, true)),
            ("rest_api", (Never, false)),
            ("s3_notification", (Exact, true)),
            ("sns_subscription", (Exact, false)),
            ("websocket_api", (Never, false)),
            ("websocket_stage", (Exact, false)),
        ];
        assert_eq!(
            stands,
            expected.map(|(kind, stands)| (kind.to_owned(), stands)).into()
        );
    }
}
