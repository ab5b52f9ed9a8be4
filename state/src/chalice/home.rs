//! Whose the file's things are: in which account and region they lie, and which application's they are.

use super::Deployed;
use crate::id::StackId;
use crate::snapshot::Home;

/// The keys whose ARN is of a thing that Chalice makes, and so lies where the stack lies. Topics, queues, streams and
/// certificates may lie elsewhere, and with them the ARNs of subscriptions.
const OWN_ARNS: [&str; 3] = ["role_arn", "lambda_arn", "layer_version_arn"];

/// Where an ARN says that its thing is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The name of the entry.
    pub entry: String,
    /// The account, where the ARN names one.
    pub account: Option<String>,
    /// The region, where the ARN names one: roles have none.
    pub region: Option<String>,
}

/// The file describes things in another account or region than the current ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is recorded in {}, and the current account and region are {} and {}",
    .recorded.entry, in_words(.recorded), .current.account, .current.region
)]
pub struct OtherHome {
    /// The first entry that lies elsewhere.
    pub recorded: Place,
    /// Where we are.
    pub current: Home,
}

/// The file describes the functions of another application: the project was copied together with the record of the first one,
/// whose API, roles and rules it names, or was renamed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{entry}` is recorded as the function {function}, and the functions of this stage are called {stack}"
)]
pub struct OtherApp {
    /// The first entry of another application.
    pub entry: String,
    /// Its function.
    pub function: String,
    /// Who we are.
    pub stack: StackId,
}

fn in_words(place: &Place) -> String {
    match (&place.account, &place.region) {
        (Some(account), Some(region)) => format!("account {account} and region {region}"),
        (Some(account), None) => format!("account {account}"),
        (None, Some(region)) => format!("region {region}"),
        (None, None) => "no account".to_owned(),
    }
}

impl Deployed {
    /// The accounts and regions of the file's own things, in its order.
    pub fn places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        for entry in &self.entries {
            let arns = entry
                .keys
                .iter()
                .filter(|(key, _)| OWN_ARNS.contains(&key.as_str()))
                .filter_map(|(_, value)| value.as_str());
            for arn in arns {
                // arn:<partition>:<service>:<region>:<account>:<the rest>
                let parts: Vec<_> = arn.splitn(6, ':').collect();
                if let ["arn", _, _, region, account, _] = parts.as_slice() {
                    let named = |part: &str| (!part.is_empty()).then(|| part.to_owned());
                    places.push(Place {
                        entry: entry.name.clone(),
                        account: named(account),
                        region: named(region),
                    });
                }
            }
        }
        places
    }

    /// Refuses a file whose things lie in another account or region.
    ///
    /// # Errors
    /// [`OtherHome`], with both.
    pub fn check_home(&self, current: &Home) -> Result<(), OtherHome> {
        let elsewhere = |place: &Place| {
            let differs =
                |named: &Option<String>, ours: &String| named.as_ref().is_some_and(|named| named != ours);
            differs(&place.account, &current.account) || differs(&place.region, &current.region)
        };
        match self.places().into_iter().find(elsewhere) {
            None => Ok(()),
            Some(recorded) => Err(OtherHome {
                recorded,
                current: current.clone(),
            }),
        }
    }

    /// Refuses a file whose functions are another application's or another stage's. Chalice calls every function of a stage
    /// `<app>-<stage>`, or so with a part more (`chalice-deployer.md` 2.2); who takes such a file for its own takes over or
    /// deletes what others run (issue 603 of Chalice).
    ///
    /// # Errors
    /// [`OtherApp`], with the first.
    pub fn check_owner(&self, stack: &StackId) -> Result<(), OtherApp> {
        let name = stack.to_string();
        let ours = |function: &str| {
            let rest = function.strip_prefix(&name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        for entry in self
            .entries
            .iter()
            .filter(|entry| entry.resource_type == "lambda_function")
        {
            let arn = entry.get("lambda_arn").and_then(|arn| arn.as_str());
            let Some(function) = arn.and_then(|arn| arn.split(':').nth(6)) else {
                continue;
            };
            if !ours(function) {
                return Err(OtherApp {
                    entry: entry.name.clone(),
                    function: function.to_owned(),
                    stack: stack.clone(),
                });
            }
        }
        Ok(())
    }
}
