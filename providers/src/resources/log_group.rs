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
use crate::port::{Birth, Change, Cost, Failure, Invalid, Locator, Removal, Resource, Seen, Sight, Undelete};

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
            additions: Vec::new(),
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
    const WIRES: &'static [Wire] = &[Wire {
        keys: &[("log_group_name", "name")],
        handle: Some("log_group_name"),
        ..Wire::to("log_group")
    }];
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

#[cfg(test)]
mod tests {
    use grail_state::Observed;

    use super::*;
    use crate::aws::testing::{Canned, Reply, Stand, refusal, reply};
    use crate::port::{Effect, Retry, erase};

    const NAME: &str = "/aws/lambda/shop-dev-worker";

    fn stand(replies: Vec<Reply>) -> Stand {
        Stand::new("worker-log-group", replies, |context| {
            LogGroup::new(Arc::new(context))
        })
    }

    fn spec(name: &str, days: u32) -> Value {
        json!({"name": name, "retention_days": days})
    }

    fn groups(groups: &[(&str, Option<u32>)], next: Option<&str>) -> Reply {
        let groups: Vec<_> = groups
            .iter()
            .map(|(name, days)| json!({"logGroupName": name, "retentionInDays": days}))
            .collect();
        reply(200, json!({"logGroups": groups, "nextToken": next}))
    }

    #[tokio::test]
    async fn a_group_is_found_by_its_exact_name_on_any_page() {
        let longer = "/aws/lambda/shop-dev-worker-2";
        let stand = stand(vec![
            groups(&[(longer, Some(3))], Some("n")),
            groups(&[(NAME, Some(7))], None),
        ]);
        let remote = stand.present(None, Some(&spec(NAME, 7))).await;
        assert_eq!(
            (remote.handle.0.as_str(), &remote.spec, &remote.proof),
            (NAME, &spec(NAME, 7), &Proof::Ours)
        );
        assert_eq!(stand.aws.operations(), ["DescribeLogGroups"; 2]);
        assert_eq!(
            stand.aws.json(1),
            json!({"logGroupNamePrefix": NAME, "limit": 50, "nextToken": "n"})
        );
    }

    #[tokio::test]
    async fn a_group_without_retention_is_none_of_ours() {
        let stand = stand(vec![groups(&[(NAME, None)], None)]);
        assert_eq!(
            stand.observe(Some(NAME), Some(&spec(NAME, 7))).await.unwrap(),
            Observed::Absent
        );
        let other = Stand::new("x", [groups(&[("/other", Some(1))], None)], |context| {
            LogGroup::new(Arc::new(context))
        });
        assert_eq!(
            other.present(None, Some(&spec("/other", 1))).await.proof,
            Proof::NameOnly
        );
    }

    #[tokio::test]
    async fn all_groups_of_a_stack_are_one_look() {
        let aws = Canned::new([groups(
            &[(NAME, Some(7)), ("/aws/lambda/shop-dev", Some(1))],
            None,
        )]);
        let provider = erase(
            LogGroup::new(aws.context_of::<LogGroup>()),
            Arc::new(grail_state::Digester::new([0; 32])),
        );
        let id = grail_state::ResourceId::new(LogGroup::KIND, "x");
        let specs = [
            spec(NAME, 7),
            spec("/aws/lambda/shop-dev", 3),
            spec("/aws/lambda/shop-dev-gone", 3),
        ];
        let at: Vec<_> = specs
            .iter()
            .map(|spec| Locator {
                id: &id,
                handle: None,
                spec: Some(spec),
                token: None,
                record: None,
            })
            .collect();
        let seen = provider.observe_many(&at).await;
        let days: Vec<_> = seen
            .iter()
            .map(|one| {
                one.as_ref()
                    .unwrap()
                    .remote()
                    .map(|remote| remote.spec["retention_days"].clone())
            })
            .collect();
        assert_eq!(days, [Some(json!(7)), Some(json!(1)), None]);
        assert_eq!(aws.operations(), ["DescribeLogGroups"]);
    }

    #[tokio::test]
    async fn a_group_that_exists_is_only_given_its_retention() {
        let stand = stand(vec![
            refusal(400, "ResourceAlreadyExistsException", "there"),
            reply(200, "{}"),
        ]);
        let remote = stand.create(&spec(NAME, 7)).await.unwrap();
        assert_eq!(remote.outputs["name"], NAME);
        assert_eq!(stand.aws.operations(), ["CreateLogGroup", "PutRetentionPolicy"]);
        assert_eq!(
            stand.aws.json(1),
            json!({"logGroupName": NAME, "retentionInDays": 7})
        );
    }

    #[tokio::test]
    async fn a_failure_after_the_group_was_made_is_a_maybe() {
        let refused = || refusal(400, "InvalidParameterException", "no");
        let stand = stand(vec![reply(200, "{}"), refused()]);
        let failed = stand.create(&spec(NAME, 7)).await.unwrap_err();
        assert_eq!((failed.effect, failed.retry), (Effect::Maybe, Retry::Never));
    }

    #[tokio::test]
    async fn a_change_of_days_is_one_call_and_a_change_of_name_moves_the_policy() {
        let days = stand(vec![reply(200, "{}")]);
        days.update(NAME, &spec(NAME, 7), &spec(NAME, 14)).await.unwrap();
        assert_eq!(days.aws.operations(), ["PutRetentionPolicy"]);
        let wrong = "/aws/lambda/shop-dev-api_handler";
        let name = stand(vec![reply(200, "{}"), reply(200, "{}"), reply(200, "{}")]);
        let moved = name
            .update(wrong, &spec(wrong, 7), &spec("/aws/lambda/shop-dev", 7))
            .await
            .unwrap();
        assert_eq!(moved.handle.0, "/aws/lambda/shop-dev");
        assert_eq!(
            name.aws.operations(),
            ["CreateLogGroup", "PutRetentionPolicy", "DeleteRetentionPolicy"]
        );
        assert_eq!(name.aws.json(2), json!({"logGroupName": wrong}));
    }

    #[tokio::test]
    async fn deleting_leaves_the_group_and_what_is_gone_is_gone() {
        for answer in [
            reply(200, "{}"),
            refusal(400, "ResourceNotFoundException", "gone"),
        ] {
            let stand = stand(vec![answer]);
            stand.delete(NAME).await.unwrap();
            assert_eq!(stand.aws.operations(), ["DeleteRetentionPolicy"]);
        }
    }

    #[test]
    fn only_known_periods_are_taken() {
        let days = |retention_days| {
            LogGroup::check(&Spec {
                name: "x".into(),
                retention_days,
            })
        };
        assert!(days(14).is_empty());
        assert_eq!(days(15)[0].field, "retention_days");
    }
}
