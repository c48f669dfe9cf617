//! The ceiling of the machine: the same kind of server, in a process of its own, with a fixed response.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use actix_web::{App, HttpResponse, HttpServer, web};

use super::generator::{Load, Request};
use super::names::Name;
use super::process::{Process, free_address};
use super::{Outcome, http, service};

const BODY_LENGTH: usize = 2048;

/// The bare server, in a process of its own.
pub struct Bare {
    pub address: SocketAddr,
    _process: Process,
}

/// Starts this program as the bare server.
pub async fn start() -> Outcome<Bare> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let address = free_address()?;
    let mut command = Command::new(program);
    command.args(["--ceiling", &address.to_string()]).stdin(Stdio::null());
    let mut process = Process::start(&mut command, "TERM")?;
    service::await_response(&mut process, address, "/").await?;
    Ok(Bare { address, _process: process })
}

/// Runs the bare server, with the default number of workers of actix-web, as the service does.
pub fn serve(address: SocketAddr) -> Outcome<()> {
    let (before, after) = ("{\"text\":\"", "\"}");
    let filling = "x".repeat(BODY_LENGTH - before.len() - after.len());
    let body = web::Bytes::from(format!("{before}{filling}{after}"));
    let server = HttpServer::new(move || {
        let body = body.clone();
        let respond = move || {
            let body = body.clone();
            async { HttpResponse::Ok().content_type("application/json").body(body) }
        };
        App::new().route("/", web::get().to(respond))
    });
    let server = server.bind(address).map_err(|e| format!("cannot listen on {address}: {e}"))?;
    actix_web::rt::System::new().block_on(server.run()).map_err(|e| e.to_string())
}

/// Requests to the bare server.
pub fn load(connections: usize) -> Load {
    let request = http::get("/").into_bytes();
    Load::new(connections, move |_| Some(Request { bytes: request.clone(), statuses: &[200], row: Name::Ceiling }))
}
