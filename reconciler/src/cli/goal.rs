//! How `plan` and `deploy` begin: the terms on which they plan, a stage connected to its account, and the project read beside
//! the look at what is there.

use std::collections::BTreeSet;

use grail_state::DesiredState;
use serde::{Deserialize, Serialize};

use super::args::WishArgs;
use super::commands::local_cloud;
use super::pass::{Connected, Connection, Pass};
use super::refusal::Refusal;
use super::revisions;
use super::settings::Settings;
use super::wish::{self, Remarks, Sources};
use crate::plan::Consent;
use crate::source::chalice::config::Overrides;

/// What shapes a plan beside the project and the account: a saved plan is carried out on the terms on which it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Terms {
    /// Existing things to adopt without proof.
    pub adopt: BTreeSet<String>,
    /// The resources that are planned for; empty for all.
    pub target: BTreeSet<String>,
    /// Whether what cannot change in place may be deleted and made anew.
    pub allow_replace: bool,
    /// What the protection is given up of.
    pub unprotect: BTreeSet<String>,
    /// Whether what others have added to things of the stage goes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub prune_foreign: bool,
    /// Whether the IAM policy is generated; `None` for what the configuration says.
    pub autogen_policy: Option<bool>,
    /// The name of the API Gateway stage; `None` for what the configuration says.
    pub api_gateway_stage: Option<String>,
}

impl From<&WishArgs> for Terms {
    fn from(args: &WishArgs) -> Self {
        Self {
            adopt: args.adopt.iter().cloned().collect(),
            target: args.target.iter().cloned().collect(),
            allow_replace: args.allow_replace,
            unprotect: args.unprotect.iter().cloned().collect(),
            prune_foreign: args.prune_foreign,
            autogen_policy: args.autogen(),
            api_gateway_stage: args.api_gateway_stage.clone(),
        }
    }
}

impl Terms {
    /// What the planner may do.
    pub fn consent(&self) -> Consent {
        Consent {
            adopt: self.adopt.clone(),
            only: self.target.clone(),
            replace: self.allow_replace,
            prune: self.prune_foreign,
            ..Consent::default()
        }
    }

    fn overrides(&self) -> Overrides {
        Overrides {
            autogen_policy: self.autogen_policy,
            api_gateway_stage: self.api_gateway_stage.clone(),
            profile: None,
        }
    }
}

/// A stage of a project, connected to its account, before the project is read.
pub struct Goal {
    /// The stage and its account.
    pub connected: Connected,
    sources: Sources,
}

impl Goal {
    /// Reads the configuration on these terms and connects; with `--local`, starts the local cloud.
    ///
    /// # Errors
    /// What is wrong with the configuration, and what keeps the account from being reached.
    pub async fn begin(
        settings: &Settings,
        terms: &Terms,
        how: Connection,
        remarks: &Remarks,
    ) -> Result<Self, Refusal> {
        let sources = wish::sources(settings, &terms.overrides(), remarks)?;
        let port = if settings.local {
            Some(local_cloud::up(settings).await?.port)
        } else {
            None
        };
        let how = Connection { port, ..how };
        let connected = Connected::to(settings, sources.app_name(), how).await?;
        Ok(Self { connected, sources })
    }

    /// Reads the project while `pass` looks at what is recorded; answers what is wanted.
    ///
    /// # Errors
    /// What is wrong with the project (told before what could not be seen).
    pub async fn read(
        &self,
        pass: &mut Pass<'_>,
        settings: &Settings,
        remarks: &Remarks,
    ) -> Result<DesiredState, Refusal> {
        let (seen, desired) = tokio::join!(pass.session.observe_recorded(), self.wanted(settings, remarks));
        let desired = desired?;
        seen?;
        Ok(desired)
    }

    /// Reads the project alone; answers what is wanted.
    ///
    /// # Errors
    /// What is wrong with the project; a zip in a bucket that is not there.
    pub async fn wanted(&self, settings: &Settings, remarks: &Remarks) -> Result<DesiredState, Refusal> {
        let stage = &self.connected.stage;
        let (sources, artifacts) = (self.sources.clone(), &*stage.artifacts);
        let wish = wish::read(settings, sources, artifacts, &stage.keys.digester, remarks).await?;
        let cloud = &self.connected.cloud;
        let mut desired = wish.lower(&cloud.account())?;
        revisions::settle(&mut desired, &cloud.context).await?;
        Ok(desired)
    }
}
