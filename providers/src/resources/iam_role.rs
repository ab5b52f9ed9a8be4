//! An IAM role with its inline policies.
//!
//! Calls to look: `GetRole`, then `GetRolePolicy` for each policy that we name. To make: `CreateRole`, then `PutRolePolicy`
//! for each. IAM publishes no quotas for them. A fresh role is not usable by Lambda for some seconds; this kind does not
//! wait for that, since the refusal of `CreateFunction` says precisely when it is over.
//!
//! Identity: the name proves nothing, so a role bears the tag `grail` with the attempt that made it. Documents are compared
//! by meaning ([`crate::policy`]), which lets a role that Chalice made be adopted without a write.
//!
//! Only the inline policies that the form names are ours. Others are left alone by an update; a deletion removes them all,
//! because IAM deletes no role that has any. What they were is not kept, and the role's unique id is lost for good: a
//! deletion can be taken back closely, not exactly.

mod others;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_iam::types::{Role, Tag};
use futures::future::try_join_all;
use grail_state::{Digester, Handle, Kind, Proof, StepToken, Wire};
use percent_encoding::percent_decode_str;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::outcome::{Sequence, Verdict, failure, verdict};
use crate::aws::{Context, Outcome};
use crate::policy::{has_hidden_values, projected};
use crate::port::{
    Access, Birth, Change, Cost, Examined, Failure, Invalid, Kin, Locator, Removal, Resource, Secured, Seen,
    Sight, Undelete,
};

/// The tag that carries the attempt.
const MARK: &str = "grail";

/// A role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Its name, of at most 64 characters.
    pub name: String,
    /// Who may assume it: a policy document.
    pub trust: Value,
    /// Its inline policies: documents by name.
    #[serde(default)]
    pub policies: BTreeMap<String, Value>,
    /// The ARN of the policy beyond which nothing is allowed whatever the others say; empty for none. A role of Chalice has
    /// no word on it, and it is then left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<String>,
}

/// The resource type.
#[derive(Debug)]
pub struct IamRole {
    context: Arc<Context>,
}

impl IamRole {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    fn read(&self) -> &aws_sdk_iam::Client {
        self.context.clients.iam.read()
    }

    fn write(&self) -> &aws_sdk_iam::Client {
        self.context.clients.iam.write()
    }

    async fn look(&self, name: &str, policies: Option<BTreeSet<String>>) -> Result<Sight<Spec>, Failure> {
        let Some(role) = self.role(name).await? else {
            return Ok(None);
        };
        let names = match policies {
            Some(names) => names,
            None => self.policy_names(name).await?,
        };
        let documents = try_join_all(names.into_iter().map(|policy| self.policy(name, policy))).await?;
        let trust = document("iam:GetRole", role.assume_role_policy_document().unwrap_or("{}"))?;
        let spec = Spec {
            name: role.role_name.clone(),
            trust,
            policies: documents.into_iter().flatten().collect(),
            boundary: Some(boundary_of(&role)),
        };
        Ok(Some(Seen {
            handle: Handle(role.role_name.clone()),
            outputs: outputs(&role.arn, &role.role_name),
            proof: proof(&role),
            spec,
            additions: Vec::new(),
        }))
    }

    async fn role(&self, name: &str) -> Result<Option<Role>, Failure> {
        let answer = self
            .read()
            .get_role()
            .role_name(name)
            .send()
            .await
            .found("iam:GetRole")?;
        Ok(answer.and_then(|answer| answer.role))
    }

    async fn policy_names(&self, role: &str) -> Result<BTreeSet<String>, Failure> {
        let mut names = BTreeSet::new();
        let mut marker = None;
        loop {
            let request = self
                .read()
                .list_role_policies()
                .role_name(role)
                .set_marker(marker);
            let Some(page) = request.send().await.found("iam:ListRolePolicies")? else {
                return Ok(names);
            };
            names.extend(page.policy_names);
            match page.marker.filter(|_| page.is_truncated) {
                Some(next) => marker = Some(next),
                None => return Ok(names),
            }
        }
    }

