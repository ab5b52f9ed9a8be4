//! The types of AWS resources, one file each. To add one, write its file and add it to the list below.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use grail_state::Kind;
use grail_state::digest::Digester;

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

        /// What looking at each of them costs.
        pub fn reads() -> BTreeMap<Kind, Cost> {
            BTreeMap::from([$((<$module::$name as Resource>::KIND, <$module::$name as Resource>::READS),)+])
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
