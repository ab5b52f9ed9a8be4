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
            all.extend(page.items.unwrap_or_default().into_iter().filter_map(|one| one.stage_name));
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
            let answer = client.get_authorizers().api_id(api).set_next_token(next).send().await;
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
