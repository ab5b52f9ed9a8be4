//! What others have hung on a function of ours: statements of its policy, aliases, a URL, settings for asynchronous calls,
//! provisioned concurrency, event source mappings. Looked for on request only: seven calls for a function, and one for each alias.
//!
//! A statement is ours if its permission is one of the stack's, or what a permission of the stack has left behind; statements
//! of Chalice's form under a random id are those of its own that it never takes away. Anything else is told.

use std::collections::BTreeSet;
use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use grail_state::{Handle, Kind};
use serde_json::Value;

use super::LambdaFunction;
use crate::aws::Outcome;
use crate::aws::arn::function_name;
use crate::aws::outcome::Sequence;
use crate::port::{Examined, Failure, Kin, Resource};
use crate::resources::event_source_mapping::EventSourceMapping;
use crate::resources::function_url::{self, FunctionUrl};
use crate::resources::lambda_alias::{self, LambdaAlias};
use crate::resources::lambda_permission::{self, LambdaPermission};
use crate::resources::provisioned_concurrency::{self, ProvisionedConcurrency};

pub(super) const STATEMENT: &str = "statement ";
pub(super) const ALIAS: &str = "alias ";
pub(super) const URL: &str = "URL of ";
pub(super) const INVOKED: &str = "settings for asynchronous calls of ";
pub(super) const PROVISIONED: &str = "provisioned concurrency of ";
pub(super) const MAPPING: &str = "event source mapping ";

/// The function without an alias or version, in the words of an addition.
const PLAIN: &str = "$LATEST";

impl LambdaFunction {
    /// Looks for all of it.
    pub(super) async fn others(&self, arn: &str, kin: &Kin) -> Examined {
        let mut found = Examined::default();
        let name = function_name(arn);
        let (policy, aliases, invoked, provisioned, mappings, changed) = futures::join!(
            self.statements(name, kin),
            self.aliases(name),
            self.invoked(name),
            self.provisioned(name),
            self.mappings(arn, kin),
            self.changed(name)
        );
        found.add(policy);
        let mut qualifiers = vec![None];
        qualifiers.extend(aliases.iter().flatten().cloned().map(Some));
        let mut urls = BTreeSet::new();
        let is_ours = |url: &String| {
            let of = url.strip_prefix(URL).and_then(qualified);
            kin.has(&FunctionUrl::KIND, &function_url::handle(name, of.as_deref()).0)
        };
        for qualifier in qualifiers {
            if kin.has(
                &FunctionUrl::KIND,
                &function_url::handle(name, qualifier.as_deref()).0,
            ) {
                continue;
            }
            match self.url(name, qualifier).await {
                // Some servers answer for an alias with the URL of the function.
                Ok(url) => urls.extend(url.filter(|url| !is_ours(url))),
                Err(failure) => found.unseen.push(failure.chain()),
            }
        }
        found.additions.extend(urls);
        let others = |mut names: Vec<String>, is_ours: &dyn Fn(&str) -> bool| {
            names.retain(|name| !is_ours(name));
            names
        };
        let alias_of_ours = |alias: &str| kin.has(&LambdaAlias::KIND, &lambda_alias::handle(arn, alias).0);
        found.add(aliases.map(|aliases| told(ALIAS, others(aliases, &alias_of_ours))));
        found.add(invoked.map(|invoked| told(INVOKED, invoked)));
        let provided_by_us = |of: &str| {
            let handle = provisioned_concurrency::handle(name, of);
            kin.has(&ProvisionedConcurrency::KIND, &handle.0)
        };
        found.add(provisioned.map(|of| told(PROVISIONED, others(of, &provided_by_us))));
        found.add(mappings);
        found.date(changed);
        found
    }

    /// Removes additions. The words of each name it whole.
    pub(super) async fn prune_others(&self, arn: &str, children: &[String]) -> Result<(), Failure> {
        let name = function_name(arn);
        let mut requests = Sequence::default();
        for child in children {
            let removed = if let Some(sid) = child.strip_prefix(STATEMENT) {
                let call = self.write().remove_permission().function_name(name);
                call.statement_id(sid)
                    .send()
                    .await
                    .gone("lambda:RemovePermission")
            } else if let Some(alias) = child.strip_prefix(ALIAS) {
                let call = self.write().delete_alias().function_name(name);
                call.name(alias).send().await.gone("lambda:DeleteAlias")
            } else if let Some(qualifier) = child.strip_prefix(URL) {
                let call = self.write().delete_function_url_config().function_name(name);
                let call = call.set_qualifier(qualified(qualifier));
                call.send().await.gone("lambda:DeleteFunctionUrlConfig")
            } else if let Some(qualifier) = child.strip_prefix(INVOKED) {
                let call = self
                    .write()
                    .delete_function_event_invoke_config()
                    .function_name(name);
                let call = call.set_qualifier(qualified(qualifier));
                call.send().await.gone("lambda:DeleteFunctionEventInvokeConfig")
            } else if let Some(qualifier) = child.strip_prefix(PROVISIONED) {
                let call = self.write().delete_provisioned_concurrency_config();
                let call = call.function_name(name).qualifier(qualifier);
                call.send()
                    .await
                    .gone("lambda:DeleteProvisionedConcurrencyConfig")
            } else if let Some(mapping) = child.strip_prefix(MAPPING) {
                let uuid = mapping.split_whitespace().next().unwrap_or_default();
                let call = self.write().delete_event_source_mapping().uuid(uuid);
                call.send().await.gone("lambda:DeleteEventSourceMapping")
            } else {
                Ok(())
            };
            requests.step(removed)?;
        }
        Ok(())
    }

