//! Somebody's word on a plan, given between its making and its first write.

use async_trait::async_trait;

use super::EngineError;
use crate::plan::Plan;

/// Says whether a plan may be carried out.
#[async_trait]
pub trait Approval: Send {
    /// Looks at the plan that is about to be carried out. May take as long as a person does; a request to stop ends the wait.
    ///
    /// # Errors
    /// Why it may not be. Nothing has been changed by it then.
    async fn approve(&mut self, plan: &Plan) -> Result<(), EngineError>;
}

/// A plan that somebody has agreed to: any other is refused, with what has changed since.
#[async_trait]
impl Approval for Plan {
    async fn approve(&mut self, plan: &Plan) -> Result<(), EngineError> {
        let changes = self.changes_to(plan);
        if changes.is_empty() {
            Ok(())
        } else {
            Err(EngineError::PlanChanged(changes))
        }
    }
}
