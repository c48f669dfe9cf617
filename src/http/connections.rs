//! Limits on connections: how many an address may have open, and how long one may be idle between requests.
//!
//! actix-http limits the time for the head of the first request on a connection only. Without this limit, a client that sends
//! a byte of a later head now and then keeps its connection open indefinitely.

use std::any::Any;
use std::collections::HashMap;
use std::net::{IpAddr, Shutdown};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use actix_web::dev::{Extensions, ServiceRequest};
use actix_web::rt::net::TcpStream;
use ipnet::IpNet;
use socket2::{SockRef, Socket};

use super::peer;

/// The open connections.
#[derive(Clone)]
pub struct Connections(Arc<Open>);

struct Open {
    all: Mutex<Vec<Weak<Connection>>>,
    /// The number of connections of each address.
    of: Mutex<HashMap<IpAddr, usize>>,
    most_of_one: usize,
    /// Proxies, which are not limited, because their connections serve many clients.
    trusted: Vec<IpNet>,
}

/// An open connection.
struct Connection {
    /// Another handle to the client's socket, used to close it.
    socket: Socket,
    /// When the connection was opened or last responded to a request; `None` while a request is processed.
    waiting_since: Mutex<Option<Instant>>,
    among: Arc<Open>,
    /// The address that it counts against; `None` when it is not limited.
    address: Option<IpAddr>,
}

/// Marks a connection as busy until it is dropped.
pub struct Busy(Arc<Connection>);

impl Connection {
    fn set(&self, waiting_since: Option<Instant>) {
        *self.waiting_since.lock().unwrap_or_else(PoisonError::into_inner) = waiting_since;
    }

    fn has_waited(&self, limit: Duration) -> bool {
        let since = *self.waiting_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() > limit)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut of = self.among.of.lock().unwrap_or_else(PoisonError::into_inner);
        match of.get_mut(&address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(of.remove(&address)),
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set(Some(Instant::now()));
    }
}

impl Connections {
    /// Limits each address, except trusted proxies, to `most_of_one` connections.
    pub fn new(most_of_one: usize, trusted: Vec<IpNet>) -> Connections {
        Connections(Arc::new(Open { all: Mutex::default(), of: Mutex::default(), most_of_one, trusted }))
    }

    /// Registers a new connection, from the server's `on_connect`; closes it when its address has too many.
    pub fn opened(&self, stream: &dyn Any, extensions: &mut Extensions) {
        let Some(stream) = stream.downcast_ref::<TcpStream>() else { return };
        match SockRef::from(stream).try_clone() {
            Ok(socket) => {
                let (address, is_too_many) = self.count(stream);
                if is_too_many {
                    // This fails when the client has closed the connection already.
                    let _ = socket.shutdown(Shutdown::Both);
                }
                let waiting_since = Mutex::new(Some(Instant::now()));
                let connection = Arc::new(Connection { socket, waiting_since, among: self.0.clone(), address });
                self.0.all.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&connection));
                extensions.insert(connection);
            }
            Err(error) => {
                tracing::warn!(%error, "the socket of a connection cannot be duplicated; its idle time is not limited")
            }
        }
    }

    /// Counts a connection for its address; true when the address has too many.
    fn count(&self, stream: &TcpStream) -> (Option<IpAddr>, bool) {
        let peer = stream.peer_addr().ok().map(|peer| peer.ip().to_canonical());
        let Some(peer) = peer.filter(|peer| !self.0.trusted.iter().any(|network| network.contains(peer))) else {
            return (None, false);
        };
        let address = peer::counted(peer);
        let mut of = self.0.of.lock().unwrap_or_else(PoisonError::into_inner);
        let count = of.entry(address).or_default();
        *count += 1;
        (Some(address), *count > self.0.most_of_one)
    }

    /// Closes connections that have been idle for longer than `limit`, and removes closed ones.
    pub fn close_waiting(&self, limit: Duration) {
        self.0.all.lock().unwrap_or_else(PoisonError::into_inner).retain(|connection| {
            let Some(connection) = connection.upgrade() else { return false };
            if connection.has_waited(limit) {
                // This fails when the client has closed the connection already.
                let _ = connection.socket.shutdown(Shutdown::Both);
            }
            true
        });
    }
}

/// Marks the connection of a request as busy; `None` for requests without a connection, as in tests.
pub fn busy(request: &ServiceRequest) -> Option<Busy> {
    let connection = request.conn_data::<Arc<Connection>>()?.clone();
    connection.set(None);
    Some(Busy(connection))
}

#[cfg(test)]
mod tests {
    use actix_web::rt::net::TcpListener;

    use super::*;

    /// The client's socket, the server's, and the connection's extensions.
    type Ends = (TcpStream, TcpStream, Extensions);

    async fn open(connections: &Connections, listener: &TcpListener) -> Ends {
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let mut extensions = Extensions::new();
        connections.opened(&server, &mut extensions);
        (client, server, extensions)
    }

    /// Whether the server has closed a connection already.
    fn is_closed((client, ..): &Ends) -> bool {
        let client = SockRef::from(client);
        client.set_nonblocking(true).unwrap();
        let mut byte = [std::mem::MaybeUninit::uninit()];
        matches!(client.recv(&mut byte), Ok(0))
    }

    #[actix_web::test]
    async fn connections_are_limited_per_address() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connections = Connections::new(2, Vec::new());
        let first = open(&connections, &listener).await;
        let second = open(&connections, &listener).await;
        let third = open(&connections, &listener).await;
        assert_eq!([&first, &second, &third].map(is_closed), [false, false, true]);
        drop((first, third));
        assert!(!is_closed(&open(&connections, &listener).await), "a closed connection frees its place");

        let behind_a_proxy = Connections::new(1, vec!["127.0.0.0/8".parse().unwrap()]);
        let _first = open(&behind_a_proxy, &listener).await;
        assert!(!is_closed(&open(&behind_a_proxy, &listener).await), "a trusted proxy is not limited");
    }

    #[actix_web::test]
    async fn idle_connections_are_closed_and_busy_ones_are_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connections = Connections::new(10, Vec::new());
        let waiting = open(&connections, &listener).await;
        let busy = open(&connections, &listener).await;
        busy.2.get::<Arc<Connection>>().unwrap().set(None);
        connections.close_waiting(Duration::from_secs(60));
        assert_eq!([&waiting, &busy].map(is_closed), [false, false]);
        connections.close_waiting(Duration::ZERO);
        assert_eq!([&waiting, &busy].map(is_closed), [true, false]);
    }
}
