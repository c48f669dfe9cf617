//! The HTTP server: its connections, and their limits around the application.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol};
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::{AppConfig, Server};
use actix_web::rt::net::TcpStream;
use actix_web::web;

use crate::app::app;
use crate::http::AppState;
use crate::http::connections::Connections;
use crate::http::heads::Checked;

/// How long requests in flight may take after a signal to stop, in seconds.
const STOP_TIMEOUT: u64 = 30;
/// How long a client may take to send the head of its first request.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// How long a connection may be idle between requests.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a connection is still read after the last response: closing it with unread data would reset it, and the client
/// could lose that response.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Starts the server on these sockets, with `workers` threads.
pub fn start(
    state: &web::Data<AppState>,
    connections: &Connections,
    listeners: Vec<TcpListener>,
    workers: usize,
    connections_per_worker: usize,
) -> io::Result<Server> {
    let mut server = Server::build()
        .workers(workers)
        .max_concurrent_connections(connections_per_worker)
        .shutdown_timeout(STOP_TIMEOUT)
        .disable_signals();
    for listener in listeners {
        let (state, connections) = (state.clone(), connections.clone());
        server = server.listen("http", listener, move || {
            let (opened, stopping) = (connections.clone(), state.stopping.clone());
            let http = HttpService::build()
                .keep_alive(KEEP_ALIVE)
                .client_request_timeout(HEAD_DEADLINE)
                .client_disconnect_timeout(DISCONNECT_TIMEOUT)
                .graceful_shutdown_signal(move || {
                    let mut stopping = stopping.subscribe();
                    async move {
                        // An error means that the state was dropped, and the service with it.
                        let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
                    }
                })
                .on_connect_ext(move |io: &Checked<TcpStream>, extensions| opened.opened(io.get_ref(), extensions))
                .finish(map_config(app(state.clone()).into_factory(), |()| AppConfig::default()));
            let accept = fn_service(async |io: TcpStream| {
                let peer = io.peer_addr().ok();
                Ok::<_, DispatchError>((Checked::new(io), Protocol::Http1, peer))
            });
            accept.and_then(http)
        })?;
    }
    Ok(server.run())
}
