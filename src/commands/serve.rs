//! `serve`: migrate, seed when asked and empty, serve, and stop gracefully.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};

use super::{Outcome, database, listen, seed, server};
use crate::access::oidc::Issuer;
use crate::app;
use crate::audit::pending;
use crate::config::{FileStore, Settings};
use crate::db::{Manager, Store, backend};
use crate::http::AppState;
use crate::http::connections::Connections;
use crate::http::metrics;
use crate::resources::api_keys::marks;
use crate::resources::documents::sweep::{self, Swept};
use crate::transfer::imports::jobs::Jobs;
use crate::webhooks::Outbox;

/// How often what was counted in memory is looked through.
const WRITE_DOWN: Duration = Duration::from_secs(1);
/// How long a connection may stay without a whole request: as long as it may stay without any, and then as long as a
/// first head may take.
const WAITING_MAX: Duration = Duration::from_secs(25);
/// How often connections are looked through.
const LOOK: Duration = Duration::from_secs(5);
pub fn serve(settings: Settings) -> Outcome {
    let issuer = settings.oidc.clone().map(Issuer::new).transpose()?;
    database::announce_new(&settings.database_url)?;
    let catalog = Arc::new(app::catalog().map_err(|e| e.to_string())?);
    {
        let mut conn = Manager::new(settings.database_url.clone()).open().map_err(|e| e.to_string())?;
        backend::migrate(&mut conn).map_err(|e| e.to_string())?;
        if settings.seed
            && let Some(count) = seed::fill_empty(&mut conn, &settings, &catalog)?
        {
            eprintln!("Seeded {} with {count} records.", settings.database_url);
        }
    }
    let place = settings.listen.clone();
    actix_web::rt::System::new().block_on(async move {
        let store = Store::open(&settings.database_url, settings.connections).map_err(|e| e.to_string())?;
        let url = settings.database_url.to_string();
        let state = web::Data::new(app::state(store, catalog, settings, issuer).map_err(|e| e.to_string())?);
        let jobs = state.parts.get::<Jobs>().map_err(|e| e.to_string())?;
        jobs.run_on(tokio::runtime::Handle::current());
        let kept = state.clone();
        let abandoned = jobs.interrupt_abandoned(&kept, true).await.map_err(|e| e.to_string())?;
        if abandoned > 0 {
            eprintln!("Marked {abandoned} imports as interrupted; nothing of them was written.");
        }
        let workers = std::thread::available_parallelism().map_or(1, |threads| threads.get());
        let most = listen::connections_of_worker(workers);
        // A quarter of all, so that no address alone leaves none to the others.
        let connections = Connections::new(most * workers / 4, kept.settings.trusted_proxies.clone());
        let cannot_listen = |e: std::io::Error| format!("cannot listen on {place}: {e}");
        let listeners = listen::listen(&place).map_err(cannot_listen)?;
        let addresses: Vec<_> = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let running = server::start(&state, &connections, listeners, workers, most).map_err(cannot_listen)?;
        let metrics = kept.settings.metrics_listen.clone().map(|place| serve_metrics(&place, &kept)).transpose()?;
        // Before the announcement: whoever reads it may stop the service at once.
        stop_on_signal(&running.handle(), &kept)?;
        for address in addresses {
            eprintln!(
                "Serving {url}\n  page  http://{address}/\n  docs  http://{address}/docs/\n  API   http://{address}/api/v1/pairings\n\
                 To write, make a key: pairing-tracker key create --name me --role admin"
            );
        }
        let outbox = Outbox::start(kept.clone().into_inner()).map_err(|e| e.to_string())?;
        let writing = actix_web::rt::spawn(write_down(kept.clone(), jobs.clone()));
        let revoking = actix_web::rt::spawn(marks::follow(kept.clone().into_inner()));
        let sweeping = actix_web::rt::spawn(sweep_files(kept.clone()));
        let closing = actix_web::rt::spawn(async move {
            loop {
                tokio::time::sleep(LOOK).await;
                connections.close_waiting(WAITING_MAX);
            }
        });
        running.await.map_err(|e| format!("the server failed: {e}"))?;
        if let Some(metrics) = metrics {
            metrics.stop(false).await;
        }
        let sent = tokio::spawn(outbox.stop());
        jobs.interrupt().await;
        sent.await.map_err(|e| format!("the work on webhooks failed: {e}"))?;
        closing.abort();
        writing.abort();
        revoking.abort();
        sweeping.abort();
        kept.refusals.flush(&kept.store).await.map_err(|e| format!("cannot write what was refused last: {e}"))?;
        kept.uses.flush(&kept.store).await.map_err(|e| format!("cannot write which keys were used last: {e}"))?;
        eprintln!("Stopped.");
        Ok(())
    })
}

