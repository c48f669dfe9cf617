//! The sockets of the service, and how many connections it accepts.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
/// How long sent data may stay unacknowledged, or the client's window closed, before the connection is dropped. It bounds
/// how long a client that does not read occupies a connection.
#[cfg(target_os = "linux")]
const UNREAD_MAX: Duration = Duration::from_secs(30);
/// Open files that are not connections: databases, their logs, documents.
const OWN_FILES: u64 = 512;
/// The maximum number of connections of one worker, whatever the limit of open files.
const CONNECTIONS_MAX: u64 = 25_000;

/// Sockets that are bound and do not listen yet.
pub struct Bound {
    address: String,
    sockets: Vec<Socket>,
}

impl Bound {
    /// Binds every address that a name resolves to; at least one must be free. `flag` is the option that sets the address.
    pub fn new(address: &str, flag: &str) -> Result<Bound, String> {
        let sockets = bind_all(address).map_err(|error| explain(address, flag, &error))?;
        Ok(Bound { address: address.to_owned(), sockets })
    }

    /// Starts to listen.
    pub fn listen(self) -> Result<Vec<TcpListener>, String> {
        let listen = |socket: Socket| socket.listen(BACKLOG).map(|()| socket.into());
        let listeners = self.sockets.into_iter().map(listen).collect::<io::Result<_>>();
        listeners.map_err(|error| explain(&self.address, "--port", &error))
    }
}

fn bind_all(name: &str) -> io::Result<Vec<Socket>> {
    let mut sockets = Vec::new();
    let mut failure = None;
    for address in name.to_socket_addrs().map_err(|error| io::Error::new(ErrorKind::HostUnreachable, error))? {
        match bind(address) {
            Ok(socket) => sockets.push(socket),
            Err(error) => failure = Some(error),
        }
    }
    match (sockets.is_empty(), failure) {
        (false, _) => Ok(sockets),
        (true, failure) => Err(failure.unwrap_or_else(|| ErrorKind::HostUnreachable.into())),
    }
}

fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    // Accepted connections inherit it (tcp(7)).
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNREAD_MAX))?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn explain(address: &str, flag: &str, error: &io::Error) -> String {
    let reason = match error.kind() {
        ErrorKind::AddrInUse => {
            format!("the port is in use by another program; stop that, or choose another with {flag}")
        }
        ErrorKind::PermissionDenied => {
            format!("ports below 1024 are reserved for the administrator; choose another with {flag}")
        }
        ErrorKind::AddrNotAvailable => {
            "this machine has no such address; use 127.0.0.1 for this machine alone, or 0.0.0.0 for all its networks"
                .into()
        }
        ErrorKind::HostUnreachable => "the host name cannot be resolved; use an IP address, such as 127.0.0.1".into(),
        _ => error.to_string(),
    };
    format!("cannot listen on {address}: {reason}")
}

/// Raises the limit of open files as far as possible, and returns how many connections a worker may have. Beyond that,
/// clients wait to be accepted; otherwise requests would fail because no file can be opened.
pub fn connections_per_worker(workers: usize) -> usize {
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot raise the limit of open files");
        // The usual default of systems.
        1024
    });
    share(files, workers)
}

fn share(files: u64, workers: usize) -> usize {
    // Each connection takes two files: the socket, and the handle that closes it from outside.
    let connections = files.saturating_sub(OWN_FILES) / 2 / u64::try_from(workers).unwrap_or(1).max(1);
    usize::try_from(connections.clamp(16, CONNECTIONS_MAX)).unwrap_or(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_to_the_service() {
        for (files, workers, connections) in
            [(1024, 2, 128), (20_000, 2, 4872), (u64::MAX, 4, 25_000), (256, 4, 16), (1024, 0, 256)]
        {
            assert_eq!(share(files, workers), connections, "{files} {workers}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn accepted_connections_inherit_the_timeout() {
        let listeners = Bound::new("127.0.0.1:0", "--port").unwrap().listen().unwrap();
        let _client = std::net::TcpStream::connect(listeners[0].local_addr().unwrap()).unwrap();
        let (accepted, _) = listeners[0].accept().unwrap();
        assert_eq!(socket2::SockRef::from(&accepted).tcp_user_timeout().unwrap(), Some(UNREAD_MAX));
    }
}
