//! The rules of one kind that has nothing but a name and a value.

use grail_providers::port::{Cost, Diff, Invalid, Lane, RuleBook, Rules, Undelete};
use grail_state::journal::Sealed;
use grail_state::{Kind, Remote, Template, Wire};
use serde_json::Value;

use crate::engine::machine::Unseal;

pub(super) const KIND: Kind = Kind::new("thing");

pub(super) struct Things;

impl Rules for Things {
    fn kind(&self) -> Kind {
        KIND
    }
    fn check(&self, _: &Template) -> Result<(), Vec<Invalid>> {
        Ok(())
    }
    fn project(&self, spec: &Template) -> Result<Value, Vec<Invalid>> {
        Ok(spec.with_stand_ins())
    }
    fn compare(&self, wanted: &Value, have: &Remote) -> Diff {
        Diff::between(wanted, &have.spec, &[])
    }
    fn lane(&self, _: &Value) -> Option<Lane> {
        None
    }
    fn undelete(&self) -> Undelete {
        Undelete::Exact
    }
    fn name_bound(&self) -> bool {
        true
    }
    fn spared_in_use(&self) -> bool {
        false
    }
    fn volatile_outputs(&self) -> &'static [&'static str] {
        &[]
    }
    fn wires(&self) -> &'static [Wire] {
        &[]
    }
    fn reads(&self) -> Cost {
        Cost::default()
    }
    fn actions(&self) -> &'static [&'static str] {
        &[]
    }
    fn schema(&self) -> Value {
        Value::Null
    }
    fn label(&self, _: &Value) -> Option<String> {
        None
    }
}

impl RuleBook for Things {
    fn rules(&self, kind: &Kind) -> Option<&dyn Rules> {
        (*kind == KIND).then_some(self as &dyn Rules)
    }
}

impl Unseal for Things {
    fn unseal(&self, _: &Sealed) -> Result<Value, String> {
        Err("nothing is sealed here".to_owned())
    }
}
