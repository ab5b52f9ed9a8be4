//! The roles of functions, and the policy files that projects bring.

use std::collections::BTreeSet;
use std::path::Path;

use grail_state::{Kind, ResourceId, Template};
use serde_json::{Value, json};

use super::Lowering;
use crate::source::chalice::config::{FunctionConfig, RoleChoice};
use crate::source::chalice::diagnostic::Place;
use crate::source::chalice::{names, policy};

pub(super) const ROLE: Kind = Kind::new("iam_role");

impl Lowering<'_> {
    /// The ARN of the function's role; adds the role where it is ours to make.
    pub(super) fn role(&mut self, config: &FunctionConfig) -> Template {
        let (app, stage) = (self.config.app_name(), self.config.stage_name());
        let (logical, name, document) = match &config.role {
            RoleChoice::Given(arn) => return Template::Lit(json!(arn)),
            RoleChoice::Shared => {
                let document = policy::generated(self.app, self.config, &self.sharing());
                (
                    names::SHARED_ROLE.to_owned(),
                    names::shared_role(app, stage),
                    document,
                )
            }
            RoleChoice::Own(file) => {
                let asked = self.config.place("iam_policy_file", Some(&config.name));
                let asked = asked.or_else(|| self.config.place("autogen_policy", Some(&config.name)));
                let document = self.read_policy(file, asked);
                (
                    names::own_role_logical(&config.name),
                    names::own_role(app, stage, &config.name),
                    document,
                )
            }
        };
        let id = ResourceId::new(ROLE, logical);
        let policies = Value::Object([(name.clone(), document)].into_iter().collect());
        let spec = json!({"name": name, "trust": policy::trust(), "policies": policies});
        let place = self.setting("autogen_policy", Some(&config.name));
        self.add(id.clone(), Template::Lit(spec), BTreeSet::new(), place);
        Template::reference(id, "arn")
    }

    /// The functions that share the generated role.
    fn sharing(&self) -> Vec<FunctionConfig> {
        let functions = self.app.deployed_functions();
        let configs = functions
            .iter()
            .map(|function| self.config.function(&function.name));
        configs
            .filter(|config| config.role == RoleChoice::Shared)
            .collect()
    }

    pub(super) fn read_policy(&mut self, file: &Path, asked: Option<Place>) -> Value {
        policy::from_file(self.project, file, asked).unwrap_or_else(|problems| {
            // Functions may share a file: its fault is told once.
            for problem in problems.0 {
                if !self.problems.iter().any(|known| known.message == problem.message) {
                    self.problems.push(problem);
                }
            }
            Value::Null
        })
    }
}
