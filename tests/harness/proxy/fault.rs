//! Faults by rule: which call is struck, and how.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::call::Call;

/// Which calls a rule or a gate is about.
#[derive(Debug, Clone)]
pub struct On {
    what: What,
    about: Option<String>,
    which: Which,
}

#[derive(Debug, Clone)]
enum What {
    Operation(String),
    Writes,
    Everything,
}

#[derive(Debug, Clone, Copy)]
enum Which {
    All,
    Nth(usize),
    From(usize),
}

impl On {
    /// Calls of one operation, by AWS's name: `CreateFunction`.
    pub fn operation(name: &str) -> On {
        On::new(What::Operation(name.to_owned()))
    }

    /// Every call that could change something.
    pub fn writes() -> On {
        On::new(What::Writes)
    }

    /// Every call.
    pub fn everything() -> On {
        On::new(What::Everything)
    }

    fn new(what: What) -> On {
        On {
            what,
            about: None,
            which: Which::All,
        }
    }

    /// Only those whose path or body contains this text: a function's name, say.
    pub fn about(mut self, text: &str) -> On {
        self.about = Some(text.to_owned());
        self
    }

    /// Only the `n`th of them, counted from 1.
    pub fn nth(mut self, n: usize) -> On {
        self.which = Which::Nth(n);
        self
    }

    /// The `n`th of them and every later one, counted from 1.
    pub fn from(mut self, n: usize) -> On {
        self.which = Which::From(n);
        self
    }

    /// Whether a call is of the kind meant, its place in the row aside.
    pub(super) fn is_about(&self, call: &Call) -> bool {
        let kind = match &self.what {
            What::Operation(name) => call.name() == name,
            What::Writes => call.is_write(),
            What::Everything => true,
        };
        kind && self.about.as_ref().is_none_or(|text| mentions(call, text))
    }

    /// Whether the `n`th such call is meant.
    pub(super) fn takes(&self, n: usize) -> bool {
        match self.which {
            Which::All => true,
            Which::Nth(wanted) => n == wanted,
            Which::From(first) => n >= first,
        }
    }
}

fn mentions(call: &Call, text: &str) -> bool {
    super::call::decoded(&call.path).contains(text)
        || call.query.values().any(|value| value.contains(text))
        || call.body.to_string().contains(text)
}

/// Whether the emulator sees the request before the fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The fault strikes first: nothing happens in the account.
    None,
    /// The request takes effect; only its answer is lost.
    Done,
}

/// When a request that was lost on the way arrives after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// As soon as this many more calls have arrived at the proxy.
    AfterCalls(usize),
    /// When [`super::Proxy::release_late`] is called.
    WhenReleased,
    /// After this time.
    After(Duration),
}

/// What happens to a call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Refused, without effect, in the form of the service's protocol.
    Refuse {
        /// HTTP status.
        status: u16,
        /// AWS's error code, such as `AccessDeniedException`.
        code: String,
        /// The message beside it.
        message: String,
    },
    /// Answered with success and this JSON text, without effect: what no emulator can be brought to say.
    Answer(String),
    /// Throttled, without effect, with the status and code that this service uses.
    Throttle,
    /// Answered with status 500.
    ServerError(Effect),
    /// The connection is closed without an answer.
    Drop(Effect),
    /// The connection is torn down without an answer: the client's next read fails instead of finding an end.
    Reset(Effect),
    /// The connection is closed without an answer; the request takes effect later.
    Late(Arrival),
    /// Answered, but this much later than it would be.
    Delay(Duration),
    /// Never answered: the connection stays open until the client gives up or dies.
    Silence(Effect),
}

impl Fault {
    /// A refusal with this status and code.
    pub fn refuse(status: u16, code: &str, message: &str) -> Fault {
        Fault::Refuse {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
        }
    }

    /// The refusal of a caller without permission, in the code that the service uses.
    pub fn access_denied() -> Fault {
        Fault::refuse(
            403,
            "AccessDeniedException",
            "not authorized to perform this operation",
        )
    }

