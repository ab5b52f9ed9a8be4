//! What others have given a role of ours: inline policies that its form does not name, and attached ones.

use serde_json::Value;

use super::IamRole;
use crate::aws::Outcome;
use crate::aws::outcome::Sequence;
use crate::port::{Examined, Failure};

pub(super) const INLINE: &str = "inline policy ";
pub(super) const ATTACHED: &str = "attached policy ";

impl IamRole {
    /// Looks for both: two calls for a role.
    pub(super) async fn others(&self, role: &str, spec: &Value) -> Examined {
        let ours = spec.get("policies").and_then(Value::as_object);
        let (inline, attached) = futures::join!(self.policy_names(role), self.attached(role));
        let mut found = Examined::default();
        found.add(inline.map(|names| {
            let others = names.into_iter();
            let others = others.filter(|name| ours.is_none_or(|ours| !ours.contains_key(name)));
            others.map(|name| format!("{INLINE}{name}")).collect()
        }));
        found.add(attached.map(|arns| arns.iter().map(|arn| format!("{ATTACHED}{arn}")).collect()));
        found
    }

    /// Removes additions.
    pub(super) async fn prune_others(&self, role: &str, children: &[String]) -> Result<(), Failure> {
        let mut requests = Sequence::default();
        for child in children {
            let removed = if let Some(name) = child.strip_prefix(INLINE) {
                self.remove(role, name).await
            } else if let Some(arn) = child.strip_prefix(ATTACHED) {
                let call = self.write().detach_role_policy().role_name(role).policy_arn(arn);
                call.send().await.gone("iam:DetachRolePolicy")
            } else {
                Ok(())
            };
            requests.step(removed)?;
        }
        Ok(())
    }
}
