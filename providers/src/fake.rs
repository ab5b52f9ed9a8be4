//! A make-believe cloud on tokio's clock (pause it), with one model kind for each real kind: the engine's tests run on it,
//! and the simulator.
//!
//! A model kind makes as many writes for an operation as the real one, has the same rule of identity, the same class of
//! undelete and the same asynchronous states; its forms are the real ones without what no rule of the engine depends on. It
//! goes through [`Resource`](crate::port::Resource) and [`erase`], so that the port is used as the real kinds use
//! it.
//!
//! Every call can be told to fail in every way ([`Fault`]); reads show what was there a moment ago, roles take their time
//! and dead callers' requests arrive where [`Physics`] says so; others come by between any two calls ([`Cloud::beside`]).
//! One seed repeats a run.
//!
//! # What it does not model
//! Quotas of calls per second are kept only where they are asked for ([`Cloud::with_quotas`]). What a write checks, it
//! checks against what is there now: of the services, only the freshness of a role is modelled as something that a write
//! does not know yet.

use std::sync::Arc;

use grail_state::digest::Digester;

use crate::port::{Catalog, erase};

mod alias;
mod api;
mod cloud;
mod domain;
mod function;
mod group;
mod layer;
mod look;
mod mapping;
mod notification;
mod past;
mod permission;
mod physics;
mod pointer;
mod quota;
mod role;
mod rule;
mod socket;
mod stage;
mod subscription;
mod twice;
mod url;
mod world;

pub use cloud::Cloud;
pub use physics::{Fault, Logged, Physics};
pub use quota::operation;
pub use twice::{Twice, twice};
pub use world::{
    Alias, Api, Bucket, Deployment, Domain, Entry, Function, Integration, Layer, Mapping, Notifications,
    Pointer, Role, Rule, Socket, Stage, Stages, Subscription, Thing, Url, World, function_arn,
};

/// The tag by which a function names its application and stage, as Chalice writes it.
pub const OWNER_TAG: &str = "aws-chalice";

/// A catalogue of all model kinds over one cloud.
pub fn catalog(cloud: &Cloud, digester: &Arc<Digester>) -> Catalog {
    macro_rules! models {
        ($($model:expr),+ $(,)?) => { Catalog::new([$(erase($model, Arc::clone(digester)),)+]) };
    }
    models![
        role::ModelRole(cloud.clone()),
        function::ModelFunction(cloud.clone()),
        layer::ModelLayer(cloud.clone()),
        permission::ModelPermission(cloud.clone()),
        group::ModelGroup(cloud.clone()),
        api::ModelApi(cloud.clone()),
        socket::ModelSocket(cloud.clone()),
        domain::ModelDomain(cloud.clone()),
        pointer::ModelPointer(cloud.clone()),
        notification::ModelNotification(cloud.clone()),
        subscription::ModelSubscription(cloud.clone()),
        mapping::ModelMapping(cloud.clone()),
        url::ModelUrl(cloud.clone()),
        alias::ModelAlias(cloud.clone()),
        rule::ModelRule(cloud.clone()),
        stage::ModelStage::<stage::Rest>::new(cloud),
        stage::ModelStage::<stage::WebSocket>::new(cloud),
    ]
}
