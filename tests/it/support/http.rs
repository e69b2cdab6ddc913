//! The plainest client of HTTP/1: it shows what a server really does.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A response.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Reply {
    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// A connection, and the host that requests name.
pub struct Http(TcpStream, String);

impl Http {
    /// Connects, or fails at once.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self(stream, "s3".to_owned()))
    }

    /// Sets the host of requests.
    pub fn host(self, host: &str) -> Self {
        Self(self.0, host.to_owned())
    }

    /// The time to wait for a response.
    pub fn patience(self, time: Duration) -> Self {
        self.0.set_read_timeout(Some(time)).expect("not zero");
        self
    }

    /// Sends a request, and reads its answer.
    pub fn ask(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Reply> {
        self.0.write_all(&request_to(&self.1, method, target, headers, body))?;
        self.reply(method)
    }

    /// Sends bytes that are a request, and reads its answer, which must have no body.
    pub fn ask_again(&mut self, request: &[u8]) -> io::Result<Reply> {
        self.0.write_all(request)?;
        self.reply("HEAD")
    }

    fn reply(&mut self, method: &str) -> io::Result<Reply> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.read_more(&mut bytes)?;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        let mut reply = Reply { status, head, body: String::new() };
        let length = reply.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        while method != "HEAD" && bytes.len() < end + length {
            self.read_more(&mut bytes)?;
        }
        reply.body = String::from_utf8_lossy(&bytes[end..]).into_owned();
        Ok(reply)
    }

    fn read_more(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let mut buffer = [0; 4096];
        match self.0.read(&mut buffer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            length => {
                bytes.extend_from_slice(&buffer[..length]);
                Ok(())
            }
        }
    }
}

/// The bytes of a request.
pub fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    request_to("s3", method, target, headers, body)
}

fn request_to(host: &str, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let headers = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<Vec<_>>().concat();
    let head = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}