    async fn statements(&self, name: &str, kin: &Kin) -> Result<Vec<String>, Failure> {
        let statements = lambda_permission::policy_of(self.read(), name).await?;
        let permissions = LambdaPermission::KIND;
        let ours: BTreeSet<&str> = kin
            .of(&permissions)
            .filter_map(|handle| handle.0.rsplit_once('/'))
            .filter(|(function, _)| *function == name)
            .map(|(_, sid)| sid)
            .collect();
        let answers = kin.has(&FunctionUrl::KIND, &function_url::handle(name, None).0);
        let others = statements.iter().filter_map(|one| {
            let sid = one.get("Sid").and_then(Value::as_str).unwrap_or_default();
            if answers && function_url::is_statement(sid) {
                return None;
            }
            let left = ours
                .iter()
                .any(|sid_of_ours| lambda_permission::is_left_of(sid_of_ours, sid));
            let known = ours.contains(sid) || left || lambda_permission::is_chalices(name, one);
            (!known).then(|| format!("{STATEMENT}{sid}"))
        });
        Ok(others.collect())
    }

    /// The thing of ours that such an addition would be.
    pub(super) fn child_of(arn: &str, addition: &str) -> Option<(Kind, Handle)> {
        let name = function_name(arn);
        let url_of = |alias: Option<&str>| Some((FunctionUrl::KIND, function_url::handle(name, alias)));
        if let Some(sid) = addition.strip_prefix(STATEMENT) {
            return match function_url::is_statement(sid) {
                true => url_of(None),
                false => Some((LambdaPermission::KIND, Handle(format!("{name}/{sid}")))),
            };
        }
        if let Some(of) = addition.strip_prefix(URL) {
            return url_of(qualified(of).as_deref());
        }
        if let Some(alias) = addition.strip_prefix(ALIAS) {
            return Some((LambdaAlias::KIND, lambda_alias::handle(arn, alias)));
        }
        if let Some(of) = addition.strip_prefix(PROVISIONED) {
            let handle = provisioned_concurrency::handle(function_name(arn), of);
            return Some((ProvisionedConcurrency::KIND, handle));
        }
        let mapping = addition.strip_prefix(MAPPING)?.split_whitespace().next()?;
        Some((EventSourceMapping::KIND, Handle(mapping.to_owned())))
    }

    async fn aliases(&self, name: &str) -> Result<Vec<String>, Failure> {
        let (mut all, mut marker) = (Vec::new(), None);
        loop {
            let call = self.read().list_aliases().function_name(name).set_marker(marker);
            let Some(page) = call.send().await.found("lambda:ListAliases")? else {
                return Ok(all);
            };
            let aliases = page.aliases.unwrap_or_default().into_iter();
            all.extend(aliases.filter_map(|alias| alias.name));
            match page.next_marker.filter(|marker| !marker.is_empty()) {
                Some(next) => marker = Some(next),
                None => return Ok(all),
            }
        }
    }

    async fn url(&self, name: &str, of: Option<String>) -> Result<Option<String>, Failure> {
        let call = self.read().get_function_url_config().function_name(name);
        let answer = call.set_qualifier(of).send().await;
        let there = answer.found("lambda:GetFunctionUrlConfig")?;
        Ok(there.map(|there| format!("{URL}{}", qualifier(&there.function_arn))))
    }

    async fn invoked(&self, name: &str) -> Result<Vec<String>, Failure> {
        let (mut all, mut marker) = (Vec::new(), None);
        loop {
            let call = self
                .read()
                .list_function_event_invoke_configs()
                .function_name(name);
            let answer = call.set_marker(marker).send().await;
            let Some(page) = answer.found("lambda:ListFunctionEventInvokeConfigs")? else {
                return Ok(all);
            };
            let configs = page.function_event_invoke_configs.unwrap_or_default().into_iter();
            all.extend(configs.filter_map(|one| Some(qualifier(&one.function_arn?))));
            match page.next_marker.filter(|marker| !marker.is_empty()) {
                Some(next) => marker = Some(next),
                None => return Ok(all),
            }
        }
    }

