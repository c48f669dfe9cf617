//! A network between the service and PostgreSQL that can fall silent: it accepts bytes without passing them on, and closes no
//! connection.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A proxy from a TCP port to a server's socket.
pub struct Proxy {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    is_silent: AtomicBool,
    /// Connections on which the network stays silent.
    lost_connections: AtomicUsize,
    connections: Mutex<Vec<(Arc<AtomicBool>, TcpStream, UnixStream)>>,
}

impl Proxy {
    pub fn start(socket: PathBuf) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let (address, shared) = (listener.local_addr().expect("an address"), Arc::new(Shared::default()));
        let accepting = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = UnixStream::connect(&socket) else { continue };
                let is_lost = Arc::new(AtomicBool::new(false));
                let copies = || (client.try_clone().expect("a copy"), server.try_clone().expect("a copy"));
                let (from_client, to_server) = copies();
                let (to_client, from_server) = copies();
                carry(accepting.clone(), is_lost.clone(), from_client, to_server);
                carry(accepting.clone(), is_lost.clone(), from_server, to_client);
                accepting.connections.lock().expect("the list").push((is_lost, client, server));
            }
        });
        Proxy { address, shared }
    }

    /// Stops passing bytes on, without closing connections.
    pub fn fall_silent(&self) {
        self.shared.is_silent.store(true, Ordering::SeqCst);
    }

    /// Passes on everything that was held back.
    pub fn resume(&self) {
        self.shared.is_silent.store(false, Ordering::SeqCst);
    }

    /// Existing connections stay silent; new ones work.
    pub fn lose_connections(&self) {
        for (is_lost, _, _) in self.shared.connections.lock().expect("the list").iter() {
            is_lost.store(true, Ordering::SeqCst);
            self.shared.lost_connections.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// How many connections were lost.
    pub fn lost_connections(&self) -> usize {
        self.shared.lost_connections.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        for (_, client, server) in self.shared.connections.lock().expect("the list").drain(..) {
            // Either may be closed already.
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        }
    }
}

/// Copies bytes one way while the network is not silent.
fn carry(
    shared: Arc<Shared>,
    is_lost: Arc<AtomicBool>,
    mut from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
) {
    std::thread::spawn(move || {
        let mut bytes = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            while shared.is_silent.load(Ordering::SeqCst) || is_lost.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
            }
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
    });
}
