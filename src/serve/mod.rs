//! A web server for one folder of published images, used by `preview`. It accepts only local connections.

mod respond;

pub use respond::{Page, Site};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The maximum number of consecutive ports to try.
const PORTS_TO_TRY: u16 = 100;

/// The maximum number of open connections. Others wait in the backlog of the system. A browser opens six.
const MAX_CONNECTIONS: usize = 64;

/// The maximum time for reading the head of a request, including idle time on a kept-alive connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum lifetime of a connection, so that a client that reads nothing cannot keep it open.
const CONNECTION_TIMEOUT: Duration = Duration::from_mins(2);

/// A server that listens only on the loopback addresses.
#[derive(Debug)]
pub struct Server {
    ipv4: TcpListener,
    /// The IPv6 listener; `None` on machines without IPv6.
    ipv6: Option<TcpListener>,
    port: u16,
}

impl Server {
    /// Listens on `port`, or on the next free port. If `port` is 0, the operating system chooses a free one.
    ///
    /// # Errors
    /// Returns an error if none of 100 ports is free, or if listening is not permitted.
    pub async fn bind(port: u16) -> io::Result<Self> {
        let mut result = Self::bind_exactly(port).await;
        for next in port.saturating_add(1)..port.saturating_add(PORTS_TO_TRY) {
            match &result {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => result = Self::bind_exactly(next).await,
                _ => break,
            }
        }
        result
    }

    async fn bind_exactly(port: u16) -> io::Result<Self> {
        let ipv4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port = ipv4.local_addr()?.port();
        // Browsers resolve `localhost` to either address. If another program has the IPv6 port, it would answer for
        // this server.
        let ipv6 = match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            result => result.ok(),
        };
        Ok(Self { ipv4, ipv6, port })
    }

    /// Returns the port that the server listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Answers requests forever. Dropping the future closes all connections.
    pub async fn serve(self, site: Site) {
        let site = Arc::new(site);
        // The set is dropped with this future, which closes its connections.
        let mut connections = JoinSet::new();
        loop {
            // When all connections are taken, this only waits for one to end, and the system keeps further clients in
            // its backlog.
            let accepted = tokio::select! {
                Some(_) = connections.join_next() => continue,
                accepted = self.ipv4.accept(), if connections.len() < MAX_CONNECTIONS => accepted,
                accepted = accept_if_any(self.ipv6.as_ref()), if connections.len() < MAX_CONNECTIONS => accepted,
            };
            // The client may have disconnected before it was accepted. The server continues.
            if let Ok((stream, _)) = accepted {
                connections.spawn(answer(stream, Arc::clone(&site)));
            }
        }
    }
}

async fn accept_if_any(listener: Option<&TcpListener>) -> io::Result<(TcpStream, std::net::SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

async fn answer(stream: TcpStream, site: Arc<Site>) {
    let service = service_fn(move |request| {
        let site = Arc::clone(&site);
        async move { Ok::<_, std::convert::Infallible>(site.respond(&request).await) }
    });
    let mut connections = http1::Builder::new();
    connections.timer(TokioTimer::new()).header_read_timeout(IDLE_TIMEOUT);
    // Browsers close connections at any time, so errors are ignored.
    let _ = timeout(CONNECTION_TIMEOUT, connections.serve_connection(TokioIo::new(stream), service)).await;
}
