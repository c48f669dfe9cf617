//! Limits of one client: requests a minute of an address and of a key, wrong keys, and concurrent requests.

use std::sync::mpsc::channel;
use std::time::Duration;

use actix_web::body::to_bytes;
use actix_web::http::Method;
use actix_web::rt::spawn;
use pairing_tracker::access::Role;
use pairing_tracker::db::Conn;
use pairing_tracker::error::Error;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::common::builders::operations;
use crate::common::client::Response;
use crate::common::{Client, DOCUMENT, on_each};

const HERE: &str = "198.51.100.7";
const THERE: &str = "203.0.113.9";
/// Attempts with wrong keys that the service allows an address in a minute.
const WRONG_MAX: usize = 60;

#[track_caller]
fn refused(response: Response) -> Response {
    let response = response.expect(429);
    assert_eq!(response.body["code"], "rate_limited");
    let seconds: u64 = response.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
    response
}

/// Refused before the look-up of the key, because the address tried too many.
fn locked_out(response: Response) {
    let response = response.expect(429);
    assert_eq!(response.body["code"], "too_many_attempts");
    assert!(response.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1));
}

/// Runs the tasks of this thread until each waits for something else than another task.
async fn run_tasks() {
    for _ in 0..1000 {
        yield_now().await;
    }
}

#[test]
fn an_address_has_a_quota_that_responses_report() {
    on_each(|database| async move {
        let client = database.client_with(|settings| settings.rate_per_address = 3).anonymous();
        let here = client.at(HERE);
        for (path, left) in [("pairings", 2), ("pairings/none", 1), ("/docs/", 0)] {
            let response = here.get(path).await;
            assert_eq!(response.header("ratelimit-policy"), "\"address\";q=3;w=60");
            let limit = response.header("ratelimit");
            assert!(limit.starts_with(&format!("\"address\";r={left};t=")), "{limit}");
        }
        let english = refused(here.get("pairings").await);
        assert_eq!(english.body["title"], "Too many requests");
        assert!(english.header("ratelimit").starts_with("\"address\";r=0;t="));
        let header = [("Accept-Language", "zh-CN")];
        let chinese = refused(here.send(Method::GET, "pairings", &header, None).await);
        assert_eq!(chinese.body["title"], "请求过于频繁");
        refused(here.get("/openapi.json").await);

        client.at(THERE).get("pairings").await.expect(200);
        for _ in 0..5 {
            for path in ["/healthz", "/readyz"] {
                assert_eq!(here.get(path).await.expect(200).header("ratelimit"), "");
            }
            // A request without an address has no quota.
            assert_eq!(client.get("pairings").await.expect(200).header("ratelimit"), "");
        }
    });
}

#[test]
fn an_ipv6_network_is_one_client_and_a_mapped_address_counts_as_ipv4() {
    on_each(|database| async move {
        let client = database.client_with(|settings| settings.rate_per_address = 1).anonymous();
        client.at("2001:db8:1:2::1").get("pairings").await.expect(200);
        refused(client.at("2001:db8:1:2:ffff::9").get("pairings").await);
        client.at("2001:db8:1:3::1").get("pairings").await.expect(200);
        client.at(HERE).get("pairings").await.expect(200);
        refused(client.at(&format!("::ffff:{HERE}")).get("pairings").await);
    });
}

#[test]
fn a_key_has_one_quota_across_all_addresses() {
    on_each(|database| async move {
        let client = database.client_with(|settings| {
            settings.rate_per_address = 100;
            settings.rate_per_key = 2;
        });
        let response = client.at(HERE).get("pairings").await.expect(200);
        assert_eq!(response.header("ratelimit-policy"), "\"address\";q=100;w=60, \"key\";q=2;w=60");
        assert_eq!(response.header("ratelimit"), "\"address\";r=99;t=1, \"key\";r=1;t=30");
        let response = client.get("pairings").await.expect(200);
        assert_eq!(response.header("ratelimit"), "\"key\";r=0;t=60");
        let response = refused(client.at(THERE).get("pairings").await);
        assert!(response.header("ratelimit").contains("\"key\";r=0;t="), "{}", response.header("ratelimit"));
        refused(client.delete("pairings/xinhui-taishan").await);
        client.at(HERE).anonymous().get("pairings").await.expect(200);
        client.with_key(database.key("another", Role::Viewer, &[])).at(HERE).get("pairings").await.expect(200);
    });
}

