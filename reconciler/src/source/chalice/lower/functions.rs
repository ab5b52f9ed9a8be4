//! Functions with what comes before them: the managed layer, the log group, the role.

use std::collections::BTreeSet;

use grail_state::{Kind, ResourceId, Template};
use serde_json::json;

use super::{DeployedFunction, Lowering, function_id, object, origin};
use crate::source::chalice::config::FunctionConfig;
use crate::source::chalice::names;

const LAYER: Kind = Kind::new("lambda_layer");
const LOG_GROUP: Kind = Kind::new("log_group");

impl Lowering<'_> {
    pub(super) fn function(&mut self, function: &DeployedFunction<'_>) {
        let config = self.config.function(&function.name);
        let layer = self.layer();
        self.log_group(function, &config);
        let role = self.role(&config);
        let spec = self.function_spec(function, &config, role, layer);
        let place = function.place.map(origin).or_else(|| self.first_route());
        self.add(function_id(&function.name), spec, BTreeSet::new(), place);
    }

    fn function_spec(
        &self,
        function: &DeployedFunction<'_>,
        config: &FunctionConfig,
        role: Template,
        layer: Option<Template>,
    ) -> Template {
        let vpc = config
            .vpc()
            .map(|(subnets, groups)| json!({"subnet_ids": subnets, "security_group_ids": groups}));
        let plain = json!({
            "name": self.physical(function),
            "handler": function.handler,
            "runtime": self.package.runtime,
            "memory": config.memory_size,
            "timeout": config.timeout,
            "environment": config.environment,
            "tags": config.all_tags(self.config, &self.app.chalice_version),
            "architecture": self.config.lambda_architecture(),
            "vpc": vpc,
            "tracing": if config.xray { "active" } else { "pass_through" },
            "reserved_concurrency": config.reserved_concurrency,
            "code": self.package.code.to_value(),
        });
        let configured = config.layers.iter().map(|arn| Template::Lit(json!(arn)));
        let layers = match layer {
            Some(layer) => Template::List(std::iter::once(layer).chain(configured).collect()),
            None => Template::Lit(json!(config.layers)),
        };
        object(plain, [("role", role), ("layers", layers)])
    }

    fn physical(&self, function: &DeployedFunction<'_>) -> String {
        function.physical(self.config.app_name(), self.config.stage_name())
    }

    /// The ARN of the layer with the requirements; adds the layer where there is one. Lambda takes no empty layer.
    fn layer(&mut self) -> Option<Template> {
        let zip = self.package.layer.as_ref()?;
        let id = ResourceId::new(LAYER, names::LAYER);
        let spec = json!({
            "name": names::layer(self.config.app_name(), self.config.stage_name()),
            "runtime": self.package.runtime,
            "architecture": self.config.lambda_architecture(),
            "code": zip.to_value(),
        });
        let place = self.setting("automatic_layer", None);
        self.add(id.clone(), Template::Lit(spec), BTreeSet::new(), place);
        Some(Template::reference(id, "arn"))
    }

    fn log_group(&mut self, function: &DeployedFunction<'_>, config: &FunctionConfig) {
        let Some(days) = config.log_retention_in_days else {
            return;
        };
        let name = names::log_group(&self.physical(function));
        let id = ResourceId::new(LOG_GROUP, names::log_group_logical(&config.name));
        let place = self.setting("log_retention_in_days", Some(&config.name));
        let spec = json!({"name": name, "retention_days": days});
        self.add(id, Template::Lit(spec), BTreeSet::new(), place);
    }
}
