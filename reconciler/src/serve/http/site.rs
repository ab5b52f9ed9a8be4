//! What every answer is made from: one for a listener.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::secret::{Key, Secret};
use super::session::Sessions;
use super::settings::{HttpError, HttpSettings, Limits};
use super::tls;
use crate::engine::StopSignal;
use crate::serve::board::{Board, Control, StageKey, StageReport};

/// Tells the time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// One that `tells` it.
    pub fn new(tells: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(tells))
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl Default for Clock {
    /// The clock on the wall.
    fn default() -> Self {
        Self::new(Timestamp::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Who may come in.
#[derive(Debug)]
pub(super) enum Door {
    /// Whoever is on this machine, from no other origin.
    Loopback,
    /// Who shows the token, or a certificate where such are asked for.
    Guarded {
        /// The token.
        token: Option<Secret>,
    },
}

/// What opens the door. It can be another without a restart.
pub(super) struct Keys {
    /// Who may come in.
    pub(super) door: Door,
    /// Sessions of browsers.
    pub(super) sessions: Sessions,
    /// The secrets of webhooks, by project.
    pub(super) webhooks: BTreeMap<String, Secret>,
}

impl Keys {
    /// What the settings say, and the files that they name hold now. `key` is where nothing is shared with other replicas.
    pub(super) fn of(settings: &HttpSettings, address: SocketAddr, key: &Key) -> Result<Self, HttpError> {
        let door = if settings.guarded() {
            Door::Guarded {
                token: settings.token.clone(),
            }
        } else if address.ip().is_loopback() {
            Door::Loopback
        } else {
            return Err(HttpError::Open(address));
        };
        let certificate = settings.certificate.as_ref();
        let private = certificate.map(tls::private).transpose()?;
        Ok(Self {
            door,
            sessions: Sessions::new(settings.token.as_ref(), private.as_ref(), key),
            webhooks: settings.webhooks.clone(),
        })
    }
}

/// See the module.
pub(super) struct Site {
    /// What is known.
    pub(super) board: Arc<Board>,
    /// What is asked for.
    pub(super) control: Arc<dyn Control>,
    /// Who may come in.
    keys: RwLock<Arc<Keys>>,
    /// Compares tokens.
    pub(super) key: Key,
    /// The stages that were looked at once, here or elsewhere.
    seen: Mutex<BTreeSet<StageKey>>,
    /// How this process is called.
    pub(super) replica: String,
    /// What time it is.
    pub(super) clock: Clock,
    /// Limits.
    pub(super) limits: Limits,
    /// Who may listen to events at once.
    pub(super) listeners: Arc<Semaphore>,
    /// Stands before the number of each notice: numbers begin anew with the process.
    pub(super) boot: String,
    /// When to end what does not end by itself.
    pub(super) stop: StopSignal,
}

impl Site {
    pub(super) fn new(
        settings: HttpSettings,
        address: SocketAddr,
        board: Arc<Board>,
        control: Arc<dyn Control>,
        stop: StopSignal,
    ) -> Result<Self, HttpError> {
        let key = Key::random()?;
        let keys = Keys::of(&settings, address, &key)?;
        let mut boot = Key::random()?.sign("boot");
        boot.truncate(8);
        Ok(Self {
            board,
            control,
            keys: RwLock::new(Arc::new(keys)),
            key,
            seen: Mutex::default(),
            replica: settings.replica,
            clock: settings.clock,
            limits: settings.limits,
            listeners: Arc::new(Semaphore::new(settings.limits.listeners)),
            boot,
            stop,
        })
    }

    /// Who may come in, as it is now.
    pub(super) fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// These may come in from now on. Who listens already goes on.
    pub(super) fn change(&self, keys: Keys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// Which of these stages `is_unseen` says of, and has said of whenever it was asked.
    pub(super) fn unseen(
        &self,
        stages: &[Arc<StageReport>],
        is_unseen: impl Fn(&StageReport) -> bool,
    ) -> Vec<StageKey> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *seen);
        let mut unseen = Vec::new();
        for report in stages {
            if is_unseen(report) && !before.contains(&report.key) {
                unseen.push(report.key.clone());
            } else {
                seen.insert(report.key.clone());
            }
        }
        unseen
    }

    /// The id of an event.
    pub(super) fn event_id(&self, number: u64) -> String {
        format!("{}-{number}", self.boot)
    }

    /// The number in the id of an event of this process.
    pub(super) fn event_number(&self, id: &str) -> Option<u64> {
        let (boot, number) = id.split_once('-')?;
        (boot == self.boot).then(|| number.parse().ok())?
    }
}
