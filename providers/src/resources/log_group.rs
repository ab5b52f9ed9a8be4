//! The retention of a function's log group.
//!
//! The group itself belongs to nobody: Lambda makes it when a function first logs, and its logs must outlive the stack. What
//! is ours is the retention policy on it, so a group without one counts as absent, and deleting removes the policy alone
//! (Chalice does the same).
//!
//! Calls: `DescribeLogGroups` (5 a second; one page of 50 serves every group of a stack), `CreateLogGroup`,
//! `PutRetentionPolicy`, `DeleteRetentionPolicy`.
//!
//! Identity: the name. A group carries no mark of ours; one that is named for a function of this stack hangs on that
//! function and is taken as ours, since nothing can be lost by setting its retention. Chalice keeps the retention of the API
//! handler on a group that Lambda never writes to (`chalice-deployer.md` 2.2), so a change of name moves the policy.

use std::collections::BTreeMap;
use std::sync::Arc;

use grail_state::{Handle, Kind, Proof, Wire};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::{Context, Outcome};
use crate::port::{
    Birth, Change, Cost, Failure, Invalid, Locator, Removal, Resource, Seen, Sight, Undelete,
};

/// The periods that CloudWatch Logs knows, in days (API reference, `PutRetentionPolicy`).
const PERIODS: &[u32] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];
/// How many groups one answer of `DescribeLogGroups` holds at most.
const PAGE: u32 = 50;

/// The retention policy of one log group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The group: `/aws/lambda/<function name>`.
    pub name: String,
    /// After how many days a log event is dropped.
    pub retention_days: u32,
}

/// The resource type.
#[derive(Debug)]
pub struct LogGroup {
    context: Arc<Context>,
}

impl LogGroup {
    /// The type in `context`.
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    /// The groups with a retention policy whose names begin with `prefix`: days by name.
    async fn list(&self, prefix: &str) -> Result<BTreeMap<String, u32>, Failure> {
        let logs = self.context.clients.logs.read();
        let mut found = BTreeMap::new();
        let mut next = None;
        loop {
            let page = logs
                .describe_log_groups()
                .log_group_name_prefix(prefix)
                .limit(i32::try_from(PAGE).unwrap_or(50))
                .set_next_token(next)
                .send()
                .await
                .read("logs:DescribeLogGroups")?;
            for group in page.log_groups.unwrap_or_default() {
                let days = group.retention_in_days.and_then(|days| u32::try_from(days).ok());
                if let (Some(name), Some(days)) = (group.log_group_name, days) {
                    found.insert(name, days);
                }
            }
            match page.next_token {
                Some(token) => next = Some(token),
                None => return Ok(found),
            }
        }
    }

    async fn retain(&self, spec: &Spec) -> Result<(), Failure> {
        self.context
            .clients
            .logs
            .write()
            .put_retention_policy()
            .log_group_name(&spec.name)
            .retention_in_days(i32::try_from(spec.retention_days).unwrap_or(i32::MAX))
            .send()
            .await
            .wrote("logs:PutRetentionPolicy")
            .map(|_| ())
    }

    /// Makes the group if need be, and sets its policy.
    async fn establish(&self, spec: &Spec) -> Result<(), Failure> {
        let made = self
            .context
            .clients
            .logs
            .write()
            .create_log_group()
            .log_group_name(&spec.name)
            .send()
            .await
            .made("logs:CreateLogGroup")?;
        let retained = self.retain(spec).await;
        match made {
            Some(_) => retained.map_err(Failure::after_change),
            None => retained,
        }
    }

    async fn release(&self, name: &str) -> Result<(), Failure> {
        self.context
            .clients
            .logs
            .write()
            .delete_retention_policy()
            .log_group_name(name)
            .send()
            .await
            .gone("logs:DeleteRetentionPolicy")
    }

