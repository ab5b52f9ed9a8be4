//! stub
use super::settings::Settings;
use crate::event::{Event, EventSink};
struct Raw;
impl EventSink for Raw {
    fn emit(&mut self, e: &Event) {
        super::words::words(&format!(
            "{}\n",
            serde_json::to_string(e)
                .unwrap_or_default()
                .chars()
                .take(600)
                .collect::<String>()
        ));
    }
}
pub fn sink(_s: &Settings, _v: &str) -> Box<dyn EventSink> {
    Box::new(Raw)
}
pub mod plan {
    use crate::plan::Plan;
    pub fn human(p: &Plan, _c: bool) -> String {
        json(p)
    }
    pub fn markdown(p: &Plan) -> String {
        json(p)
    }
    pub fn json(p: &Plan) -> String {
        serde_json::to_string_pretty(p).unwrap_or_default()
    }
}
pub mod chalice {
    use grail_state::chalice::DeployedEntry;
    pub fn deployed(e: &[DeployedEntry]) -> String {
        format!("{e:?}\n")
    }
    pub fn json(_e: &[DeployedEntry]) -> serde_json::Value {
        serde_json::json!({})
    }
}
