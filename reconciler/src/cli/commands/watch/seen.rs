//! What each pass says anew and a person need hear once: warnings of the project, the same refusal, the same drift.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use grail_state::Digest;

use crate::cli::commands::validate::remarks;
use crate::cli::refusal::Refusal;
use crate::cli::settings::{Settings, Verbosity};
use crate::cli::wish::{Remark, Remarks};
use crate::cli::{is_human, report, words};
use crate::event::{Event, EventSink, Outcome};
use crate::plan::Plan;

/// What was said in the last pass and in this one.
#[derive(Clone, Default)]
pub(super) struct Told(Arc<Mutex<Passes>>);

#[derive(Default)]
struct Passes {
    before: BTreeSet<String>,
    now: BTreeSet<String>,
}

impl Told {
    /// Another pass begins: what the last one said need not be said again.
    pub(super) fn next_pass(&self) {
        let mut passes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = std::mem::take(&mut passes.now);
        passes.before = now;
    }

    /// True if neither this pass nor the last has said it.
    fn is_new(&self, said: String) -> bool {
        let mut passes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = passes.before.contains(&said);
        passes.now.insert(said) && !known
    }

    /// Remarks that are printed where they are new. That a package was built is no news here.
    pub(super) fn remarks(&self, settings: &Settings) -> Remarks {
        let (told, print) = (self.clone(), remarks(settings));
        let (human, verbose) = (is_human(settings), settings.verbosity == Verbosity::Verbose);
        Arc::new(move |remark| match &remark {
            _ if !human || verbose => print(remark),
            Remark::Packaged { .. } => {}
            said if told.is_new(format!("{said:?}")) => print(remark),
            _ => {}
        })
    }

    /// Tells why a pass did nothing.
    pub(super) fn refused(&self, settings: &Settings, refusal: &Refusal) {
        if let Some(ci) = &settings.ci {
            ci.refused(refusal);
        }
        if !is_human(settings) || self.is_new(format!("{refusal:?}")) {
            words::refuse(refusal, settings.command, settings.output, settings.colour);
        } else {
            again(settings, "the same problem as before\n");
        }
    }

    /// Tells what others have changed.
    pub(super) fn drift(&self, settings: &Settings, plan: &Plan, fingerprint: Option<&Digest>) {
        if !is_human(settings) {
            words::json_line(
                settings.command,
                "drift_reported",
                serde_json::json!({"plan": plan}),
            );
        } else if self.is_new(format!("drift {fingerprint:?}")) {
            let shown = report::plan::human(plan, settings.colour);
            words::words(&format!(
                "Others have changed what is deployed. It is told, and left as it is:\n{shown}"
            ));
        } else {
            again(settings, "what others have changed is still so\n");
        }
    }
}

/// Says that nothing is new. On a terminal the line of state says it.
fn again(settings: &Settings, text: &str) {
    if !settings.draws {
        words::words(text);
    }
}

/// Passes events on, but for what was said before and for the end of a pass that had nothing to do, which the view tells.
pub(super) struct Calm {
    inner: Box<dyn EventSink>,
    human: bool,
    told: Told,
    resumed: Arc<AtomicBool>,
}

impl Calm {
    /// Before `inner`. Sets `resumed` when a transaction is taken up.
    pub(super) fn before(
        inner: Box<dyn EventSink>,
        settings: &Settings,
        told: &Told,
        resumed: Arc<AtomicBool>,
    ) -> Self {
        Self {
            inner,
            human: is_human(settings),
            told: told.clone(),
            resumed,
        }
    }
}

impl EventSink for Calm {
    fn emit(&mut self, event: &Event) {
        match event {
            Event::Resumed { .. } => self.resumed.store(true, Ordering::Release),
            Event::Ended {
                outcome: Outcome::Unchanged,
            } if self.human => return,
            Event::Said { text, .. } if self.human && !self.told.is_new(format!("said {text}")) => return,
            _ => {}
        }
        self.inner.emit(event);
    }
}
