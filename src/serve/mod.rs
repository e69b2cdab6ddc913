//! A web server for one folder of published images, on this machine only: what `preview` shows.

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

/// Ports that are tried, one after another.
const PORTS_TO_TRY: u16 = 100;

/// Maximum number of open connections; further ones wait in the backlog of the system. A browser opens six.
const MAX_CONNECTIONS: usize = 64;

/// Time for the head of a request, also on a connection that has answered one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Time after which a connection is closed, whatever it does: a client that reads nothing must not keep it.
const CONNECTION_TIMEOUT: Duration = Duration::from_mins(2);

/// A server that listens on the loopback addresses and nowhere else.
#[derive(Debug)]
pub struct Server {
    ipv4: TcpListener,
    /// None on machines without IPv6.
    ipv6: Option<TcpListener>,
    port: u16,
}

impl Server {
    /// Listens on `port`, or the next free one; 0 takes any free one.
    ///
    /// # Errors
    /// Where none of a hundred ports is free.
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
        // Browsers take `localhost` for either: a stranger on the other one would answer in our place.
        let ipv6 = match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            result => result.ok(),
        };
        Ok(Self { ipv4, ipv6, port })
    }

    /// The port that was free.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Answers requests for ever. Dropped, it closes every connection.
    pub async fn serve(self, site: Site) {
        let site = Arc::new(site);
        // Dropped with this future, and every connection with it.
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                Some(_) = connections.join_next() => continue,
                accepted = self.ipv4.accept(), if connections.len() < MAX_CONNECTIONS => accepted,
                accepted = accept_if_any(self.ipv6.as_ref()), if connections.len() < MAX_CONNECTIONS => accepted,
            };
            // A client that is gone before it was accepted is no reason to stop.
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
    // Browsers close connections whenever they like: not an error of ours.
    let _ = timeout(CONNECTION_TIMEOUT, connections.serve_connection(TokioIo::new(stream), service)).await;
}
