//! Browsers that came in with the token: a cookie in its place, and the proof that a form was made by our own page.
//!
//! A cookie says until when it counts and is signed with a key that follows from the token: so it counts at every replica with
//! the same token, survives a restart, and ends when the token is changed. Where there is no token, forms are signed with a key
//! that follows from that of the certificate: replicas with one certificate take each other's. The server keeps nothing. It cannot be read by
//! scripts, and goes along with requests of our own pages only (`SameSite=Strict`).

use jiff::{SignedDuration, Timestamp};

use super::secret::{Key, Secret};

/// How long one counts.
const LASTS: SignedDuration = SignedDuration::from_hours(12);

/// See the module.
#[derive(Debug)]
pub(super) struct Sessions {
    key: Key,
    encrypted: bool,
}

impl Sessions {
    /// Signed by what follows from `token`, else from the certificate's key, or by `key` where there is neither.
    pub(super) fn new(token: Option<&Secret>, private: Option<&Secret>, key: &Key) -> Self {
        let shared = match (token, private) {
            (Some(token), _) => Some((token, "grail session 1")),
            (None, Some(private)) => Some((private, "grail form 1")),
            (None, None) => None,
        };
        Self {
            key: shared.map_or_else(|| key.clone(), |(secret, purpose)| Key::derived(secret, purpose)),
            encrypted: private.is_some(),
        }
    }

    /// The cookie's name: of one with this prefix a browser vouches that it was set over TLS, by this host, for all of it.
    fn name(&self) -> &'static str {
        if self.encrypted { "__Host-grail" } else { "grail" }
    }

    /// What `Set-Cookie` says to who has shown the token.
    pub(super) fn begun(&self, now: Timestamp) -> String {
        let until = (now + LASTS).as_second();
        let signature = self.key.sign(&format!("session {until}"));
        self.cookie(&format!("{until}.{signature}"), LASTS.as_secs())
    }

    /// What `Set-Cookie` says to who leaves.
    pub(super) fn ended(&self) -> String {
        self.cookie("", 0)
    }

    fn cookie(&self, value: &str, seconds: i64) -> String {
        let secure = if self.encrypted { "; Secure" } else { "" };
        format!(
            "{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}",
            self.name()
        )
    }

    /// The session in the header `Cookie`, if there is one that counts.
    pub(super) fn found(&self, cookies: &str, now: Timestamp) -> Option<String> {
        let named = |part: &str| {
            let (name, value) = part.trim().split_once('=')?;
            (name == self.name()).then(|| value.to_owned())
        };
        cookies
            .split(';')
            .filter_map(named)
            .find(|value| self.counts(value, now))
    }

    fn counts(&self, value: &str, now: Timestamp) -> bool {
        value.split_once('.').is_some_and(|(until, signature)| {
            let in_time = until.parse().is_ok_and(|until: i64| now.as_second() < until);
            self.key.verifies(&format!("session {until}"), signature) && in_time
        })
    }

    /// The proof that a form of `session` (empty where there is none) carries.
    pub(super) fn proof(&self, session: &str) -> String {
        self.key.sign(&format!("form {session}"))
    }

    /// Whether a form carries it.
    pub(super) fn proves(&self, session: &str, proof: &str) -> bool {
        self.key.verifies(&format!("form {session}"), proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_counts_until_its_time_and_under_its_token() {
        let key = Key::random().unwrap();
        let token = Secret::new("a token of some length");
        let private = Secret::new("the key of a certificate");
        let sessions = Sessions::new(Some(&token), Some(&private), &key);
        let now = Timestamp::from_second(1_000_000).unwrap();
        let cookie = sessions.begun(now);
        assert!(
            cookie.starts_with("__Host-grail=") && cookie.ends_with("; HttpOnly; SameSite=Strict; Secure")
        );
        let pair = cookie.split(';').next().unwrap();
        let header = format!("theme=dark; {pair}; other=1");
        let session = sessions.found(&header, now).unwrap();
        assert!(sessions.found(&header, now + LASTS).is_none());
        assert!(
            sessions
                .found("grail=1.2; __Host-grail=9999999999.ab", now)
                .is_none()
        );
        // Another replica, another key, the same token; then another token.
        let replica = Sessions::new(Some(&token), Some(&private), &Key::random().unwrap());
        assert!(replica.found(&header, now).is_some());
        let changed = Sessions::new(
            Some(&Secret::new("another token of length")),
            Some(&private),
            &key,
        );
        assert!(changed.found(&header, now).is_none());
        assert!(sessions.proves(&session, &sessions.proof(&session)));
        assert!(!sessions.proves("", &sessions.proof(&session)));
        // A cookie's signature is no proof, and no proof a cookie.
        assert!(!sessions.proves("", session.split_once('.').unwrap().1));
    }

    #[test]
    fn without_a_token_forms_count_at_every_replica_with_the_same_certificate() {
        let of = |private: &str| Sessions::new(None, Some(&Secret::new(private)), &Key::random().unwrap());
        let proof = of("a key").proof("");
        assert!(of("a key").proves("", &proof));
        assert!(!of("another key").proves("", &proof));
    }
}