    async fn provisioned(&self, name: &str) -> Result<Vec<String>, Failure> {
        let (mut all, mut marker) = (Vec::new(), None);
        loop {
            let call = self
                .read()
                .list_provisioned_concurrency_configs()
                .function_name(name);
            let answer = call.set_marker(marker).send().await;
            let Some(page) = answer.found("lambda:ListProvisionedConcurrencyConfigs")? else {
                return Ok(all);
            };
            let configs = page
                .provisioned_concurrency_configs
                .unwrap_or_default()
                .into_iter();
            all.extend(configs.filter_map(|one| Some(qualifier(&one.function_arn?))));
            match page.next_marker.filter(|marker| !marker.is_empty()) {
                Some(next) => marker = Some(next),
                None => return Ok(all),
            }
        }
    }

    async fn mappings(&self, arn: &str, kin: &Kin) -> Result<Vec<String>, Failure> {
        let (mut all, mut marker) = (Vec::new(), None);
        loop {
            let call = self.read().list_event_source_mappings().function_name(arn);
            let answer = call.set_marker(marker).send().await;
            let Some(page) = answer.found("lambda:ListEventSourceMappings")? else {
                return Ok(all);
            };
            let mappings = page.event_source_mappings.unwrap_or_default().into_iter();
            all.extend(mappings.filter_map(|one| {
                let uuid = one
                    .uuid
                    .filter(|uuid| !kin.has(&EventSourceMapping::KIND, uuid))?;
                // One that is going is nobody's any more.
                let going = one.state.as_deref() == Some("Deleting");
                let source = one.event_source_arn.unwrap_or_default();
                (!going).then(|| format!("{MAPPING}{uuid} ({source})"))
            }));
            match page.next_marker.filter(|marker| !marker.is_empty()) {
                Some(next) => marker = Some(next),
                None => return Ok(all),
            }
        }
    }

    async fn changed(&self, name: &str) -> Result<Option<SystemTime>, Failure> {
        let call = self.read().get_function_configuration().function_name(name);
        let answer = call.send().await.found("lambda:GetFunctionConfiguration")?;
        Ok(answer.and_then(|answer| time(&answer.last_modified?)))
    }
}

fn told(words: &str, names: Vec<String>) -> Vec<String> {
    names.into_iter().map(|name| format!("{words}{name}")).collect()
}

/// The alias or version in an ARN; without one it is the function itself.
fn qualifier(arn: &str) -> String {
    let last = arn.split(':').nth(7);
    last.unwrap_or(PLAIN).to_owned()
}

fn qualified(told: &str) -> Option<String> {
    Some(told.to_owned()).filter(|told| told != PLAIN)
}

