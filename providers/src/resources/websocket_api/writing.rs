//! Brings the routes of an API to the wanted ones: all at once those that are wanted, then what has had its day.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_apigatewayv2::types::{
    AuthorizationType, ConnectionType, ContentHandlingStrategy, Integration, IntegrationType, ProtocolType,
    Route as LiveRoute,
};

use futures::future::join_all;

use super::reading::{Head, RESPONSE_KEY, Reading, called, is_plain, target_id, uri_of};
use super::{Before, Route, WebsocketApi};
use crate::aws::Outcome;
use crate::aws::arn::Arn;
use crate::aws::outcome::Sequence;
use crate::port::Failure;
use crate::resources::rest_api::patiently;

/// Which part of a message names its route; Chalice always sets it.
const SELECTION: &str = "$request.body.action";

impl WebsocketApi {
    /// Makes an API without routes.
    pub(super) async fn make(&self, name: &str, description: &str) -> Result<Head, Failure> {
        let sent = self.context.clients.apigatewayv2.write().create_api();
        let answer = sent
            .name(name)
            .protocol_type(ProtocolType::Websocket)
            .route_selection_expression(SELECTION)
            .description(description)
            .send()
            .await;
        let wait = (
            "API Gateway, which makes few APIs at once",
            Duration::from_secs(3),
        );
        patiently(answer, "apigateway:POST", wait).map(Head::from)
    }

    /// Gives the API another name.
    pub(super) async fn rename(&self, id: &str, name: &str) -> Result<(), Failure> {
        let sent = self.context.clients.apigatewayv2.write().update_api();
        let answer = sent.api_id(id).name(name).send().await;
        answer.wrote("apigateway:PATCH").map(drop)
    }

    /// Makes the routes of the API in `reading` those in `want`. Of the others, those that `had` knows go, and the
    /// rest stays. Last go the integrations that nothing leads to any more, if they are of Chalice's form and call what
    /// routes of ours called.
    pub(super) async fn converge(
        &self,
        mut reading: Reading,
        want: &BTreeMap<String, Route>,
        had: &Before<'_>,
        sequence: &mut Sequence,
    ) -> Result<BTreeMap<String, Route>, Failure> {
        let used = self.functions_in(&reading, want, had);
        let laid = join_all(want.iter().map(|(key, route)| self.lay(&reading, key, route))).await;
        let mut made = BTreeMap::new();
        for (route, live) in sequence.together(laid)? {
            let key = live.route_key().unwrap_or_default().to_owned();
            reading.routes.retain(|before| before.route_key() != Some(&key));
            reading.routes.push(live);
            made.insert(key, route);
        }
        for key in had.keys.iter().filter(|key| !want.contains_key(**key)) {
            self.drop_route(&mut reading, key, sequence).await?;
        }
        for id in self.idle(&reading, &used) {
            let sent = self.context.clients.apigatewayv2.write().delete_integration();
            let answer = sent.api_id(&reading.head.id).integration_id(&id).send().await;
            sequence.step(answer.gone("apigateway:DELETE"))?;
        }
        Ok(made)
    }

    /// Makes the route under `key` lead to the integration that it needs: the route, and how it is live.
    async fn lay(
        &self,
        reading: &Reading,
        key: &str,
        route: &Route,
    ) -> (Sequence, Result<(Route, LiveRoute), Failure>) {
        let mut sequence = Sequence::default();
        let laid = async {
            let integration = self.integrate(reading, key, route, &mut sequence).await?;
            let live = self.lead(reading, key, &integration, &mut sequence).await?;
            let route = Route {
                integration: Some(integration),
                ..route.clone()
            };
            Ok((route, live))
        };
        let laid = laid.await;
        (sequence, laid)
    }

    /// The integration that `route` needs: the one it names, the one it leads to, one that is there, or a new one.
    async fn integrate(
        &self,
        reading: &Reading,
        key: &str,
        route: &Route,
        sequence: &mut Sequence,
    ) -> Result<String, Failure> {
        let named = route.integration.as_deref();
        if let Some(named) = named.filter(|id| reading.integration(id).is_some()) {
            return Ok(named.to_owned());
        }
        if let Some(fitting) = self.fitting(reading, key, route) {
            return Ok(fitting);
        }
        if Arn::parse(&route.function).is_none() {
            let text = format!(
                "`{}` is no function that the route {key} could call",
                route.function
            );
            return sequence.look(Err(Failure::refused(text)));
        }
        let uri = uri_of(&self.context, &route.function);
        let sent = self.context.clients.apigatewayv2.write().create_integration();
        let answer = sent
            .api_id(&reading.head.id)
            .connection_type(ConnectionType::Internet)
            .content_handling_strategy(ContentHandlingStrategy::ConvertToText)
            .description(&route.description)
            .integration_type(IntegrationType::AwsProxy)
            .integration_uri(&uri)
            .send()
            .await;
        let made = sequence.step(answer.wrote("apigateway:POST"))?;
        let nameless = || Failure::maybe("the new integration has no id", Duration::from_secs(1));
        sequence.look(made.integration_id.ok_or_else(nameless))
    }