#[test]
fn disabled_quotas_are_not_reported() {
    on_each(|database| async move {
        let client = database.client_with(|settings| {
            settings.rate_per_address = 0;
            settings.rate_per_key = 0;
        });
        let response = client.at(HERE).get("pairings").await.expect(200);
        assert_eq!((response.header("ratelimit-policy"), response.header("ratelimit")), ("", ""));
    });
}

#[test]
fn only_a_trusted_proxy_can_set_the_client_address() {
    on_each(|database| async move {
        let client = database.client_with(|settings| {
            settings.rate_per_address = 1;
            settings.trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")];
        });
        let client = client.anonymous();
        let request = async |peer: &str, forwarded: &str| {
            let headers = [("X-Forwarded-For", forwarded)];
            client.at(peer).send(Method::GET, "pairings", &headers, None).await
        };
        request("10.0.0.1", HERE).await.expect(200);
        request("10.0.0.2", THERE).await.expect(200);
        refused(request("10.0.0.2", HERE).await);
        // Entries that the client itself puts in front of its address do not count.
        refused(request("10.0.0.1", &format!("192.0.2.77, {HERE}")).await);
        refused(request("10.0.0.1", &format!("192.0.2.78, {HERE}, 10.0.0.9")).await);
        // The header of an untrusted proxy is ignored: the proxy itself is the client.
        request("192.0.2.1", "192.0.2.79").await.expect(200);
        refused(request("192.0.2.1", "192.0.2.80").await);
    });
}

#[test]
fn an_address_that_tries_many_keys_is_refused_before_the_look_up() {
    on_each(|database| async move {
        let client = database.client();
        let here = client.at(HERE);
        let colleague = client.with_key(database.key("colleague", Role::Viewer, &[])).at(HERE);
        let newcomer = client.with_key(database.key("newcomer", Role::Viewer, &[])).at(HERE);
        colleague.get("pairings").await.expect(200);
        // Keys of the right form that are unknown here, and keys of a wrong form.
        let other = on_other_database();
        for n in 0..WRONG_MAX {
            let wrong = if n % 2 == 0 { other.clone() } else { "ptk_nonsense".to_owned() };
            here.with_key(wrong).get("pairings").await.expect(401);
        }
        locked_out(here.with_key(other.clone()).get("pairings").await);
        locked_out(here.with_key("ptk_nonsense").get("pairings").await);
        // This key is valid, but it is not looked up.
        locked_out(newcomer.get("pairings").await);
        colleague.get("pairings").await.expect(200);
        here.anonymous().get("pairings").await.expect(200);
        client.with_key(other).at(THERE).get("pairings").await.expect(401);
    });
}

/// A valid key of another database.
fn on_other_database() -> String {
    crate::common::databases(false)[0].key("stranger", Role::Admin, &[])
}

#[test]
fn concurrent_requests_are_limited() {
    on_each(|database| async move {
        let client = database
            .client_with(|settings| {
                settings.connections = 1;
                settings.in_flight_per_address = 2;
                settings.in_flight = 3;
            })
            .anonymous();
        client.get("pairings").await.expect(200);
        let (release, released) = channel::<()>();
        let store = client.state.store.clone();
        let occupied = spawn(async move {
            store.read(move |_: &mut Conn| released.recv().map_err(Error::unexpected)).await.expect("it was released");
        });
        run_tasks().await;

        // The responses are not cached, so that the requests wait for the connection.
        let request = |address: &'static str, n: usize| {
            let client = client.at(address);
            spawn(async move { client.get(&format!("pairings/none-{n}")).await.status.as_u16() })
        };
        let (first, second) = (request(HERE, 1), request(HERE, 2));
        run_tasks().await;
        refused(client.at(HERE).get("pairings").await);
        let third = request(THERE, 3);
        run_tasks().await;
        let full = client.at("192.0.2.1").get("pairings").await.expect(503);
        assert_eq!((full.header("retry-after"), full.body["code"].as_str()), ("1", Some("unavailable")));
        client.at(HERE).get("/healthz").await.expect(200);

        // A client that disconnects frees its place.
        first.abort();
        run_tasks().await;
        let fourth = request(HERE, 4);
        run_tasks().await;
        refused(client.at(HERE).get("pairings").await);

        release.send(()).expect("it waits");
        occupied.await.expect("it ends");
        for asked in [second, third, fourth] {
            assert_eq!(asked.await.expect("it ends"), 404);
        }
        client.at(HERE).get("pairings").await.expect(200);
    });
}

