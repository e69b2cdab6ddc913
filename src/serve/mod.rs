//! A web server for one folder of published images, on this machine only: what `preview` shows.

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

/// Ports that are tried, one after another.
const PORTS_TO_TRY: u16 = 100;

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
                accepted = self.ipv4.accept() => accepted,
                accepted = accept_if_any(self.ipv6.as_ref()) => accepted,
                Some(_) = connections.join_next() => continue,
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
    // Browsers close connections whenever they like: not an error of ours.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
