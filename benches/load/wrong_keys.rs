//! The cost of refusing wrong keys, and the latency of other clients meanwhile.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::rt;
use actix_web::rt::time::sleep;
use pairing_tracker::access::secrets::keys::{Family, IssuedKey};

use super::Outcome;
use super::http::Connection;
use super::service::Service;

/// Requests of each kind.
const REQUESTS: u32 = 10_000;
/// Another address of this machine's loopback network.
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// The pause of the other client between two requests.
const REST: Duration = Duration::from_millis(5);

/// The measurements.
pub struct WrongKeys {
    pub requests: u32,
    /// Processor time of the server for a request with a right key, and for one with a wrong key.
    pub right: Duration,
    pub wrong: Duration,
    /// The statuses of wrong keys: 401 when they were looked up, 429 before.
    pub looked_up: u32,
    pub locked_out: u32,
    /// Requests of a client with a right key at another address meanwhile, all answered with 200, and the slowest.
    pub elsewhere: u32,
    pub slowest: Duration,
}

/// Sends requests with a right key, and then as many with wrong keys.
pub async fn measure(service: &Service, key: &str) -> Outcome<WrongKeys> {
    let request = |key: &str| {
        format!("GET /api/v1/milestones/1 HTTP/1.1\r\nHost: load\r\nAuthorization: Bearer {key}\r\n\r\n").into_bytes()
    };
    let (right, wrong) = (request(key), request(&unknown_key()));
    let (right_time, statuses) = timed(service, &right).await?;
    if statuses != [REQUESTS, 0, 0] {
        return Err(format!("a right key got 200, 401, 429 this often: {statuses:?}"));
    }

    let done = Rc::new(Cell::new(false));
    let until = done.clone();
    let mut other = Connection::open_from(ELSEWHERE, service.address).await.map_err(|e| e.to_string())?;
    let elsewhere = rt::spawn(async move {
        let (mut responses, mut slowest) = (0, Duration::ZERO);
        while !until.get() {
            let begun = Instant::now();
            let status = other.exchange(&right).await.map_err(|e| e.to_string())?;
            if status != 200 {
                return Err(format!("a right key elsewhere got {status}"));
            }
            slowest = slowest.max(begun.elapsed());
            responses += 1;
            sleep(REST).await;
        }
        Ok((responses, slowest))
    });
    let refused = timed(service, &wrong).await;
    done.set(true);
    let (elsewhere, slowest) = elsewhere.await.map_err(|e| e.to_string())??;
    let (wrong_time, [accepted, looked_up, locked_out]) = refused?;
    if accepted > 0 {
        return Err("a wrong key was accepted".to_owned());
    }
    Ok(WrongKeys {
        requests: REQUESTS,
        // The requests of the other client are subtracted, at the cost that they had before.
        wrong: (wrong_time.saturating_sub(right_time / REQUESTS * elsewhere)) / REQUESTS,
        right: right_time / REQUESTS,
        looked_up,
        locked_out,
        elsewhere,
        slowest,
    })
}

/// Sends one request many times over one connection; returns the processor time of the server, and the numbers of 200, 401 and
/// 429.
async fn timed(service: &Service, request: &[u8]) -> Outcome<(Duration, [u32; 3])> {
    let mut connection = Connection::open(service.address).await.map_err(|e| e.to_string())?;
    let before = service.processor_time()?;
    let mut statuses = [0; 3];
    for _ in 0..REQUESTS {
        match connection.exchange(request).await.map_err(|e| e.to_string())? {
            200 => statuses[0] += 1,
            401 => statuses[1] += 1,
            429 => statuses[2] += 1,
            other => return Err(format!("an unexpected status {other}")),
        }
    }
    Ok((service.processor_time()?.saturating_sub(before), statuses))
}

/// A well-formed key that does not exist.
fn unknown_key() -> String {
    IssuedKey::random(Family::Api).secret.expose().to_owned()
}
