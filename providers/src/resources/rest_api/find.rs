//! Finding an API whose id is not known: by the mark of an attempt, else by title and the handler that it calls.

use aws_sdk_apigateway::types::Resource;
use grail_state::StepToken;
use serde_json::Value;

use super::head::Head;
use super::reading::resources;
use super::{RestApi, Spec};
use crate::aws::Outcome;
use crate::aws::arn::Arn;
use crate::port::{Birth, Failure, Locator};

const PAGE: i32 = 500;

impl RestApi {
    /// The API that an earlier try of this birth made.
    pub(super) async fn made_before(&self, birth: &Birth<'_, Spec>) -> Result<Option<Head>, Failure> {
        if birth.first {
            return Ok(None);
        }
        let all = self.list().await?;
        Ok(all.into_iter().find(|head| bears(head, birth.token)))
    }

    /// The id of the API that `at` means. Where two could be meant, that is said, and none is taken.
    pub(super) async fn find(&self, at: &Locator<'_>) -> Result<Option<String>, Failure> {
        let title = at.spec.and_then(|spec| spec.get("name")).and_then(Value::as_str);
        if title.is_none() && at.token.is_none() {
            return Ok(None);
        }
        let all = self.list().await?;
        if let Some(token) = at.token
            && let Some(head) = all.iter().find(|head| bears(head, token))
        {
            return Ok(Some(head.id.clone()));
        }
        let mut ours = Vec::new();
        for head in all.into_iter().filter(|head| Some(head.name.as_str()) == title) {
            let resources = resources(&self.context, &head.id).await?.unwrap_or_default();
            if uris(&resources).any(|uri| self.calls_our_handler(uri)) {
                ours.push(head.id);
            }
        }
        match ours.as_slice() {
            [] => Ok(None),
            [id] => Ok(Some(id.clone())),
            _ => {
                let text = format!(
                    "{} REST APIs are called `{}` and call `{}`: {}",
                    ours.len(),
                    title.unwrap_or_default(),
                    self.context.stack,
                    ours.join(", ")
                );
                let hint = "delete the one that is not used, or say which is yours with `grail state import`";
                Err(Failure::refused(text).with_hint(hint))
            }
        }
    }

    /// True if the integration `uri` calls the API handler of this very stack.
    ///
    /// Chalice names it exactly as the stack (`chalice-deployer.md` 2.2); a longer name could be another stack's.
    pub(super) fn calls_our_handler(&self, uri: &str) -> bool {
        let called = uri
            .split_once("/functions/")
            .and_then(|(_, rest)| rest.strip_suffix("/invocations"));
        let Some(arn) = called.and_then(Arn::parse) else {
            return false;
        };
        let name = arn.resource.strip_prefix("function:").unwrap_or_default();
        arn.account == self.context.account
            && arn.region == self.context.region
            && name.split(':').next() == Some(&self.context.stack.to_string())
    }

    async fn list(&self) -> Result<Vec<Head>, Failure> {
        let client = self.context.clients.apigateway.read();
        let (mut all, mut position) = (Vec::new(), None);
        loop {
            let request = client.get_rest_apis().limit(PAGE).set_position(position);
            let page = request.send().await.read("apigateway:GET")?;
            all.extend(page.items.unwrap_or_default().into_iter().map(Head::from));
            match page.position {
                Some(next) => position = Some(next),
                None => return Ok(all),
            }
        }
    }
}

fn bears(head: &Head, token: &StepToken) -> bool {
    head.mark().is_some_and(|mark| mark.token == *token)
}

fn uris(resources: &[Resource]) -> impl Iterator<Item = &str> {
    resources
        .iter()
        .filter_map(|resource| resource.resource_methods.as_ref())
        .flat_map(|methods| methods.values())
        .filter_map(|method| method.method_integration.as_ref()?.uri.as_deref())
}