    fn seen(&self, name: &str, days: u32) -> Seen<Spec> {
        Seen {
            handle: Handle(name.to_owned()),
            spec: Spec {
                name: name.to_owned(),
                retention_days: days,
            },
            outputs: BTreeMap::from([("name".to_owned(), json!(name))]),
            proof: if self.is_named_for_us(name) {
                Proof::Ours
            } else {
                Proof::NameOnly
            },
        }
    }

    fn is_named_for_us(&self, name: &str) -> bool {
        name.strip_prefix(&self.stack_prefix())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    fn stack_prefix(&self) -> String {
        format!("/aws/lambda/{}", self.context.stack)
    }
}

/// The names to look for, most telling first.
fn names(at: &Locator<'_>) -> Vec<String> {
    let handle = at.handle.map(|handle| handle.0.clone());
    let natural = at.spec.and_then(|spec| spec.get("name")).and_then(Value::as_str);
    let mut names: Vec<_> = handle.into_iter().chain(natural.map(ToOwned::to_owned)).collect();
    names.dedup();
    names
}

impl Resource for LogGroup {
    const KIND: Kind = Kind::new("log_group");
    const UNDELETE: Undelete = Undelete::Exact;
    const VOLATILE: &'static [&'static str] = &["name"];
    const ACTIONS: &'static [&'static str] = &[
        "logs:CreateLogGroup",
        "logs:DeleteRetentionPolicy",
        "logs:DescribeLogGroups",
        "logs:PutRetentionPolicy",
    ];
    const READS: Cost = Cost {
        each: 0,
        lists: 1,
        page: PAGE,
    };
    const WIRE: Option<&'static Wire> = Some(&Wire {
        resource_type: "log_group",
        entry: None,
        keys: &[("log_group_name", "name")],
        handle: Some("log_group_name"),
    });
    type Spec = Spec;

    fn check(spec: &Spec) -> Vec<Invalid> {
        if PERIODS.contains(&spec.retention_days) {
            return Vec::new();
        }
        let known: Vec<_> = PERIODS.iter().map(ToString::to_string).collect();
        vec![Invalid {
            field: "retention_days".to_owned(),
            why: format!(
                "{} is no period that CloudWatch Logs knows ({})",
                spec.retention_days,
                known.join(", ")
            ),
        }]
    }

    fn label(spec: &Value) -> Option<String> {
        spec.get("name").and_then(Value::as_str).map(ToOwned::to_owned)
    }

    async fn observe(&self, at: Locator<'_>) -> Result<Sight<Spec>, Failure> {
        for name in names(&at) {
            if let Some(days) = self.list(&name).await?.get(&name) {
                return Ok(Some(self.seen(&name, *days)));
            }
        }
        Ok(None)
    }

    async fn observe_many(&self, at: &[Locator<'_>]) -> Vec<Result<Sight<Spec>, Failure>> {
        let prefix = self.stack_prefix();
        let all_ours = at.iter().flat_map(names).all(|name| name.starts_with(&prefix));
        if at.len() > 1
            && all_ours
            && let Ok(found) = self.list(&prefix).await
        {
            let sight = |one: &Locator<'_>| {
                names(one)
                    .iter()
                    .find_map(|name| found.get(name).map(|days| self.seen(name, *days)))
            };
            return at.iter().map(|one| Ok(sight(one))).collect();
        }
        futures::future::join_all(at.iter().map(|one| self.observe(*one))).await
    }

    async fn create(&self, request: Birth<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        self.establish(request.spec).await?;
        Ok(self.seen(&request.spec.name, request.spec.retention_days))
    }

    async fn update(&self, request: Change<'_, Spec>) -> Result<Seen<Spec>, Failure> {
        let want = request.want;
        if request.handle.0 == want.name {
            self.retain(want).await?;
        } else {
            self.establish(want).await?;
            self.release(&request.handle.0)
                .await
                .map_err(Failure::after_change)?;
        }
        Ok(self.seen(&want.name, want.retention_days))
    }

    async fn delete(&self, request: Removal<'_>) -> Result<(), Failure> {
        self.release(&request.handle.0).await
    }
}
