//! Connections that are kept: one on which no request becomes whole for too long is closed.
//!
//! The server gives the head of a connection's first request a time, and none to the heads after it: a client that sends a
//! byte now and then would hold its connection for ever.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use actix_web::dev::{Extensions, ServiceRequest};
use actix_web::rt::net::TcpStream;
use socket2::{SockRef, Socket};

/// The connections that are open.
#[derive(Clone, Default)]
pub struct Connections(Arc<Mutex<Vec<Weak<Connection>>>>);

/// One of them.
struct Connection {
    /// Another handle to the client's socket, by which it can be closed from outside.
    socket: Socket,
    /// Since when no request is being answered; `None` while one is.
    waiting_since: Mutex<Option<Instant>>,
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

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set(Some(Instant::now()));
    }
}

impl Connections {
    /// Takes note of a new connection, as the server's `on_connect` shows it.
    pub fn opened(&self, stream: &dyn Any, extensions: &mut Extensions) {
        let Some(stream) = stream.downcast_ref::<TcpStream>() else { return };
        match SockRef::from(stream).try_clone() {
            Ok(socket) => {
                let connection = Arc::new(Connection { socket, waiting_since: Mutex::new(Some(Instant::now())) });
                self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&connection));
                extensions.insert(connection);
            }
            Err(error) => tracing::warn!(%error, "a connection cannot be watched"),
        }
    }

    /// Closes what has waited for longer; forgets what is closed.
    pub fn close_waiting(&self, limit: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|connection| {
            let Some(connection) = connection.upgrade() else { return false };
            if connection.has_waited(limit) {
                // It fails where the client was faster.
                let _ = connection.socket.shutdown(std::net::Shutdown::Both);
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