    async fn attached(&self, role: &str) -> Result<BTreeSet<String>, Failure> {
        let mut arns = BTreeSet::new();
        let mut marker = None;
        loop {
            let request = self
                .read()
                .list_attached_role_policies()
                .role_name(role)
                .set_marker(marker);
            let Some(page) = request.send().await.found("iam:ListAttachedRolePolicies")? else {
                return Ok(arns);
            };
            let policies = page.attached_policies.unwrap_or_default();
            arns.extend(policies.into_iter().filter_map(|policy| policy.policy_arn));
            match page.marker.filter(|_| page.is_truncated) {
                Some(next) => marker = Some(next),
                None => return Ok(arns),
            }
        }
    }

    async fn policy(&self, role: &str, name: String) -> Result<Option<(String, Value)>, Failure> {
        let answer = self
            .read()
            .get_role_policy()
            .role_name(role)
            .policy_name(&name)
            .send()
            .await
            .found("iam:GetRolePolicy")?;
        answer
            .map(|answer| Ok((name, document("iam:GetRolePolicy", &answer.policy_document)?)))
            .transpose()
    }

    /// Puts one policy. A role that was made a moment ago may not be visible everywhere yet.
    async fn put(&self, role: &str, name: &str, policy: &Value) -> Result<(), Failure> {
        let answer = self
            .write()
            .put_role_policy()
            .role_name(role)
            .policy_name(name)
            .policy_document(text(policy))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) => {
                let unseen = verdict(&error) == Verdict::NotFound;
                let failed = failure("iam:PutRolePolicy", error);
                Err(if unseen { await_role(failed) } else { failed })
            }
        }
    }

    /// Sets the boundary, or takes it away.
    async fn bound(&self, role: &str, arn: &str) -> Result<(), Failure> {
        if arn.is_empty() {
            let call = self.write().delete_role_permissions_boundary().role_name(role);
            return call.send().await.gone("iam:DeleteRolePermissionsBoundary");
        }
        let call = self.write().put_role_permissions_boundary().role_name(role);
        let answer = call.permissions_boundary(arn).send().await;
        answer.wrote("iam:PutRolePermissionsBoundary").map(|_| ())
    }

    async fn remove(&self, role: &str, policy: &str) -> Result<(), Failure> {
        self.write()
            .delete_role_policy()
            .role_name(role)
            .policy_name(policy)
            .send()
            .await
            .gone("iam:DeleteRolePolicy")
    }

    /// The role that our own earlier try has made, if that is what stands in the way.
    async fn made_before(&self, request: &Birth<'_, Spec>) -> Result<String, Failure> {
        let name = &request.spec.name;
        match self.role(name).await? {
            Some(role) if proof(&role) == Proof::Mark(request.token.clone()) => Ok(role.arn),
            Some(_) => Err(Failure::foreign(format_args!("the role {name}"))),
            None => Err(await_role(Failure::refused(format!(
                "the role {name} exists already and cannot be seen yet"
            )))),
        }
    }
}

/// IAM answers from several places that agree after a while.
fn await_role(failed: Failure) -> Failure {
    Failure {
        effect: failed.effect,
        unanswered: failed.unanswered,
        ..Failure::awaiting(
            failed.source,
            std::time::Duration::from_millis(250),
            "the role to become visible",
        )
    }
}

/// Says what of others goes with the role: IAM deletes none that has policies, and nobody keeps what they were.
fn tell_foreign(role: &str, spec: &Value, inline: &BTreeSet<String>, attached: &BTreeSet<String>) {
    let Some(ours) = spec.get("policies").and_then(Value::as_object) else {
        return;
    };
    let foreign = inline.iter().filter(|policy| !ours.contains_key(*policy));
    for policy in foreign.chain(attached) {
        tracing::warn!(
            role,
            policy,
            "a policy that somebody else has given the role goes with it"
        );
    }
}

fn boundary_of(role: &Role) -> String {
    let boundary = role.permissions_boundary();
    let arn = boundary.and_then(|boundary| boundary.permissions_boundary_arn());
    arn.unwrap_or_default().to_owned()
}

/// IAM gives documents URL-encoded.
fn document(action: &'static str, encoded: &str) -> Result<Value, Failure> {
    let text = percent_decode_str(encoded).decode_utf8_lossy();
    serde_json::from_str(&text)
        .map_err(|error| Failure::refused(format!("{action} gave a document that is no JSON: {error}")))
}

