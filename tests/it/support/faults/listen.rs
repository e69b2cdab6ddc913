//! The port and its connections: open, idle, reset, gone.

use super::respond::respond;
use super::{Shared, locked};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::sleep;

/// Ports are taken from below those that the system gives to outgoing connections. Otherwise one of them might get the
/// port while it is closed, and even be connected to itself.
const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 12_000;

/// How long to wait before a port is tried again that could not be bound, or a connection that could not be accepted.
const RETRY: Duration = Duration::from_millis(5);

/// A free port of this machine.
pub(super) fn bind_anywhere() -> io::Result<std::net::TcpListener> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes that run at the same time begin at different ports.
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

/// To close the port for so long.
pub(super) struct Order {
    down: Duration,
    /// Dropped as soon as the port is closed.
    done: std::sync::mpsc::Sender<Infallible>,
}

impl Order {
    /// An order, and what hangs up when it has been obeyed.
    pub(super) fn down(down: Duration) -> (Self, std::sync::mpsc::Receiver<Infallible>) {
        let (done, hung_up) = std::sync::mpsc::channel();
        (Self { down, done }, hung_up)
    }
}

/// Accepts connections, and obeys orders.
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
                // Bound and not listening: connections are refused, and no other server gets the port meanwhile.
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

/// Closes what has been idle too long, while there is such a limit.
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

/// How a connection ends.
enum End {
    ByClient,
    Closed,
    Reset,
}

async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    // Otherwise small answers wait for acknowledgements.
    let _ = stream.set_nodelay(true);
    let line = shared.lines.open();
    let service = service_fn(|request| {
        let (shared, line) = (Arc::clone(&shared), Arc::clone(&line));
        async move { Ok::<_, Infallible>(respond(&shared, &line, request).await) }
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // In this order: what is to be reset answers nothing more.
    let end = tokio::select! {
        biased;
        () = line.reset.notified() => End::Reset,
        () = line.close.notified() => End::Closed,
        _ = &mut connection => End::ByClient,
    };
    if matches!(end, End::Reset) {
        // Without lingering, dropping the socket sends a reset instead of an end.
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    }
}

/// One connection.
pub(super) struct Line {
    reset: Notify,
    close: Notify,
    /// Since when nothing has happened; `None` while a request is being answered.
    idle_since: Mutex<Option<Instant>>,
}

impl Line {
    /// Resets the connection. The future never ends, so that a request that waits for it is not answered.
    pub(super) async fn reset<T>(&self) -> T {
        self.reset.notify_one();
        std::future::pending().await
    }

    /// Keeps the line from being idle until the guard is dropped.
    pub(super) fn busy(&self) -> Busy<'_> {
        *locked(&self.idle_since) = None;
        Busy(self)
    }
}

/// A request that is being answered.
pub(super) struct Busy<'a>(&'a Line);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        *locked(&self.0.idle_since) = Some(Instant::now());
    }
}

/// All connections, those that have ended too until the next is opened.
#[derive(Default)]
pub(super) struct Lines(Mutex<Vec<Weak<Line>>>);

impl Lines {
    fn open(&self) -> Arc<Line> {
        let line = Line { reset: Notify::new(), close: Notify::new(), idle_since: Mutex::new(Some(Instant::now())) };
        let line = Arc::new(line);
        let mut lines = locked(&self.0);
        lines.retain(|line| line.strong_count() > 0);
        lines.push(Arc::downgrade(&line));
        line
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
