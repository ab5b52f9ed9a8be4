//! What a service manager is told: datagrams to the socket that `NOTIFY_SOCKET` names (sd_notify(3)). Where there is none,
//! nobody is told.
//!
//! For `Type=notify`. Not for `Type=notify-reload`, which wants to know the time by a clock that is not read here.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::environment::Environment;

/// The service manager, if one listens. Clones tell the same one.
#[derive(Clone, Debug, Default)]
pub struct Systemd {
    socket: Option<Arc<Socket>>,
    watchdog: Option<Duration>,
}

impl Systemd {
    /// As the environment names it: a path, or behind an `@` a name without a file.
    pub fn of(environment: &Environment) -> Self {
        let named = environment.text("NOTIFY_SOCKET");
        let micros = environment
            .text("WATCHDOG_USEC")
            .and_then(|text| text.parse().ok());
        let other = environment
            .text("WATCHDOG_PID")
            .is_some_and(|pid| pid != std::process::id().to_string());
        Self {
            socket: named.as_deref().and_then(Socket::named).map(Arc::new),
            watchdog: micros.filter(|_| !other).map(Duration::from_micros),
        }
    }

    /// Everything is there to serve, also again after a reload.
    pub fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// The configuration is being read anew.
    pub fn reloading(&self) {
        self.tell("RELOADING=1");
    }

    /// The end has begun.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Says from time to time that this still runs, if anybody wants to know, until this is dropped.
    pub async fn lives(&self) {
        let Some(within) = self.watchdog.filter(|time| !time.is_zero()) else {
            return std::future::pending().await;
        };
        loop {
            self.tell("WATCHDOG=1");
            tokio::time::sleep(within / 2).await;
        }
    }

    fn tell(&self, text: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = socket.send(text.as_bytes()) {
            tracing::warn!(%error, "the service manager could not be told");
        }
    }
}

#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Socket {
    socket: std::os::unix::net::UnixDatagram,
    to: std::os::unix::net::SocketAddr,
}

#[cfg(target_os = "linux")]
impl Socket {
    fn named(name: &str) -> Option<Self> {
        use std::os::linux::net::SocketAddrExt as _;
        use std::os::unix::net::{SocketAddr, UnixDatagram};
        let to = match name.strip_prefix('@') {
            Some(hidden) => SocketAddr::from_abstract_name(hidden),
            None if Path::new(name).is_absolute() => SocketAddr::from_pathname(name),
            None => return None,
        };
        let socket = UnixDatagram::unbound().ok()?;
        // One that does not read is no reason to wait.
        socket.set_nonblocking(true).ok()?;
        Some(Self { socket, to: to.ok()? })
    }

    fn send(&self, bytes: &[u8]) -> std::io::Result<()> {
        self.socket.send_to_addr(bytes, &self.to).map(drop)
    }
}

/// There are no such managers.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
struct Socket;

#[cfg(not(target_os = "linux"))]
impl Socket {
    fn named(_name: &str) -> Option<Self> {
        let _never: Option<&Path> = None;
        None
    }

    fn send(&self, _bytes: &[u8]) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    use super::*;

    fn told(manager: &UnixDatagram) -> String {
        let mut bytes = [0; 256];
        let length = manager.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    fn at(name: &str) -> Systemd {
        Systemd {
            socket: Some(Arc::new(Socket::named(name).unwrap())),
            watchdog: Some(Duration::from_millis(20)),
        }
    }

    #[tokio::test]
    async fn a_manager_is_told_at_a_path_and_at_a_hidden_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let hidden = format!("grail-test-{}", std::process::id());
        let managers = [
            (UnixDatagram::bind(&path).unwrap(), path.display().to_string()),
            (
                UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&hidden).unwrap()).unwrap(),
                format!("@{hidden}"),
            ),
        ];
        for (manager, name) in managers {
            let systemd = at(&name);
            systemd.ready("2 stages");
            systemd.reloading();
            systemd.stopping();
            assert_eq!(told(&manager), "READY=1\nSTATUS=2 stages");
            assert_eq!(told(&manager), "RELOADING=1");
            assert_eq!(told(&manager), "STOPPING=1");
            tokio::select! {
                () = systemd.lives() => {}
                () = tokio::time::sleep(Duration::from_millis(1)) => {}
            }
            assert_eq!(told(&manager), "WATCHDOG=1");
        }
    }

    #[test]
    fn nobody_is_told_where_nobody_listens() {
        Systemd::default().ready("");
        assert!(Socket::named("relative/path").is_none());
        let folder = tempfile::tempdir().unwrap();
        at(&folder.path().join("nobody").display().to_string()).stopping();
    }
}
