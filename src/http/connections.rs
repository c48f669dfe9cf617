//! Connections: how many one address may have, and how long one may stay on which no request becomes whole.
//!
//! The server gives the head of a connection's first request a time, and none to the heads after it: a client that sends a
//! byte now and then would hold its connection for ever.

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

/// The connections that are open.
#[derive(Clone)]
pub struct Connections(Arc<Open>);

struct Open {
    all: Mutex<Vec<Weak<Connection>>>,
    /// How many there are of each address.
    of: Mutex<HashMap<IpAddr, usize>>,
    most_of_one: usize,
    /// Proxies: theirs are the connections of many.
    trusted: Vec<IpNet>,
}

/// One of them.
struct Connection {
    /// Another handle to the client's socket, by which it can be closed from outside.
    socket: Socket,
    /// Since when it was opened or a request was last answered; `None` while one is being answered.
    waiting_since: Mutex<Option<Instant>>,
    among: Arc<Open>,
    /// Whose it is counted as.
    address: Option<IpAddr>,
}

/// As long as it lives, its connection is not waiting.
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
    /// At most so many of one address that is no trusted proxy.
    pub fn new(most_of_one: usize, trusted: Vec<IpNet>) -> Connections {
        Connections(Arc::new(Open { all: Mutex::default(), of: Mutex::default(), most_of_one, trusted }))
    }

    /// Takes note of a new connection, as the server's `on_connect` shows it; closes it where its address has too many.
    pub fn opened(&self, stream: &dyn Any, extensions: &mut Extensions) {
        let Some(stream) = stream.downcast_ref::<TcpStream>() else { return };
        match SockRef::from(stream).try_clone() {
            Ok(socket) => {
                let (address, is_too_many) = self.count(stream);
                if is_too_many {
                    // It fails where the client was faster.
                    let _ = socket.shutdown(Shutdown::Both);
                }
                let waiting_since = Mutex::new(Some(Instant::now()));
                let connection = Arc::new(Connection { socket, waiting_since, among: self.0.clone(), address });
                self.0.all.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&connection));
                extensions.insert(connection);
            }
            Err(error) => tracing::warn!(%error, "a connection cannot be watched"),
        }
    }

    /// Counts a connection with the others of its address, and says whether there are too many.
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

    /// Closes what has waited for longer; forgets what is closed.
    pub fn close_waiting(&self, limit: Duration) {
        self.0.all.lock().unwrap_or_else(PoisonError::into_inner).retain(|connection| {
            let Some(connection) = connection.upgrade() else { return false };
            if connection.has_waited(limit) {
                // It fails where the client was faster.
                let _ = connection.socket.shutdown(Shutdown::Both);
            }
            true
        });
    }
}

/// Says that a connection is not waiting; `None` in process, where there is none.
pub fn busy(request: &ServiceRequest) -> Option<Busy> {
    let connection = request.conn_data::<Arc<Connection>>()?.clone();
    connection.set(None);
    Some(Busy(connection))
}

#[cfg(test)]
mod tests {
    use actix_web::rt::net::TcpListener;

    use super::*;

    /// A client's end, the server's, and what the server keeps with it.
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
    async fn one_address_has_its_share_of_the_connections() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connections = Connections::new(2, Vec::new());
        let first = open(&connections, &listener).await;
        let second = open(&connections, &listener).await;
        let third = open(&connections, &listener).await;
        assert_eq!([&first, &second, &third].map(is_closed), [false, false, true]);
        drop((first, third));
        assert!(!is_closed(&open(&connections, &listener).await), "one was closed, another may come");

        let behind_a_proxy = Connections::new(1, vec!["127.0.0.0/8".parse().unwrap()]);
        let _first = open(&behind_a_proxy, &listener).await;
        assert!(!is_closed(&open(&behind_a_proxy, &listener).await), "a proxy brings the connections of many");
    }

    #[actix_web::test]
    async fn what_waits_too_long_is_closed_and_what_is_answered_is_not() {
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
