//! The port and its connections: open, idle, reset and closed.

use super::respond::respond;
use super::{Shared, locked};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::sleep;

/// Ports below the range of outgoing connections. Otherwise, an outgoing connection could get the port while it is
/// closed, and could even connect to itself.
const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 12_000;

/// Delay before another attempt to bind a port or to accept a connection.
const RETRY: Duration = Duration::from_millis(5);

/// Binds a free local port.
pub(super) fn bind_anywhere() -> io::Result<std::net::TcpListener> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Concurrent processes start with different ports.
    let start = u16::try_from(std::process::id() * 31 % u32::from(PORTS)).expect("less than the ports");
    loop {
        let port = FIRST_PORT + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        match std::net::TcpListener::bind(("127.0.0.1", port)) {
            Ok(listener) => {
                listener.set_nonblocking(true)?;
                return Ok(listener);
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => (),
            Err(error) => return Err(error),
        }
    }
}

async fn bind_again(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(_) => sleep(RETRY).await,
        }
    }
}

/// An order to close the port for a time.
pub(super) struct Order {
    down: Duration,
    /// Dropped as soon as the port is closed.
    done: std::sync::mpsc::Sender<Infallible>,
}

impl Order {
    /// Creates an order, and a receiver that disconnects when the port is closed.
    pub(super) fn down(down: Duration) -> (Self, std::sync::mpsc::Receiver<Infallible>) {
        let (done, hung_up) = std::sync::mpsc::channel();
        (Self { down, done }, hung_up)
    }
}

/// Accepts connections and executes orders.
pub(super) async fn listen(
    shared: Arc<Shared>,
    listener: std::net::TcpListener,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let Ok(mut listener) = TcpListener::from_std(listener) else { return };
    let Ok(address) = listener.local_addr() else { return };
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(tokio::spawn(serve(Arc::clone(&shared), stream))),
                Err(_) => sleep(RETRY).await,
            },
            Some(Order { down, done }) = orders.recv() => {
                drop(listener);
                shared.lines.reset_all();
                drop(done);
                // A bound socket that does not listen refuses connections and keeps the port reserved.
                let kept = TcpSocket::new_v4().and_then(|socket| {
                    socket.set_reuseaddr(true)?;
                    socket.bind(address).map(|()| socket)
                });
                sleep(down).await;
                drop(kept);
                listener = bind_again(address).await;
            }
        }
    }
}

/// Closes connections that exceed the idle limit, if one is set.
pub(super) async fn close_idle(shared: Arc<Shared>, mut limits: watch::Receiver<Option<Duration>>) {
    loop {
        let limit = *limits.borrow_and_update();
        if let Some(limit) = limit {
            shared.lines.close_idle(limit);
            sleep(limit / 4).await;
        } else if limits.changed().await.is_err() {
            return;
        }
    }
}

/// The end of a connection.
enum End {
    ByClient,
    Closed,
    Reset,
}

async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    // Without this, small responses wait for acknowledgments.
    let _ = stream.set_nodelay(true);
    let line = shared.lines.open();
    let service = service_fn(|request| {
        let (shared, line) = (Arc::clone(&shared), Arc::clone(&line));
        async move { Ok::<_, Infallible>(respond(&shared, &line, request).await) }
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // In this order, because a reset connection must not send a response.
    let end = tokio::select! {
        biased;
        () = line.reset.notified() => End::Reset,
        () = line.close.notified() => End::Closed,
        _ = &mut connection => End::ByClient,
    };
    if matches!(end, End::Reset) {
        // With a linger time of zero, dropping the socket sends a reset.
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    }
}

/// A connection.
pub(super) struct Line {
    reset: Notify,
    close: Notify,
    /// Start of the idle time, or `None` while a request is in progress.
    idle_since: Mutex<Option<Instant>>,
}

impl Line {
    /// Resets the connection. The future never completes, so a request that awaits it gets no response.
    pub(super) async fn reset<T>(&self) -> T {
        self.reset.notify_one();
        std::future::pending().await
    }

    /// Marks the connection as busy until the guard is dropped.
    pub(super) fn busy(&self) -> Busy<'_> {
        *locked(&self.idle_since) = None;
        Busy(self)
    }
}

/// A request in progress.
pub(super) struct Busy<'a>(&'a Line);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        *locked(&self.0.idle_since) = Some(Instant::now());
    }
}

/// All connections, and the number of all that were ever opened. Closed ones are removed when the next one is opened.
#[derive(Default)]
pub(super) struct Lines(Mutex<Vec<Weak<Line>>>, AtomicUsize);

impl Lines {
    fn open(&self) -> Arc<Line> {
        let line = Line { reset: Notify::new(), close: Notify::new(), idle_since: Mutex::new(Some(Instant::now())) };
        let line = Arc::new(line);
        self.1.fetch_add(1, Ordering::Relaxed);
        let mut lines = locked(&self.0);
        lines.retain(|line| line.strong_count() > 0);
        lines.push(Arc::downgrade(&line));
        line
    }

    pub(super) fn opened(&self) -> usize {
        self.1.load(Ordering::Relaxed)
    }

    fn all(&self) -> Vec<Arc<Line>> {
        locked(&self.0).iter().filter_map(Weak::upgrade).collect()
    }

    fn reset_all(&self) {
        self.all().iter().for_each(|line| line.reset.notify_one());
    }

    fn close_idle(&self, limit: Duration) {
        let is_idle = |line: &Arc<Line>| locked(&line.idle_since).is_some_and(|since| since.elapsed() >= limit);
        self.all().iter().filter(|line| is_idle(line)).for_each(|line| line.close.notify_one());
    }
}
