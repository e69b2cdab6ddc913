//! A proxy between a run and a server. It logs every request and can hold the put of `info.json` that commits an image.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Maximum size of the head of a request, in bytes.
const MAX_HEAD_BYTES: u64 = 64 << 10;

/// The document whose put commits the image of a meeting.
const INFO_JSON: &str = "/image/info.json";

/// The header that carries a mark, in lower case.
const MARK_HEADER: &str = "x-amz-meta-iiif-publish-mark: ";

/// A logged request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The number of the run that sent it.
    pub run: usize,
    pub at: Duration,
    pub method: String,
    pub path: String,
    /// The state in the mark of a put.
    pub state: Option<String>,
}

impl Request {
    pub fn is_write(&self) -> bool {
        matches!(self.method.as_str(), "PUT" | "DELETE" | "POST")
    }
}

/// The requests of both runs, in the order in which they were forwarded.
#[derive(Debug)]
pub struct Log {
    begun: Instant,
    requests: Mutex<Vec<Request>>,
}

impl Log {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { begun: Instant::now(), requests: Mutex::default() })
    }

    pub fn requests(&self) -> Vec<Request> {
        locked(&self.requests).clone()
    }

    fn note(&self, run: usize, head: &Head) {
        let Head { method, path, state, .. } = head;
        let (method, path, state) = (method.clone(), path.clone(), state.clone());
        locked(&self.requests).push(Request { run, at: self.begun.elapsed(), method, path, state });
    }
}

/// Holds the first commit of a run until it is opened or closed.
#[derive(Debug, Default)]
pub struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum GateState {
    /// Commits are forwarded.
    #[default]
    Open,
    /// The next commit is held.
    Armed,
    /// A commit is held.
    Held,
    /// Commits are dropped.
    Closed,
}

impl Gate {
    pub fn arm(&self) {
        *locked(&self.state) = GateState::Armed;
    }

    pub fn is_holding(&self) -> bool {
        *locked(&self.state) == GateState::Held
    }

    /// Forwards commits.
    pub fn open(&self) {
        self.set(GateState::Open);
    }

    /// Drops commits.
    pub fn close(&self) {
        self.set(GateState::Closed);
    }

    fn set(&self, state: GateState) {
        *locked(&self.state) = state;
        self.changed.notify_all();
    }

    /// Waits at the gate. Returns `true` if the commit may be forwarded and `false` if it is dropped.
    fn pass(&self) -> bool {
        let mut state = locked(&self.state);
        if *state == GateState::Armed {
            *state = GateState::Held;
        }
        while *state == GateState::Held {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        *state != GateState::Closed
    }
}

/// A local port that forwards to a server.
pub struct Proxy {
    address: SocketAddr,
    pub gate: Arc<Gate>,
    is_over: Arc<AtomicBool>,
}

impl Proxy {
    /// Starts the proxy of the run with this number.
    pub fn new(endpoint: &str, run: usize, log: &Arc<Log>) -> Self {
        let server: SocketAddr = endpoint.trim_start_matches("http://").parse().expect("an address with a port");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (gate, is_over) = (Arc::new(Gate::default()), Arc::new(AtomicBool::new(false)));
        let relay = Relay { server, run, log: Arc::clone(log), gate: Arc::clone(&gate) };
        let over = Arc::clone(&is_over);
        thread::spawn(move || {
            for client in listener.incoming().flatten().take_while(|_| !over.load(Ordering::Relaxed)) {
                let relay = relay.clone();
                thread::spawn(move || relay.relay(client));
            }
        });
        Self { address, gate, is_over }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.gate.close();
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

#[derive(Clone)]
struct Relay {
    server: SocketAddr,
    run: usize,
    log: Arc<Log>,
    gate: Arc<Gate>,
}

impl Relay {
    fn relay(&self, client: TcpStream) {
        let Ok(server) = TcpStream::connect(self.server) else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let (mut from_server, mut to_client) =
            (server.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
        let down = thread::spawn(move || {
            let _ = io::copy(&mut from_server, &mut to_client);
            let _ = to_client.shutdown(Shutdown::Write);
        });
        let _ = self.requests(BufReader::new(client), &server);
        let _ = server.shutdown(Shutdown::Write);
        let _ = down.join();
    }

    /// Forwards requests one by one.
    fn requests(&self, mut client: BufReader<TcpStream>, mut server: &TcpStream) -> io::Result<()> {
        while let Some(head) = Head::read(&mut client)? {
            if head.is_commit() && !self.gate.pass() {
                return Ok(());
            }
            self.log.note(self.run, &head);
            server.write_all(&head.bytes)?;
            io::copy(&mut (&mut client).take(head.body_bytes), &mut server)?;
        }
        Ok(())
    }
}

/// The head of a request.
struct Head {
    bytes: Vec<u8>,
    method: String,
    path: String,
    body_bytes: u64,
    state: Option<String>,
}

impl Head {
    /// Reads a head. Returns `None` at the end of the connection.
    fn read(client: &mut BufReader<TcpStream>) -> io::Result<Option<Self>> {
        let mut head = client.take(MAX_HEAD_BYTES);
        let mut bytes = Vec::new();
        while head.read_until(b'\n', &mut bytes)? > 0 {
            if bytes.ends_with(b"\r\n\r\n") {
                return Ok(Some(Self::parse(bytes)));
            }
        }
        Ok(None)
    }

    fn is_commit(&self) -> bool {
        let is_info_json = self.path.split('?').next().is_some_and(|path| path.ends_with(INFO_JSON));
        self.method == "PUT" && is_info_json && self.state.as_deref() == Some("settling")
    }

    fn parse(bytes: Vec<u8>) -> Self {
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.lines();
        let mut request = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
        let (method, path) = (request.next().unwrap_or_default(), request.next().unwrap_or_default());
        let (mut body_bytes, mut state) = (0, None);
        for line in lines {
            let lower = line.to_lowercase();
            assert!(!lower.starts_with("transfer-encoding:"), "the program sends lengths: {line}");
            if let Some(length) = lower.strip_prefix("content-length: ") {
                body_bytes = length.trim().parse().expect("a length");
            }
            if let Some(mark) = lower.strip_prefix(MARK_HEADER) {
                state = mark.split(';').find_map(|field| field.strip_prefix("state=")).map(str::to_owned);
            }
        }
        Self { bytes, method, path, body_bytes, state }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
