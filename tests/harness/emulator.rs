//! The two emulated clouds, each on a loopback port that the system chose, each ended when its value is dropped.
//!
//! Isolation: **one moto server for each test.** moto can keep accounts apart by a header of its own, but bucket names stay
//! global, its access keys map to accounts only after an AssumeRole, and one bad request can break a shared server. A fresh
//! server costs little: one process imports moto once (about 2.5 s) and forks a server for each test in about 20 ms
//! ([`moto`]). MiniStack starts in a quarter of a second, so it is simply started ([`ministack`]).

mod ministack;
mod moto;

pub use ministack::{MiniStack, MiniStackSettings};
pub use moto::Moto;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long an emulator may take to answer at all. A limit for hangs, not a measure: what is waited for is an answer.
const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// Whether something answers a plain GET on this port with a status of success.
fn answers(port: u16, path: &str) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(5)) else {
        return false;
    };
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    let mut start = [0_u8; 12];
    let exchanged = stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .and_then(|()| stream.write_all(request.as_bytes()))
        .and_then(|()| stream.read_exact(&mut start));
    exchanged.is_ok() && start.starts_with(b"HTTP/1.1 2")
}

/// The last lines of a log, for a failure message.
fn tail(log: &std::path::Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
