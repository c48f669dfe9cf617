//! `serve`: migrates the database, imports the built-in data if requested, serves, and stops gracefully.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::dev::ServerHandle;
use actix_web::rt::task::JoinHandle;
use actix_web::{App, HttpServer, web};

use super::listen::Bound;
use super::{Outcome, database, listen, seed, server};
use crate::access::oidc::Issuer;
use crate::app;
use crate::config::invocation::suggest;
use crate::config::{FileStore, Settings};
use crate::db::{Store, backend};
use crate::http::connections::Connections;
use crate::http::{AppState, metrics};
use crate::record::Catalog;
use crate::reports::facts::FactStore;
use crate::resources::api_keys::marks;
use crate::resources::documents::sweep::{self, Swept};
use crate::transfer::imports::jobs::Jobs;
use crate::webhooks::Outbox;

/// The interval at which counters in memory are written to the database.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);
/// How long a connection may stay without a complete request: the limit for idle connections plus the limit for a request
/// head.
const WAITING_MAX: Duration = Duration::from_secs(25);
/// The interval at which connections are checked for that.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

pub fn serve(settings: Settings) -> Outcome {
    let issuer = settings.oidc.clone().map(Issuer::new).transpose()?;
    // Before the database: an address that is in use must not leave a new file behind.
    let bound = Bound::new(&settings.listen, "--port")?;
    let bound_metrics =
        settings.metrics_listen.as_deref().map(|address| Bound::new(address, "--metrics-listen")).transpose()?;
    let catalog = Arc::new(app::catalog().map_err(|e| e.to_string())?);
    prepare(&settings, &catalog)?;
    actix_web::rt::System::new().block_on(async move {
        let store = Store::open(&settings.database_url, settings.connections, catalog.kinds).map_err(|e| e.cause())?;
        let state = web::Data::new(app::state(store, catalog, settings, issuer).map_err(|e| e.cause())?);
        let jobs = state.parts.get::<Jobs>().map_err(|e| e.cause())?;
        jobs.run_on(tokio::runtime::Handle::current());
        let abandoned = jobs.interrupt_abandoned(&state, true).await.map_err(|e| e.cause())?;
        if abandoned > 0 {
            eprintln!("Marked {abandoned} imports as interrupted; nothing of them was written.");
        }
        let workers = std::thread::available_parallelism().map_or(1, |threads| threads.get());
        let per_worker = listen::connections_per_worker(workers);
        // One address may have a quarter of all connections, so that others can still connect.
        let connections = Connections::new(per_worker * workers / 4, state.settings.trusted_proxies.clone());
        let listeners = bound.listen()?;
        let addresses: Vec<_> = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let server = server::start(&state, &connections, listeners, workers, per_worker);
        let server = server.map_err(|e| format!("cannot start the server: {e}"))?;
        let metrics = match bound_metrics {
            Some(bound) => Some(serve_metrics(bound.listen()?, &state)?),
            None => None,
        };
        // Before the announcement: whoever reads it may stop the service at once.
        stop_on_signal(&server.handle(), &state)?;
        announce(&state.settings, &addresses);
        let outbox = Outbox::start(state.clone().into_inner()).map_err(|e| e.cause())?;
        let tasks = start_tasks(&state, &jobs, connections)?;
        server.await.map_err(|e| format!("the server failed: {e}"))?;
        if let Some(metrics) = metrics {
            metrics.stop(false).await;
        }
        stop(&state, &jobs, outbox, &tasks).await
    })
}

/// Creates the database if it does not exist, migrates it, and imports the built-in data if requested.
fn prepare(settings: &Settings, catalog: &Arc<Catalog>) -> Outcome {
    let url = &settings.database_url;
    database::create_missing(url)?;
    let mut conn = database::open(url)?;
    backend::migrate(&mut conn).map_err(|error| database::explain(url, &error))?;
    if settings.seed
        && let Some(count) = seed::fill_empty(&mut conn, settings, catalog)?
    {
        eprintln!("Seeded {url} with {count} records.");
    }
    Ok(())
}

/// Prints where the service is reached, and the next step.
fn announce(settings: &Settings, addresses: &[SocketAddr]) {
    let next = suggest("key create --name me --role admin");
    for address in addresses {
        eprintln!(
            "Serving {}\n  page  http://{address}/\n  docs  http://{address}/docs/\n  API   http://{address}/api/v1/pairings\n\
             To write, make a key: {next}",
            settings.database_url
        );
    }
}

