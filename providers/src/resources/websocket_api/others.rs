//! What others have made in a WebSocket API of ours beyond its routes: stages and authorizers. And the way out for both and
//! for routes of theirs.

use super::WebsocketApi;
use super::reading::routes;
use crate::aws::Outcome;
use crate::aws::outcome::Sequence;
use crate::port::{Examined, Failure, Kin, Resource};
use crate::resources::websocket_stage::WebsocketStage;

pub(super) const ROUTE: &str = "route ";
pub(super) const STAGE: &str = "stage ";
pub(super) const AUTHORIZER: &str = "authorizer ";

impl WebsocketApi {
    /// Looks for both: two calls for an API.
    pub(super) async fn others(&self, api: &str, kin: &Kin) -> Examined {
        let mut found = Examined::default();
        let (stages, authorizers) = futures::join!(self.stages(api), self.authorizers(api));
        found.add(stages.map(|stages| {
            let others = stages.into_iter();
            let others = others.filter(|name| !kin.has(&WebsocketStage::KIND, &format!("{api}/{name}")));
            others.map(|name| format!("{STAGE}{name}")).collect()
        }));
        found.add(authorizers.map(|all| all.into_iter().map(|(id, name)| authorizer(&id, &name)).collect()));
        found
    }

    async fn stages(&self, api: &str) -> Result<Vec<String>, Failure> {
        let client = self.context.clients.apigatewayv2.read();
        let (mut all, mut next) = (Vec::new(), None);
        loop {
            let answer = client.get_stages().api_id(api).set_next_token(next).send().await;
            let Some(page) = answer.found("apigateway:GET")? else {
                return Ok(all);
            };
            all.extend(
                page.items
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|one| one.stage_name),
            );
            match page.next_token.filter(|token| !token.is_empty()) {
                Some(token) => next = Some(token),
                None => return Ok(all),
            }
        }
    }

    /// Ids and names.
    async fn authorizers(&self, api: &str) -> Result<Vec<(String, String)>, Failure> {
        let client = self.context.clients.apigatewayv2.read();
        let (mut all, mut next) = (Vec::new(), None);
        loop {
            let answer = client
                .get_authorizers()
                .api_id(api)
                .set_next_token(next)
                .send()
                .await;
            let Some(page) = answer.found("apigateway:GET")? else {
                return Ok(all);
            };
            let some = page.items.unwrap_or_default().into_iter();
            all.extend(some.filter_map(|one| Some((one.authorizer_id?, one.name.unwrap_or_default()))));
            match page.next_token.filter(|token| !token.is_empty()) {
                Some(token) => next = Some(token),
                None => return Ok(all),
            }
        }
    }

    /// Removes additions, routes before the authorizers that they use.
    pub(super) async fn prune_others(&self, api: &str, children: &[String]) -> Result<(), Failure> {
        let client = self.context.clients.apigatewayv2.write();
        let mut requests = Sequence::default();
        let live = routes(&self.context, api).await?.unwrap_or_default();
        for key in children.iter().filter_map(|child| child.strip_prefix(ROUTE)) {
            let named = live.iter().filter(|route| route.route_key() == Some(key));
            for id in named.filter_map(|route| route.route_id()) {
                let call = client.delete_route().api_id(api).route_id(id);
                requests.step(call.send().await.gone("apigateway:DELETE"))?;
            }
        }
        for stage in children.iter().filter_map(|child| child.strip_prefix(STAGE)) {
            let call = client.delete_stage().api_id(api).stage_name(stage);
            requests.step(call.send().await.gone("apigateway:DELETE"))?;
        }
        if !children.iter().any(|child| child.starts_with(AUTHORIZER)) {
            return Ok(());
        }
        for (id, name) in requests.look(self.authorizers(api).await)? {
            if children.contains(&authorizer(&id, &name)) {
                let call = client.delete_authorizer().api_id(api).authorizer_id(id);
                requests.step(call.send().await.gone("apigateway:DELETE"))?;
            }
        }
        Ok(())
    }
}

fn authorizer(id: &str, name: &str) -> String {
    format!("{AUTHORIZER}{name} ({id})")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use grail_state::{Digester, Handle, Proof, Remote, ResourceId};
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::testing::{Canned, reply};
    use crate::port::{Delete, Provider, erase};

    fn provider(cloud: &Canned) -> Arc<dyn Provider> {
        let context = cloud.context_of::<WebsocketApi>();
        erase(WebsocketApi::new(context), Arc::new(Digester::new([7; 32])))
    }

    fn authorizers() -> Value {
        json!({"items": [{"authorizerId": "a1", "name": "gate"}, {"authorizerId": "a2", "name": "gate"}]})
    }

    #[tokio::test]
    async fn stages_and_authorizers_of_others_are_told() {
        let stages = json!({"items": [{"stageName": "api"}, {"stageName": "theirs"}]});
        let cloud = Canned::new([reply(200, stages), reply(200, authorizers())]);
        let have = Remote {
            handle: Handle("ws".to_owned()),
            spec: Value::Null,
            outputs: Default::default(),
            proof: Proof::Ours,
            additions: Vec::new(),
        };
        let ours = (WebsocketStage::KIND, Handle("ws/api".to_owned()));
        let found = provider(&cloud).examine(&have, &Kin::from_iter([ours])).await;
        let told = ["stage theirs", "authorizer gate (a1)", "authorizer gate (a2)"];
        assert_eq!(
            (found.additions, found.unseen.len()),
            (told.map(ToOwned::to_owned).to_vec(), 0)
        );
    }

    #[tokio::test]
    async fn routes_go_before_authorizers_and_only_what_is_named() {
        let routes = json!({"items": [{"routeId": "r1", "routeKey": "theirs"}, {"routeId": "r2", "routeKey": "$connect"}]});
        let done = || reply(204, "");
        let cloud = Canned::new([
            reply(200, routes),
            done(),
            done(),
            reply(200, authorizers()),
            done(),
        ]);
        let id = ResourceId::new(WebsocketApi::KIND, "ws");
        let request = Delete {
            id: &id,
            handle: &Handle("ws".to_owned()),
            spec: &Value::Null,
            outputs: &Default::default(),
        };
        let children = ["authorizer gate (a2)", "route theirs", "stage theirs"];
        provider(&cloud)
            .prune(request, &children.map(ToOwned::to_owned))
            .await
            .unwrap();
        let asked: Vec<_> = cloud.asked().into_iter().map(|asked| asked.line).collect();
        let writes: Vec<_> = asked.iter().filter(|line| line.starts_with("DELETE")).collect();
        let calls = [
            "DELETE /v2/apis/ws/routes/r1",
            "DELETE /v2/apis/ws/stages/theirs",
            "DELETE /v2/apis/ws/authorizers/a2",
        ];
        assert_eq!(writes, calls.iter().collect::<Vec<_>>());
    }
}