/// Serves the metrics on an address of their own.
fn serve_metrics(place: &str, state: &web::Data<AppState>) -> Result<ServerHandle, String> {
    let cannot_listen = |e: std::io::Error| format!("cannot listen on {place}: {e}");
    let state = state.clone();
    let service = move || App::new().app_data(state.clone()).service(metrics::print_apart);
    let mut server = HttpServer::new(service).disable_signals().workers(1).max_connections(64);
    for listener in listen::listen(place).map_err(cannot_listen)? {
        server = server.listen(listener).map_err(cannot_listen)?;
    }
    for address in server.addrs() {
        eprintln!("Serving metrics on http://{address}/metrics");
    }
    let running = server.run();
    let handle = running.handle();
    actix_web::rt::spawn(running);
    Ok(handle)
}

/// Writes what is counted in memory into the database: refusals, and when keys were used. Deletes refusals that are too old.
async fn write_down(state: web::Data<AppState>, jobs: Arc<Jobs>) {
    loop {
        tokio::time::sleep(WRITE_DOWN).await;
        if let Err(error) = state.refusals.flush_in_time(&state.store).await {
            tracing::warn!(%error, "cannot write refusals; trying again");
        }
        if let Err(error) = state.refusals.sweep(&state.store, state.settings.keep_refusals).await {
            tracing::warn!(%error, "cannot delete old refusals; trying again");
        }
        if let Err(error) = pending::seal_all(&state.store).await {
            tracing::warn!(%error, "cannot seal pending audit events; trying again");
        }
        if let Err(error) = jobs.interrupt_abandoned(&state, false).await {
            tracing::warn!(%error, "cannot look for imports that nobody works on; trying again");
        }
        if let Err(error) = state.uses.flush_in_time(&state.store).await {
            tracing::warn!(%error, "cannot write which keys were used; trying again");
        }
    }
}

/// Removes documents' files that no record refers to: at the start, and then once a day.
async fn sweep_files(state: web::Data<AppState>) {
    let FileStore::Directory(directory) = &state.settings.files else { return };
    loop {
        match sweep::sweep(&state.store, directory, SystemTime::now()).await {
            Ok(swept) if swept == Swept::default() => {}
            Ok(Swept { parts, set_aside, restored, removed }) => {
                tracing::info!(parts, set_aside, restored, removed, "swept the directory of documents' files");
            }
            Err(error) => {
                tracing::warn!(%error, "cannot sweep the directory of documents' files; trying again tomorrow")
            }
        }
        tokio::time::sleep(sweep::EVERY).await;
    }
}

/// Stops the server on SIGTERM or SIGINT, once what is in flight has ended.
#[cfg(unix)]
fn stop_on_signal(server: &ServerHandle, state: &web::Data<AppState>) -> Outcome {
    use tokio::signal::unix::{SignalKind, signal};
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut signals = signal(kind).map_err(|e| format!("cannot listen for signals: {e}"))?;
        let (server, state) = (server.clone(), state.clone());
        actix_web::rt::spawn(async move {
            signals.recv().await;
            state.stopping.send_replace(true);
            server.stop(true).await;
        });
    }
    Ok(())
}

/// Stops the server on Ctrl-C, once what is in flight has ended.
#[cfg(not(unix))]
fn stop_on_signal(server: &ServerHandle, state: &web::Data<AppState>) -> Outcome {
    let (server, state) = (server.clone(), state.clone());
    actix_web::rt::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            state.stopping.send_replace(true);
            server.stop(true).await;
        }
    });
    Ok(())
}
