//! A web server for one folder of published images, used by `preview`. It accepts only local connections.

mod respond;

pub use respond::{Page, Site};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The maximum number of consecutive ports to try.
const PORTS_TO_TRY: u16 = 100;

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
            let accepted = tokio::select! {
                accepted = self.ipv4.accept() => accepted,
                accepted = accept_if_any(self.ipv6.as_ref()) => accepted,
                Some(_) = connections.join_next() => continue,
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
    // Browsers close connections at any time, so errors are ignored.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