#[test]
fn a_new_stream_replaces_one_of_the_client_with_most_streams() {
    on_each(|database| async move {
        let client = database.client();
        let key = |name: &str| client.with_key(database.key(name, Role::Viewer, &[]));
        let mut streams = Vec::new();
        for number in 0..16 {
            let many = key(&format!("many-{number}"));
            for _ in 0..8 {
                let stream = many.open("audit-events?follow").await;
                assert_eq!(stream.status(), 200);
                streams.push(stream);
            }
            assert_eq!(many.open("audit-events?follow").await.status(), 429, "a key has eight");
        }
        let newcomer = key("newcomer");
        let begun = newcomer.open("audit-events?follow").await;
        assert_eq!(begun.status(), 200);
        let given_up = streams.pop().expect("a stream");
        let ended = timeout(Duration::from_secs(60), to_bytes(given_up.into_body())).await.expect("it ends");
        assert_eq!(ended.expect("it ends well"), "retry: 1000\n\n");
        // The control: a stream that was not ended continues.
        let remaining = streams.swap_remove(0);
        assert!(timeout(Duration::from_millis(200), to_bytes(remaining.into_body())).await.is_err());
    });
}

#[test]
fn a_request_that_waits_too_long_for_the_database_gets_503() {
    on_each(|database| async move {
        let client: Client = database.client_with(|settings| settings.connections = 1).anonymous();
        client.get("pairings").await.expect(200);
        let (release, released) = channel::<()>();
        let store = client.state.store.clone();
        let occupied = spawn(async move {
            store.read(move |_: &mut Conn| released.recv().map_err(Error::unexpected)).await.expect("it was released");
        });
        run_tasks().await;
        let waiting: Vec<_> = (0..64)
            .map(|n| {
                let client = client.clone();
                spawn(async move { client.get(&format!("pairings/none-{n}")).await })
            })
            .collect();
        run_tasks().await;
        // The queue is full; the requests in it still wait.
        let unavailable = |response: Response| assert_eq!(response.expect(503).header("retry-after"), "1");
        unavailable(client.get("pairings/none-64").await);
        // Health checks and authenticated clients do not wait behind them.
        client.get("/readyz").await.expect(200);
        client.with_key(database.key("viewer", Role::Viewer, &[])).get("/healthz").await.expect(200);
        assert!(waiting.iter().all(|task| !task.is_finished()));
        for task in waiting {
            unavailable(task.await.expect("it ends"));
        }
        client.get("/healthz").await.expect(200);
        release.send(()).expect("it waits");
        occupied.await.expect("it ends");
        client.get("/readyz").await.expect(200);
    });
}

#[test]
fn the_document_describes_the_limits_at_every_response() {
    let document = &*DOCUMENT;
    for operation in operations() {
        let responses = operation.document["responses"].as_object().expect("answers");
        assert!(responses.contains_key("429"), "{}", operation.id);
        for (status, response) in responses {
            let shared = response["$ref"].as_str().map(|at| document.pointer(at.trim_start_matches('#')));
            let headers = &shared.flatten().unwrap_or(response)["headers"];
            for name in ["RateLimit", "RateLimit-Policy"] {
                assert!(headers[name]["$ref"].is_string(), "{} {status} {name}", operation.id);
            }
            assert_eq!(headers["Retry-After"].is_object(), matches!(status.as_str(), "429" | "503"), "{status}");
        }
    }
}
