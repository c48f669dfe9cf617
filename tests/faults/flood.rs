//! One address floods the service with what is dear.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::writes::Http;
use super::{prepare, serve, writes};
use crate::common::program::databases;

#[test]
fn a_flood_from_one_address_leaves_the_others_served() {
    for url in databases() {
        let directory = tempfile::tempdir().expect("a directory");
        let key = prepare(directory.path(), &url);
        let service = serve(directory.path(), &url, &["--seed"]);
        let other = Http::new(&service.address, Some(&key));
        let flooding = Http::new(&service.address, None).from([127, 0, 0, 2]);
        let paths = [
            "/".to_owned(),
            "/api/v1/milestones?q=%E9%87%8C&count=true&limit=1000".to_owned(),
            "/api/v1/reports/scorecard?recorded_at=2099-01-01T00%3A00%3A00Z".to_owned(),
        ];
        let (stop, asked, refused) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
        let slowest = std::thread::scope(|scope| {
            for client in 0..32 {
                let (stop, asked, refused, paths, flooding) = (&stop, &asked, &refused, &paths, &flooding);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let Ok(reply) = flooding.get(&paths[client % paths.len()]) else { continue };
                        asked.fetch_add(1, Ordering::Relaxed);
                        refused.fetch_add(usize::from(reply.status == 503), Ordering::Relaxed);
                    }
                });
            }
            let mut slowest = Duration::ZERO;
            for number in 0..writes() / 4 {
                let code = format!("o-{number}");
                let began = Instant::now();
                let requests = [
                    other.get("/readyz").map(|reply| (reply.status, 200)),
                    other.get(&format!("/api/v1/sectors?limit=1&q={code}")).map(|reply| (reply.status, 200)),
                    other.create(&code).map(|reply| (reply.status, 201)),
                ];
                for request in requests {
                    let (status, wanted) = request.expect("a response");
                    assert_eq!(status, wanted, "beside the flood");
                }
                slowest = slowest.max(began.elapsed());
            }
            stop.store(true, Ordering::Relaxed);
            slowest
        });
        let (asked, refused) = (asked.load(Ordering::Relaxed), refused.load(Ordering::Relaxed));
        assert!(asked > 32, "the control: there was a flood");
        eprintln!("{url}: {asked} requests of the flood, {refused} refused; others all served, slowest {slowest:?}");
    }
}
