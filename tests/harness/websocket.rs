//! A visitor of a WebSocket API: one connection, text both ways. As much of RFC 6455 as a test speaks: whole frames.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use crate::web::{loopback, port_of};

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
/// A client must mask what it sends; with what is its own choice.
const MASK: [u8; 4] = [1, 2, 3, 4];
/// The answer to it is not checked: who upgrades at all on a loopback port speaks WebSocket.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const PATIENCE: Duration = Duration::from_secs(60);

/// An open connection. Closed when dropped.
#[derive(Debug)]
pub struct WebSocket {
    stream: TcpStream,
}

impl WebSocket {
    /// Connects to `ws://<loopback name>:<port>/<path>`. The name travels in the header `Host`; see [`crate::web::visit`].
    ///
    /// # Errors
    /// The status line, where the server does not upgrade the connection.
    ///
    /// # Panics
    /// Where `url` is not a loopback `ws` address, or nothing answers there.
    pub fn connect(url: &str) -> Result<WebSocket, String> {
        assert!(url.starts_with("ws://"), "{url} is no ws:// address");
        let uri = loopback(url);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let host = uri.authority().map(ToString::to_string).unwrap_or_default();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        let shaken = open(port_of(&uri), &request);
        let (stream, head) = shaken.unwrap_or_else(|error| panic!("connecting to {url}: {error}"));
        let status = head.lines().next().unwrap_or_default();
        if status.split(' ').nth(1) == Some("101") {
            Ok(WebSocket { stream })
        } else {
            Err(status.to_owned())
        }
    }

    /// Sends a text.
    ///
    /// # Panics
    /// Where the connection is lost.
    pub fn say(&mut self, text: &str) {
        self.send(TEXT, text.as_bytes())
            .unwrap_or_else(|error| panic!("saying {text:?} over a WebSocket: {error}"));
    }

    /// Waits for the next text; none where the server closes the connection instead.
    ///
    /// # Panics
    /// Where nothing comes for a minute, or something that is neither.
    pub fn hear(&mut self) -> Option<String> {
        loop {
            let (kind, bytes) = self
                .receive()
                .unwrap_or_else(|error| panic!("listening to a WebSocket: {error}"));
            match kind {
                TEXT => return Some(String::from_utf8_lossy(&bytes).into_owned()),
                CLOSE => return None,
                PING => self.send(PONG, &bytes).expect("answering a ping"),
                other => panic!("a frame of kind {other} on a WebSocket of text"),
            }
        }
    }

    /// Says a text and waits for what is said next.
    pub fn ask(&mut self, text: &str) -> Option<String> {
        self.say(text);
        self.hear()
    }

    fn send(&mut self, kind: u8, bytes: &[u8]) -> io::Result<()> {
        let mut frame = vec![FINAL | kind];
        match u8::try_from(bytes.len()) {
            Ok(short) if short < 126 => frame.push(MASKED | short),
            _ => {
                let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
                frame.push(MASKED | 126);
                frame.extend(length.to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(
            bytes
                .iter()
                .zip(MASK.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        self.stream.write_all(&frame)
    }

    fn receive(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let [kind, length] = self.take()?;
        let length = match length {
            126 => usize::from(u16::from_be_bytes(self.take()?)),
            127 => usize::try_from(u64::from_be_bytes(self.take()?)).map_err(io::Error::other)?,
            short => usize::from(short),
        };
        if kind & FINAL == 0 {
            return Err(io::Error::other("a frame that is part of a message"));
        }
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes)?;
        Ok((kind & !FINAL, bytes))
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl Drop for WebSocket {
    fn drop(&mut self) {
        // Best effort: the server may have gone first.
        let _ = self.send(CLOSE, &1000_u16.to_be_bytes());
    }
}

/// Sends the request and reads the head of the answer to the byte: what follows are frames.
fn open(port: u16, request: &str) -> io::Result<(TcpStream, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok((stream, String::from_utf8_lossy(&head).into_owned()))
}
