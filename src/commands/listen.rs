//! The sockets that the service listens on, and how many clients it takes.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// How long what was sent to a client may stay unacknowledged, or its window shut, until the connection is dropped: a
/// client that reads nothing holds no more than this.
#[cfg(target_os = "linux")]
const UNREAD_MAX: Duration = Duration::from_secs(30);
/// Files that are not clients: databases, their logs, documents.
const OWN_FILES: u64 = 512;
/// The most connections of one worker, however many files there may be.
const CONNECTIONS_MAX: u64 = 25_000;

/// Listens on every address that a name stands for; at least one of them must be free.
pub fn listen(name: &str) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    let mut refusal = None;
    for address in name.to_socket_addrs()? {
        match bind(address) {
            Ok(listener) => listeners.push(listener),
            Err(error) => refusal = Some(error),
        }
    }
    match (listeners.is_empty(), refusal) {
        (false, _) => Ok(listeners),
        (true, refusal) => Err(refusal.unwrap_or_else(|| io::Error::other("the name stands for no address"))),
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    // Accepted connections inherit it (tcp(7)).
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNREAD_MAX))?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Raises the limit of open files as far as it goes, and says how many connections a worker may have: when they are
/// taken, the next clients wait, and nobody finds out that there are no more files in the middle of his request.
pub fn connections_of_worker(workers: usize) -> usize {
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot raise the limit of open files");
        // What systems allow unasked.
        1024
    });
    share(files, workers)
}

fn share(files: u64, workers: usize) -> usize {
    // Each connection takes two: the client's, and the handle that closes it from outside.
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
    fn what_is_accepted_inherits_the_time_limit() {
        let listeners = listen("127.0.0.1:0").unwrap();
        let _client = std::net::TcpStream::connect(listeners[0].local_addr().unwrap()).unwrap();
        let (accepted, _) = listeners[0].accept().unwrap();
        assert_eq!(socket2::SockRef::from(&accepted).tcp_user_timeout().unwrap(), Some(UNREAD_MAX));
    }
}