    fn fitting(&self, reading: &Reading, key: &str, route: &Route) -> Option<String> {
        let fits = |one: &&Integration| {
            called(&self.context, one) == Some(&route.function)
                && one.description().unwrap_or_default() == route.description
        };
        let present = reading.route(key).and_then(target_id);
        let present = present.and_then(|id| reading.integration(id)).filter(fits);
        let fitting = present.or_else(|| reading.integrations.iter().find(fits))?;
        fitting.integration_id().map(ToOwned::to_owned)
    }

    /// Makes the route under `key` lead to `integration`, in Chalice's form.
    async fn lead(
        &self,
        reading: &Reading,
        key: &str,
        integration: &str,
        sequence: &mut Sequence,
    ) -> Result<LiveRoute, Failure> {
        let api = reading.head.id.clone();
        let target = format!("integrations/{integration}");
        let client = self.context.clients.apigatewayv2.write();
        let live = LiveRoute::builder().route_key(key).target(&target);
        let Some(before) = reading.route(key) else {
            let sent = client.create_route().api_id(api).route_key(key);
            let answer = sent
                .route_response_selection_expression(RESPONSE_KEY)
                .target(&target)
                .send()
                .await;
            let taken = || {
                Failure::later(
                    format!("somebody made the route {key} meanwhile"),
                    Duration::from_secs(1),
                )
            };
            let made = answer
                .made("apigateway:POST")
                .and_then(|made| made.ok_or_else(taken));
            let made = sequence.step(made)?;
            return Ok(live.set_route_id(made.route_id).build());
        };
        let live = live.set_route_id(before.route_id.clone()).build();
        if before.target() == Some(&target) && is_plain(before) {
            return Ok(live);
        }
        let mut sent = client
            .update_route()
            .api_id(api)
            .set_route_id(before.route_id.clone())
            .route_response_selection_expression(RESPONSE_KEY)
            .target(&target);
        if !matches!(before.authorization_type, None | Some(AuthorizationType::None)) {
            sent = sent.authorization_type(AuthorizationType::None);
        }
        if before.api_key_required == Some(true) {
            sent = sent.api_key_required(false);
        }
        let answer = sent.send().await;
        sequence.step(answer.wrote("apigateway:PATCH"))?;
        Ok(live)
    }

    async fn drop_route(
        &self,
        reading: &mut Reading,
        key: &str,
        sequence: &mut Sequence,
    ) -> Result<(), Failure> {
        let Some(id) = reading.route(key).and_then(|live| live.route_id.clone()) else {
            return Ok(());
        };
        let sent = self.context.clients.apigatewayv2.write().delete_route();
        let answer = sent.api_id(&reading.head.id).route_id(&id).send().await;
        sequence.step(answer.gone("apigateway:DELETE"))?;
        reading.routes.retain(|live| live.route_id() != Some(&id));
        Ok(())
    }

    /// The functions that routes of ours call, before or after the change.
    fn functions_in(
        &self,
        reading: &Reading,
        want: &BTreeMap<String, Route>,
        had: &Before<'_>,
    ) -> BTreeSet<String> {
        let wanted = want.values().map(|route| route.function.clone());
        let live = had
            .keys
            .iter()
            .filter_map(|key| reading.route(key))
            .filter_map(target_id);
        let live = live.filter_map(|id| called(&self.context, reading.integration(id)?));
        let live = live.chain(had.left.iter().copied());
        live.map(ToOwned::to_owned).chain(wanted).collect()
    }

    /// The integrations of Chalice's form that call one of `used` and that no route leads to. One that was made just now is
    /// led to, so it need not be in the reading.
    fn idle(&self, reading: &Reading, used: &BTreeSet<String>) -> Vec<String> {
        let targets: BTreeSet<_> = reading.routes.iter().filter_map(target_id).collect();
        let ours = reading.integrations.iter();
        let ours =
            ours.filter(|one| called(&self.context, one).is_some_and(|function| used.contains(function)));
        let ids = ours.filter_map(Integration::integration_id);
        ids.filter(|id| !targets.contains(id))
            .map(ToOwned::to_owned)
            .collect()
    }
}
