//! A relay in front of a server, which writes down every request in the order in which it came by.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A port that leads to a server.
pub struct Relay {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Relay {
    /// A relay to the server at `endpoint` (`http://127.0.0.1:8333`).
    pub fn to(endpoint: &str) -> Self {
        let server: SocketAddr = endpoint.trim_start_matches("http://").parse().expect("an address with a port");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        // Ends with the process: a test has no use for a relay that is gone.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                relay(client, server, &seen);
            }
        });
        Self { address, requests }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `PUT /bucket/key?query` and so on, in order.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The number of requests so far.
    pub fn request_count(&self) -> usize {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

fn relay(client: TcpStream, server: SocketAddr, seen: &Arc<Mutex<Vec<String>>>) {
    let Ok(server) = TcpStream::connect(server) else { return };
    // Otherwise small answers wait for acknowledgements.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = (client.try_clone().expect("a socket"), client);
    let (from_server, to_server) = (server.try_clone().expect("a socket"), server);
    let seen = Arc::clone(seen);
    thread::spawn(move || copy(from_client, to_server, |bytes| note(bytes, &seen)));
    thread::spawn(move || copy(from_server, to_client, |_| ()));
}

fn copy(mut from: TcpStream, mut to: TcpStream, mut see: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 1 << 20];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        see(&buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// A client of HTTP/1 sends the head of a request in one piece, at the beginning of what it writes.
fn note(bytes: &[u8], seen: &Mutex<Vec<String>>) {
    let line = bytes.split(|&byte| byte == b'\r').next().and_then(|line| std::str::from_utf8(line).ok());
    if let Some(request) = line.and_then(|line| line.strip_suffix(" HTTP/1.1")) {
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(request.to_owned());
    }
}