    /// Its name in a record of calls.
    pub fn name(&self) -> &'static str {
        match self {
            Fault::Refuse { .. } => "refuse",
            Fault::Answer(_) => "answer",
            Fault::Throttle => "throttle",
            Fault::ServerError(Effect::None) => "server error",
            Fault::ServerError(Effect::Done) => "server error after effect",
            Fault::Drop(Effect::None) => "drop",
            Fault::Drop(Effect::Done) => "drop after effect",
            Fault::Reset(Effect::None) => "reset",
            Fault::Reset(Effect::Done) => "reset after effect",
            Fault::Late(_) => "late",
            Fault::Delay(_) => "delay",
            Fault::Silence(Effect::None) => "silence",
            Fault::Silence(Effect::Done) => "silence after effect",
        }
    }
}

/// A rule that was given to a proxy: tells how often it struck.
#[derive(Debug, Clone)]
pub struct Injected {
    struck: Arc<AtomicUsize>,
}

impl Injected {
    /// How many calls it struck so far. A test asserts this, so that a rule that matches nothing cannot pass unseen.
    pub fn struck(&self) -> usize {
        self.struck.load(Ordering::SeqCst)
    }
}

#[derive(Debug)]
struct Rule {
    on: On,
    strikes: Strikes,
    seen: usize,
    struck: Arc<AtomicUsize>,
}

#[derive(Debug)]
enum Strikes {
    /// Every call that is taken.
    With(Fault),
    /// The calls that are taken, one fault after the other; then none.
    InTurn(Vec<Fault>),
    /// Nothing before the `n`th call that is taken, and from then on every call of whatever kind.
    All(usize, Fault),
}

impl Rule {
    /// The fault for this call, which is one of those meant or, for [`Strikes::All`], any.
    fn strike(&mut self, call: &Call) -> Option<Fault> {
        let is_meant = self.on.is_about(call);
        self.seen += usize::from(is_meant);
        match &self.strikes {
            Strikes::With(fault) if is_meant && self.on.takes(self.seen) => Some(fault.clone()),
            Strikes::InTurn(faults) if is_meant => faults.get(self.seen - 1).cloned(),
            Strikes::All(from, fault) if self.seen >= *from => Some(fault.clone()),
            _ => None,
        }
    }
}

/// The rules of one proxy, oldest first; the first that takes a call strikes it.
#[derive(Debug, Default)]
pub(super) struct Faults {
    rules: Mutex<Vec<Rule>>,
}

impl Faults {
    pub(super) fn add(&self, on: On, fault: Fault) -> Injected {
        self.push(on, Strikes::With(fault))
    }

    pub(super) fn add_in_turn(&self, on: On, faults: &[Fault]) -> Injected {
        self.push(on, Strikes::InTurn(faults.to_vec()))
    }

    pub(super) fn add_after(&self, on: On, from: usize, fault: Fault) -> Injected {
        self.push(on, Strikes::All(from, fault))
    }

    fn push(&self, on: On, strikes: Strikes) -> Injected {
        let struck = Arc::new(AtomicUsize::new(0));
        self.rules().push(Rule {
            on,
            strikes,
            seen: 0,
            struck: Arc::clone(&struck),
        });
        Injected { struck }
    }

    pub(super) fn clear(&self) {
        self.rules().clear();
    }

    /// The fault for this call, if any. Every rule counts the calls that it is about, struck or not.
    pub(super) fn strike(&self, call: &Call) -> Option<Fault> {
        let mut chosen = None;
        for rule in self.rules().iter_mut() {
            let fault = rule.strike(call);
            if chosen.is_none() && fault.is_some() {
                rule.struck.fetch_add(1, Ordering::SeqCst);
                chosen = fault;
            }
        }
        chosen
    }

    fn rules(&self) -> std::sync::MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
