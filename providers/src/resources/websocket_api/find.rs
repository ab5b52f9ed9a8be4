//! Finding an API whose id is not known: by the mark of an attempt, else by name and a function that it calls.

use std::collections::BTreeSet;

use aws_sdk_apigatewayv2::types::ProtocolType;
use grail_state::StepToken;
use grail_state::template::has_stand_in;
use serde_json::Value;

use super::reading::{Head, Reading};
use super::{Spec, WebsocketApi, functions};
use crate::aws::Outcome;
use crate::port::{Birth, Failure, Locator};
use crate::resources::rest_api::mark::Mark;

impl WebsocketApi {
    /// The API that an earlier try of this birth made.
    pub(super) async fn made_before(&self, birth: &Birth<'_, Spec>) -> Result<Option<Head>, Failure> {
        if birth.first {
            return Ok(None);
        }
        let all = self.list().await?;
        Ok(all.into_iter().find(|head| bears(head, birth.token)))
    }

    /// The API that `at` means. Where two could be meant, that is said, and none is taken.
    pub(super) async fn find(&self, at: &Locator<'_>) -> Result<Option<Reading>, Failure> {
        let name = at.spec.and_then(|spec| spec.get("name")).and_then(Value::as_str);
        if name.is_none() && at.token.is_none() {
            return Ok(None);
        }
        let all = self.list().await?;
        if let Some(token) = at.token
            && let Some(head) = all.iter().find(|head| bears(head, token))
        {
            return Reading::of(&self.context, head.clone()).await;
        }
        let ours = self.functions_of(at);
        let mut found = Vec::new();
        for head in all.into_iter().filter(|head| Some(head.name.as_str()) == name) {
            let reading = Reading::of(&self.context, head).await?;
            let calls_us = |one: &Reading| one.calls(&self.context, |function| ours.contains(function));
            found.extend(reading.filter(calls_us));
        }
        if found.len() < 2 {
            return Ok(found.pop());
        }
        let ids: Vec<_> = found.iter().map(|one| one.head.id.as_str()).collect();
        let text = format!(
            "{} WebSocket APIs are called `{}` and call functions of `{}`: {}",
            ids.len(),
            name.unwrap_or_default(),
            self.context.stack,
            ids.join(", ")
        );
        let hint = "delete the one that is not used, or say which is yours with `grail state import`";
        Err(Failure::refused(text).with_hint(hint))
    }

    /// The ARNs of this stack's functions that answer WebSockets: those that Chalice names so (`chalice-deployer.md` 2.2),
    /// and those that are wanted or recorded here.
    pub(super) fn functions_of(&self, at: &Locator<'_>) -> BTreeSet<String> {
        let handlers = ["connect", "message", "disconnect"];
        let named = handlers.map(|handler| {
            let context = &self.context;
            format!(
                "arn:{}:lambda:{}:{}:function:{}-websocket_{handler}",
                context.partition, context.region, context.account, context.stack
            )
        });
        let recorded = at.record.map(|record| &record.spec);
        let known = functions(at.spec).chain(functions(recorded));
        let known = known.filter(|text| !has_stand_in(text)).map(ToOwned::to_owned);
        named.into_iter().chain(known).collect()
    }

    async fn list(&self) -> Result<Vec<Head>, Failure> {
        let client = self.context.clients.apigatewayv2.read();
        let (mut all, mut next) = (Vec::new(), None);
        loop {
            let answer = client.get_apis().set_next_token(next).send().await;
            let page = answer.read("apigateway:GET")?;
            let apis = page.items.unwrap_or_default().into_iter();
            let sockets = apis.filter(|api| api.protocol_type == Some(ProtocolType::Websocket));
            all.extend(sockets.map(Head::from));
            match page.next_token.filter(|token| !token.is_empty()) {
                Some(token) => next = Some(token),
                None => return Ok(all),
            }
        }
    }
}

fn bears(head: &Head, token: &StepToken) -> bool {
    Mark::read(&head.description).is_some_and(|mark| mark.token == *token)
}