/// Lambda writes times as `2026-11-21T20:47:53.123+0000`.
fn time(text: &str) -> Option<SystemTime> {
    let plain = match text.strip_suffix("+0000") {
        Some(time) => format!("{time}Z"),
        None => text.to_owned(),
    };
    SystemTime::try_from(DateTime::from_str(&plain, Format::DateTimeWithOffset).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use grail_state::{Digester, Proof, Remote, ResourceId};
    use serde_json::json;

    use super::*;
    use crate::aws::testing::{Canned, Reply, refusal, reply};
    use crate::port::{Delete, Provider, erase};

    const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:shop-dev";
    const RANDOM: &str = "0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f";

    fn provider(cloud: &Canned) -> Arc<dyn Provider> {
        let context = cloud.context_of::<LambdaFunction>();
        erase(LambdaFunction::new(context), Arc::new(Digester::new([7; 32])))
    }

    fn kin() -> Kin {
        let permission = Handle("shop-dev/grail-one-s3-abcdef-000000000000".to_owned());
        let mapping = Handle("ours".to_owned());
        [
            (LambdaPermission::KIND, permission),
            (EventSourceMapping::KIND, mapping),
        ]
        .into_iter()
        .collect()
    }

    async fn examined(replies: Vec<Reply>) -> Examined {
        let cloud = Canned::new(replies);
        let have = Remote {
            handle: Handle(ARN.to_owned()),
            spec: Value::Null,
            outputs: Default::default(),
            proof: Proof::Ours,
            additions: Vec::new(),
        };
        provider(&cloud).examine(&have, &kin()).await
    }

    fn statement(sid: &str, service: &str) -> Value {
        json!({
            "Sid": sid, "Effect": "Allow", "Action": "lambda:InvokeFunction", "Principal": {"Service": service},
            "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::goods"}},
        })
    }

    fn replies() -> Vec<Reply> {
        let policy = json!({"Statement": [
            statement("grail-one-s3-abcdef-000000000000", "s3.amazonaws.com"),
            statement("grail-one-s3-abcdef-111111111111", "s3.amazonaws.com"),
            statement(RANDOM, "s3.amazonaws.com"),
            statement("grail-two-s3-abcdef-000000000000", "s3.amazonaws.com"),
            {"Sid": RANDOM, "Effect": "Allow", "Action": "lambda:*", "Principal": "*"},
            {"Sid": "intruder", "Effect": "Allow", "Action": "lambda:InvokeFunction", "Principal": "*"},
        ]});
        vec![
            reply(200, json!({"Policy": policy.to_string()})),
            reply(200, json!({"Aliases": [{"Name": "live"}]})),
            reply(
                200,
                json!({"FunctionEventInvokeConfigs": [{"FunctionArn": format!("{ARN}:$LATEST")}]}),
            ),
            reply(
                200,
                json!({"ProvisionedConcurrencyConfigs": [{"FunctionArn": format!("{ARN}:live")}]}),
            ),
            reply(
                200,
                json!({"EventSourceMappings": [
                    {"UUID": "ours"}, {"UUID": "theirs", "EventSourceArn": "arn:q", "State": "Enabled"},
                    {"UUID": "going", "State": "Deleting"},
                ]}),
            ),
            reply(200, json!({"LastModified": "1970-01-01T00:00:01.500+0000"})),
            refusal(404, "ResourceNotFoundException", "no URL"),
            reply(
                200,
                json!({
                    "FunctionUrl": "https://x", "FunctionArn": format!("{ARN}:live"), "AuthType": "NONE",
                    "CreationTime": "1970-01-01T00:00:00Z",
                }),
            ),
        ]
    }

    #[tokio::test]
    async fn everything_that_hangs_on_a_function_is_told_but_what_is_ours() {
        let found = examined(replies()).await;
        let told = [
            "statement grail-two-s3-abcdef-000000000000",
            &format!("statement {RANDOM}"),
            "statement intruder",
            "URL of live",
            "alias live",
            "settings for asynchronous calls of $LATEST",
            "provisioned concurrency of live",
            "event source mapping theirs (arn:q)",
        ];
        assert_eq!(found.additions, told);
        assert_eq!(found.unseen, [""; 0]);
        assert!(found.changed.is_some());
    }

    #[tokio::test]
    async fn what_may_not_be_looked_at_is_told_and_hides_nothing_else() {
        let mut replies = replies();
        replies[3] = refusal(403, "AccessDeniedException", "not you");
        let found = examined(replies).await;
        assert_eq!(found.additions.len(), 7);
        assert!(
            found.unseen[0].contains("ListProvisionedConcurrencyConfigs"),
            "{:?}",
            found.unseen
        );
    }

    #[tokio::test]
    async fn what_is_named_goes_with_a_call_each_and_gone_is_fine() {
        let children = [
            "statement intruder",
            "alias live",
            "URL of $LATEST",
            "URL of live",
            "settings for asynchronous calls of live",
            "provisioned concurrency of live",
            "event source mapping theirs (arn:q)",
        ];
        let mut answers = vec![reply(204, ""); children.len()];
        answers[1] = refusal(404, "ResourceNotFoundException", "no alias");
        let cloud = Canned::new(answers);
        let provider = provider(&cloud);
        assert!(children.iter().all(|child| provider.prunes(child)));
        let id = ResourceId::new(LambdaFunction::KIND, "one");
        let request = Delete {
            id: &id,
            handle: &Handle(ARN.to_owned()),
            spec: &Value::Null,
            outputs: &Default::default(),
        };
        let children = children.map(ToOwned::to_owned);
        provider.prune(request, &children).await.unwrap();
        let asked: Vec<_> = cloud.asked().into_iter().map(|asked| asked.operation).collect();
        let calls = [
            "RemovePermission",
            "DeleteAlias",
            "DeleteFunctionUrlConfig",
            "DeleteFunctionUrlConfig",
            "DeleteFunctionEventInvokeConfig",
            "DeleteProvisionedConcurrencyConfig",
            "DeleteEventSourceMapping",
        ];
        assert_eq!(asked, calls);
        let unknown = ["tags".to_owned()];
        assert!(provider.prune(request, &unknown).await.is_err());
    }

    #[test]
    fn a_qualifier_is_the_eighth_part_and_a_time_is_read() {
        assert_eq!(qualifier(ARN), PLAIN);
        assert_eq!(qualifier(&format!("{ARN}:live")), "live");
        assert_eq!(qualified(PLAIN), None);
        let epoch = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_500);
        assert_eq!(time("1970-01-01T00:00:01.500+0000"), Some(epoch));
        assert_eq!(time("1970-01-01T00:00:01.5Z"), Some(epoch));
        assert_eq!(time("yesterday"), None);
    }
}
