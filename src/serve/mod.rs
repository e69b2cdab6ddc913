//! A local web server for a folder of published images, used by `preview`. Only accepts connections from this machine.

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

/// Maximum number of consecutive ports to try.
const PORTS_TO_TRY: u16 = 100;

/// Maximum number of open connections. Browsers use six. Additional clients wait in the OS backlog.
const MAX_CONNECTIONS: usize = 64;

/// Maximum time to wait for a request's headers, including idle time on a keep-alive connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum lifetime of a connection. Prevents clients that don't read the response from keeping it open.
const CONNECTION_TIMEOUT: Duration = Duration::from_mins(2);

/// A server that only listens on loopback addresses.
#[derive(Debug)]
pub struct Server {
    ipv4: TcpListener,
    /// IPv6 listener, or `None` on machines without IPv6.
    ipv6: Option<TcpListener>,
    port: u16,
}

impl Server {
    /// Binds to `port`, or to the next free port if it is taken. If `port` is 0, the OS picks a free one.
    ///
    /// # Errors
    /// Returns an error if no port is free after 100 attempts or if listening isn't permitted.
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
        // Browsers may resolve `localhost` to either address. If the IPv6 port belongs to a different program, that
        // program could receive our requests.
        let ipv6 = match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            result => result.ok(),
        };
        Ok(Self { ipv4, ipv6, port })
    }

    /// Returns the port that the server is listening on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Serves requests forever. Dropping the future closes all connections.
    pub async fn serve(self, site: Site) {
        let site = Arc::new(site);
        // The set is dropped together with this future, which closes all connections.
        let mut connections = JoinSet::new();
        loop {
            // At the connection limit, only wait for a connection to close. New clients stay in the OS backlog.
            let accepted = tokio::select! {
                Some(_) = connections.join_next() => continue,
                accepted = self.ipv4.accept(), if connections.len() < MAX_CONNECTIONS => accepted,
                accepted = accept_if_any(self.ipv6.as_ref()), if connections.len() < MAX_CONNECTIONS => accepted,
            };
            // Ignore accept errors, because the client may have disconnected already.
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
    // Ignore errors, because browsers may close connections at any time.
    let _ = timeout(CONNECTION_TIMEOUT, connections.serve_connection(TokioIo::new(stream), service)).await;
}
