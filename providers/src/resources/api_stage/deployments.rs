//! The deployments of an API: which definition each of ours is of, which is the newest, and which have had their day.

use aws_sdk_apigateway::types::Deployment;

use super::ApiStage;
use crate::aws::Outcome;
use crate::port::Failure;
use crate::resources::rest_api::mark::Mark;

/// How many of our deployments stay besides the one in use and the one before it.
pub const KEPT: usize = 5;
const PAGE: i32 = 500;

/// A deployment of our making.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::resources) struct Marked {
    pub(in crate::resources) id: String,
    /// The digest of its definition.
    pub(in crate::resources) digest: String,
    /// Seconds since 1970, by API Gateway's clock.
    made: f64,
}

impl Marked {
    /// The deployment `id`, made at `made`, if its description bears our mark.
    pub(in crate::resources) fn new(id: String, description: &str, made: f64) -> Option<Self> {
        let digest = Mark::read(description)?.digest;
        Some(Self { id, digest, made })
    }

    fn read(deployment: &Deployment) -> Option<Self> {
        Self::new(
            deployment.id.clone()?,
            deployment.description.as_deref()?,
            made(deployment),
        )
    }

    /// Brings the newest to the front.
    pub(in crate::resources) fn sort(all: &mut [Self]) {
        all.sort_by(|one, other| {
            other
                .made
                .total_cmp(&one.made)
                .then_with(|| one.id.cmp(&other.id))
        });
    }
}

fn made(deployment: &Deployment) -> f64 {
    deployment.created_date.map_or(0.0, |date| date.as_secs_f64())
}

/// The deployments of an API.
#[derive(Debug, PartialEq)]
pub(super) struct Deployments {
    /// The newest of all, if it bears our mark.
    pub(super) newest: Option<Marked>,
    /// Ours, newest first.
    pub(super) ours: Vec<Marked>,
}

impl Deployments {
    /// API Gateway tells whole seconds: of two of the same second that of others counts as the newer one.
    fn sorted(all: &[Deployment]) -> Self {
        let mut ours: Vec<_> = all.iter().filter_map(Marked::read).collect();
        Marked::sort(&mut ours);
        let theirs = all.iter().filter(|one| Marked::read(one).is_none());
        let theirs = theirs.map(made).max_by(f64::total_cmp);
        let newest = ours
            .first()
            .filter(|one| theirs.is_none_or(|theirs| theirs < one.made));
        Self {
            newest: newest.cloned(),
            ours,
        }
    }
}

impl ApiStage {
    /// The definition that `deployment` is of: a digest, or a text that no wish equals.
    pub(super) async fn definition_of(&self, api: &str, deployment: &str) -> Result<String, Failure> {
        let client = self.context.clients.apigateway.read();
        let asked = client.get_deployment().rest_api_id(api).deployment_id(deployment);
        let found = asked.send().await.found("apigateway:GET")?;
        let description = found.and_then(|found| found.description).unwrap_or_default();
        Ok(Mark::read(&description).map_or_else(|| format!("deployment {deployment}"), |mark| mark.digest))
    }

    pub(super) async fn deployments(&self, api: &str) -> Result<Deployments, Failure> {
        let client = self.context.clients.apigateway.read();
        let (mut all, mut position) = (Vec::new(), None);
        loop {
            let request = client.get_deployments().rest_api_id(api).limit(PAGE);
            let answer = request.set_position(position).send().await;
            let page = answer.read("apigateway:GET")?;
            all.extend(page.items.unwrap_or_default());
            match page.position {
                Some(next) => position = Some(next),
                None => break,
            }
        }
        Ok(Deployments::sorted(&all))
    }

    /// Removes those that have had their day. What cannot be removed stays: API Gateway refuses to take away a deployment
    /// that another stage shows, and the next change tries again.
    pub(super) async fn retire(&self, api: &str, known: Vec<Marked>, in_use: &[&str]) {
        for old in retired(known, in_use) {
            let sent = self.context.clients.apigateway.write().delete_deployment();
            let answer = sent.rest_api_id(api).deployment_id(&old.id).send().await;
            if let Err(failure) = answer.gone("apigateway:DELETE") {
                tracing::debug!(
                    deployment = old.id,
                    why = failure.chain(),
                    "an old deployment stays"
                );
            }
        }
    }
}

/// Those of `known` (newest first) that are neither in use nor among the newest.
pub(in crate::resources) fn retired(known: Vec<Marked>, in_use: &[&str]) -> Vec<Marked> {
    let free = known.into_iter().filter(|one| !in_use.contains(&one.id.as_str()));
    free.skip(KEPT).collect()
}