/// Indented by two, as Chalice sends it.
fn text(document: &Value) -> String {
    serde_json::to_string_pretty(document).unwrap_or_else(|_| document.to_string())
}

fn proof(role: &Role) -> Proof {
    role.tags()
        .iter()
        .find(|tag| tag.key() == MARK)
        .map_or(Proof::NameOnly, |tag| {
            Proof::Mark(StepToken(tag.value().to_owned()))
        })
}

fn outputs(arn: &str, name: &str) -> BTreeMap<String, Value> {
    BTreeMap::from([("arn".to_owned(), json!(arn)), ("name".to_owned(), json!(name))])
}

/// The policies that are ours: those wanted, and those that we last left there. `None` where nothing is known.
fn ours(at: &Locator<'_>) -> Option<BTreeSet<String>> {
    let named = |spec: &Value| -> Option<BTreeSet<String>> {
        Some(spec.get("policies")?.as_object()?.keys().cloned().collect())
    };
    let wanted = at.spec.and_then(named);
    let recorded = at.record.and_then(|record| named(&record.spec));
    match (wanted, recorded) {
        (None, None) => None,
        (wanted, recorded) => Some(wanted.into_iter().chain(recorded).flatten().collect()),
    }
}

impl Resource for IamRole {
    const KIND: Kind = Kind::new("iam_role");
    const IMMUTABLE: &'static [&'static str] = &["name"];
    const UNDELETE: Undelete = Undelete::Close;
    const PRUNES: &'static [&'static str] = &[others::INLINE, others::ATTACHED];
    const ACCESS: Access = Access::Role;
    const ACTIONS: &'static [&'static str] = &[
        "iam:CreateRole",
        "iam:DeleteRole",
        "iam:DeleteRolePermissionsBoundary",
        "iam:DeleteRolePolicy",
        "iam:DetachRolePolicy",
        "iam:GetRole",
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
        "iam:ListRolePolicies",
        "iam:PutRolePermissionsBoundary",
        "iam:PutRolePolicy",
        "iam:TagRole",
        "iam:UpdateAssumeRolePolicy",
    ];
    /// `GetRole`, and `GetRolePolicy` for the one policy that such a role has.
    const READS: Cost = Cost {
        each: 2,
        lists: 0,
        page: 0,
    };
    const WIRES: &'static [Wire] = &[Wire {
        keys: &[("role_arn", "arn"), ("role_name", "name")],
        handle: Some("role_name"),
        ..Wire::to("iam_role")
    }];
    type Spec = Spec;

    fn check(spec: &Spec) -> Vec<Invalid> {
        let invalid = |field: String, why: &str| Invalid {
            field,
            why: why.to_owned(),
        };
        let mut problems = Vec::new();
        if spec.name.is_empty() || spec.name.chars().count() > 64 {
            problems.push(invalid(
                "name".into(),
                "the name of a role has 1 to 64 characters",
            ));
        }
        if !spec.trust.is_object() {
            problems.push(invalid("trust".into(), "a policy document is an object"));
        }
        for (name, policy) in &spec.policies {
            if !policy.is_object() {
                problems.push(invalid(
                    format!("policies.{name}"),
                    "a policy document is an object",
                ));
            }
        }
        problems
    }

    fn project(spec: &Spec, digester: &Digester) -> Value {
        let policies: BTreeMap<_, _> = spec
            .policies
            .iter()
            .map(|(name, policy)| (name, projected(policy, digester)))
            .collect();
        let mut form =
            json!({"name": spec.name, "trust": projected(&spec.trust, digester), "policies": policies});
        if let (Some(fields), Some(arn)) = (form.as_object_mut(), &spec.boundary) {
            fields.insert("boundary".to_owned(), json!(arn));
        }
        form
    }

    fn defines(spec: &Spec, addition: &str) -> bool {
        let name = addition.strip_prefix(others::INLINE);
        name.is_some_and(|name| spec.policies.contains_key(name))
    }

    fn label(spec: &Value) -> Option<String> {
        spec.get("name").and_then(Value::as_str).map(ToOwned::to_owned)
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        let handle = at.handle.map(|handle| handle.0.as_str());
        let natural = at.spec.and_then(|spec| spec.get("name")).and_then(Value::as_str);
        for name in handle
            .into_iter()
            .chain(natural.filter(|name| Some(*name) != handle))
        {
            if let Some(mut seen) = self.look(name, ours(&at)).await? {
                let stated = at.spec.and_then(|spec| spec.get("boundary"));
                seen.spec.boundary = seen
                    .spec
                    .boundary
                    .filter(|_| stated.is_some_and(Value::is_string));
                return Ok(Some(seen));
            }
        }
        Ok(None)
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let Spec {
            name,
            trust,
            policies,
            boundary,
        } = request.spec;
        let mark = Tag::builder().key(MARK).value(&request.token.0).build();
        let mark = mark.map_err(|error| Failure::refused(error.to_string()))?;
        let answer = self
            .write()
            .create_role()
            .role_name(name)
            .assume_role_policy_document(text(trust))
            .tags(mark)
            .set_permissions_boundary(boundary.clone().filter(|arn| !arn.is_empty()))
            .send()
            .await
            .made("iam:CreateRole")?;
        let arn = match answer.and_then(|answer| answer.role) {
            Some(role) => role.arn,
            None => self.made_before(&request).await?,
        };
        for (policy, document) in policies {
            let put = self.put(name, policy, document).await;
            put.map_err(Failure::after_change)?;
        }
        Ok(Seen {
            handle: Handle(name.clone()),
            spec: request.spec.clone(),
            outputs: outputs(&arn, name),
            proof: Proof::Mark(request.token.clone()),
            additions: Vec::new(),
        })
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let name = &request.handle.0;
        let want = request.want;
        let mut requests = Sequence::default();
        if request.diff.touches("trust") {
            let call = self.write().update_assume_role_policy().role_name(name);
            let answer = call.policy_document(text(&want.trust)).send().await;
            requests.step(answer.wrote("iam:UpdateAssumeRolePolicy"))?;
        }
        if request.diff.touches("boundary") {
            requests.step(
                self.bound(name, want.boundary.as_deref().unwrap_or_default())
                    .await,
            )?;
        }
        let differs = |policy: &str| request.diff.concerns(&format!("policies.{policy}"));
        for (policy, document) in want.policies.iter().filter(|(policy, _)| differs(policy)) {
            requests.step(self.put(name, policy, document).await)?;
        }
        let had = request.have.get("policies").and_then(Value::as_object);
        for policy in had.into_iter().flat_map(|had| had.keys()) {
            if !want.policies.contains_key(policy) && differs(policy) {
                requests.step(self.remove(name, policy).await)?;
            }
        }
        Ok(Seen {
            handle: request.handle.clone(),
            spec: want.clone(),
            outputs: request.outputs.clone(),
            proof: Proof::Ours,
            additions: Vec::new(),
        })
    }

    async fn examine(&self, have: Removal<'_>, _kin: &Kin) -> Examined {
        self.others(&have.handle.0, have.spec).await
    }

    async fn prune(&self, have: Removal<'_>, children: &[String]) -> Result<(), Failure> {
        self.prune_others(&have.handle.0, children).await
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        let name = &request.handle.0;
        let (inline, attached) = futures::try_join!(self.policy_names(name), self.attached(name))?;
        tell_foreign(name, request.spec, &inline, &attached);
        let mut requests = Sequence::default();
        for policy in &inline {
            requests.step(self.remove(name, policy).await)?;
        }
        for arn in &attached {
            let call = self.write().detach_role_policy().role_name(name).policy_arn(arn);
            requests.step(call.send().await.gone("iam:DetachRolePolicy"))?;
        }
        let deleted = self.write().delete_role().role_name(name).send().await;
        requests.step(deleted.gone("iam:DeleteRole"))
    }

    /// The documents to the letter, where the projected form has only their meaning.
    async fn secure(&self, seen: &Seen<Spec>) -> Result<Option<Secured>, Failure> {
        let spec = serde_json::to_value(&seen.spec)
            .map_err(|error| Failure::refused(format!("the role's form cannot be written down: {error}")))?;
        Ok(Some(Secured {
            spec,
            artifacts: Vec::new(),
            secret: hides(&seen.spec),
            lost: Vec::new(),
        }))
    }
}

/// Whether some document has a condition that the projected form hides.
fn hides(spec: &Spec) -> bool {
    let mut documents = spec.policies.values().chain([&spec.trust]);
    documents.any(has_hidden_values)
}