/// Starts the periodic tasks of the service.
fn start_tasks(
    state: &web::Data<AppState>,
    jobs: &Arc<Jobs>,
    connections: Connections,
) -> Result<[JoinHandle<()>; 5], String> {
    let facts = state.parts.get::<FactStore>().map_err(|e| e.cause())?;
    let close_waiting = async move {
        loop {
            tokio::time::sleep(CHECK_INTERVAL).await;
            connections.close_waiting(WAITING_MAX);
        }
    };
    Ok([
        actix_web::rt::spawn(flush_counters(state.clone(), jobs.clone())),
        actix_web::rt::spawn(marks::follow(state.clone().into_inner())),
        actix_web::rt::spawn(sweep_files(state.clone())),
        actix_web::rt::spawn(close_waiting),
        actix_web::rt::spawn(facts.keep(state.store.clone())),
    ])
}

/// Ends webhooks, imports and periodic tasks, and writes the counters for the last time.
async fn stop(state: &web::Data<AppState>, jobs: &Jobs, outbox: Outbox, tasks: &[JoinHandle<()>]) -> Outcome {
    let sent = tokio::spawn(outbox.stop());
    jobs.interrupt().await;
    sent.await.map_err(|e| format!("the delivery of webhooks failed: {e}"))?;
    tasks.iter().for_each(JoinHandle::abort);
    state.refusals.flush(&state.store).await.map_err(|e| format!("cannot write the last refused requests: {e}"))?;
    state.uses.flush(&state.store).await.map_err(|e| format!("cannot write when keys were last used: {e}"))?;
    state.sealer.settle().await;
    eprintln!("Stopped.");
    Ok(())
}

/// Serves the metrics on their own address.
fn serve_metrics(listeners: Vec<TcpListener>, state: &web::Data<AppState>) -> Result<ServerHandle, String> {
    let state = state.clone();
    let service = move || App::new().app_data(state.clone()).service(metrics::print_apart);
    let mut server = HttpServer::new(service).disable_signals().workers(1).max_connections(64);
    for listener in listeners {
        server = server.listen(listener).map_err(|e| format!("cannot start the server of the metrics: {e}"))?;
    }
    for address in server.addrs() {
        eprintln!("Serving metrics on http://{address}/metrics");
    }
    let running = server.run();
    let handle = running.handle();
    actix_web::rt::spawn(running);
    Ok(handle)
}

/// Writes counters in memory to the database: refused requests, and when keys were last used. Deletes old refused requests, and
/// marks abandoned imports.
async fn flush_counters(state: web::Data<AppState>, jobs: Arc<Jobs>) {
    loop {
        tokio::time::sleep(FLUSH_INTERVAL).await;
        if let Err(error) = state.refusals.flush_in_time(&state.store).await {
            tracing::warn!(%error, "cannot write refused requests; trying again");
        }
        if let Err(error) = state.refusals.sweep(&state.store, state.settings.keep_refusals).await {
            tracing::warn!(%error, "cannot delete old refused requests; trying again");
        }
        if let Err(error) = jobs.interrupt_abandoned(&state, false).await {
            tracing::warn!(%error, "cannot look for abandoned imports; trying again");
        }
        if let Err(error) = state.uses.flush_in_time(&state.store).await {
            tracing::warn!(%error, "cannot write when keys were last used; trying again");
        }
    }
}

/// Removes files that no document refers to: at the start, and then once a day.
async fn sweep_files(state: web::Data<AppState>) {
    let FileStore::Directory(directory) = &state.settings.files else { return };
    loop {
        match sweep::sweep(&state.store, directory, SystemTime::now()).await {
            Ok(swept) if swept == Swept::default() => {}
            Ok(Swept { parts, set_aside, restored, removed }) => {
                tracing::info!(parts, set_aside, restored, removed, "cleaned the directory of documents' files");
            }
            Err(error) => {
                tracing::warn!(%error, "cannot clean the directory of documents' files; trying again tomorrow")
            }
        }
        tokio::time::sleep(sweep::EVERY).await;
    }
}

/// Stops the server on SIGTERM or SIGINT, after the requests in flight.
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

/// Stops the server on Ctrl-C, after the requests in flight.
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
