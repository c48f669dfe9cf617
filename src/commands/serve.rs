//! `serve`: migrate, seed when asked and empty, serve, and stop gracefully.

use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::{HttpServer, web};

use super::{Outcome, database, seed};
use crate::access::oidc::Issuer;
use crate::app::app;
use crate::config::Settings;
use crate::contract::Contract;
use crate::db::{Manager, Store, backend};
use crate::http::AppState;
use crate::openapi;

/// How long requests in flight may take when the service stops, in seconds.
const STOP_TIMEOUT: u64 = 30;

pub fn serve(settings: Settings) -> Outcome {
    let issuer = settings.oidc.clone().map(Issuer::new).transpose()?;
    database::announce_new(&settings.database_url)?;
    let contract = Arc::new(Contract::new(openapi::document().map_err(|e| e.to_string())?));
    {
        let mut conn = Manager::new(settings.database_url.clone()).open().map_err(|e| e.to_string())?;
        backend::migrate(&mut conn).map_err(|e| e.to_string())?;
        if settings.seed
            && let Some(count) = seed::fill_empty(&mut conn, &settings, &contract)?
        {
            eprintln!("Seeded {} with {count} records.", settings.database_url);
        }
    }
    let listen = settings.listen.clone();
    actix_web::rt::System::new().block_on(async move {
        let store = Store::open(&settings.database_url, settings.connections).map_err(|e| e.to_string())?;
        let url = settings.database_url.to_string();
        let state = web::Data::new(AppState::new(store, contract, settings, issuer).map_err(|e| e.to_string())?);
        let server = HttpServer::new(move || app(state.clone()))
            .shutdown_timeout(STOP_TIMEOUT)
            .disable_signals()
            .client_request_timeout(std::time::Duration::from_secs(10))
            .bind(&listen)
            .map_err(|e| format!("cannot listen on {listen}: {e}"))?;
        let addresses = server.addrs();
        let running = server.run();
        // Before the announcement: whoever reads it may stop the service at once.
        stop_on_signal(&running.handle())?;
        for address in addresses {
            eprintln!(
                "Serving {url}\n  page  http://{address}/\n  docs  http://{address}/docs/\n  API   http://{address}/api/v1/pairings\n\
                 To write, make a key: pairing-tracker key create --name me --role admin"
            );
        }
        running.await.map_err(|e| format!("the server failed: {e}"))?;
        eprintln!("Stopped.");
        Ok(())
    })
}

/// Stops the server on SIGTERM or SIGINT, once what is in flight has ended.
#[cfg(unix)]
fn stop_on_signal(server: &ServerHandle) -> Outcome {
    use tokio::signal::unix::{SignalKind, signal};
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut signals = signal(kind).map_err(|e| format!("cannot listen for signals: {e}"))?;
        let server = server.clone();
        actix_web::rt::spawn(async move {
            signals.recv().await;
            server.stop(true).await;
        });
    }
    Ok(())
}

/// Stops the server on Ctrl-C, once what is in flight has ended.
#[cfg(not(unix))]
fn stop_on_signal(server: &ServerHandle) -> Outcome {
    let server = server.clone();
    actix_web::rt::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            server.stop(true).await;
        }
    });
    Ok(())
}
