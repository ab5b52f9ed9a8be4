//! A make-believe cloud on tokio's clock (pause it), with one model kind for each real kind: the engine's tests run on it,
//! and the simulator.
//!
//! A model kind makes as many writes for an operation as the real one, has the same rule of identity, the same class of
//! undelete and the same asynchronous states; its forms are the real ones without what no rule of the engine depends on. It
//! goes through [`Resource`](crate::port::Resource) and [`erase`], so that the port is used as the real kinds use
//! it.
//!
//! Every write can be told to fail in every way ([`Fault`]); one seed repeats a run.
//!
//! # What it does not model
//! Quotas of calls per second and stale reads.

use std::sync::Arc;

use grail_state::digest::Digester;

use crate::port::{Catalog, erase};

mod api;
mod cloud;
mod function;
mod group;
mod permission;
mod physics;
mod role;
mod stage;
mod twice;
mod world;

pub use cloud::Cloud;
pub use physics::{Fault, Logged, Physics};
pub use twice::{Twice, twice};
pub use world::{Api, Deployment, Function, Role, Stage, World};

/// The tag by which a function names its application and stage, as Chalice writes it.
pub const OWNER_TAG: &str = "aws-chalice";

/// A catalogue of all model kinds over one cloud.
pub fn catalog(cloud: &Cloud, digester: &Arc<Digester>) -> Catalog {
    Catalog::new([
        erase(role::ModelRole(cloud.clone()), Arc::clone(digester)),
        erase(function::ModelFunction(cloud.clone()), Arc::clone(digester)),
        erase(permission::ModelPermission(cloud.clone()), Arc::clone(digester)),
        erase(group::ModelGroup(cloud.clone()), Arc::clone(digester)),
        erase(api::ModelApi(cloud.clone()), Arc::clone(digester)),
        erase(stage::ModelStage(cloud.clone()), Arc::clone(digester)),
    ])
}
