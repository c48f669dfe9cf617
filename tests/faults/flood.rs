//! One address floods the service with the most expensive requests, over a large database.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::writes::{Http, SetOnDrop};
use super::{prepare, serve, writes};
use crate::common::program::{connect, databases, on};
use crate::memory::dataset;

/// The limit of the process's growth under a flood, in KiB.
const GROWTH_MAX: u64 = 200 * 1024;
/// The longest that another client may wait for one response; far more than usual, as the machine may be busy with other tests.
const OTHERS_WAIT_MAX: Duration = Duration::from_secs(10);
/// The floods: the request, and the number of concurrent clients.
const FLOODS: [(&str, usize); 3] = [
    ("/api/v1/reports/scorecard?recorded_at=2023-06-01T00%3A00%3A00Z", 8),
    ("/", 32),
    ("/api/v1/milestones?q=%E9%87%8C&count=true&limit=1000", 32),
];

/// The outcomes of the requests of a flood.
#[derive(Default)]
struct Flooded {
    answered: AtomicUsize,
    refused: AtomicUsize,
    /// The slowest request that was answered, in milliseconds.
    slowest: AtomicUsize,
}

impl Flooded {
    fn request(&self, http: &Http, path: &str) {
        let began = Instant::now();
        let Ok(reply) = http.get(path) else { return };
        match reply.status {
            200 => {
                self.answered.fetch_add(1, Ordering::Relaxed);
                let took = usize::try_from(began.elapsed().as_millis()).unwrap_or(usize::MAX);
                self.slowest.fetch_max(took, Ordering::Relaxed);
            }
            503 => {
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
            other => panic!("{path}: {other} {}", reply.body),
        }
    }
}

/// Floods the service, and sends other requests meanwhile; returns the duration of the slowest of these.
fn flood(flooding: &Http, other: &Http, (path, clients): (&str, usize), prefix: &str, flooded: &Flooded) -> Duration {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _set = SetOnDrop(&stop);
        for _ in 0..clients {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    flooded.request(flooding, path);
                }
            });
        }
        let (mut slowest, mut number) = (Duration::ZERO, 0);
        while number < writes() / 25 || flooded.answered.load(Ordering::Relaxed) == 0 {
            let code = format!("{prefix}-{number}");
            let list = format!("/api/v1/sectors?limit=1&q={code}");
            let requests: [(&str, &dyn Fn() -> std::io::Result<_>, u16); 3] = [
                ("readiness", &|| other.get("/readyz"), 200),
                ("a read", &|| other.get(&list), 200),
                ("a write", &|| other.create(&code), 201),
            ];
            for (name, request, wanted) in requests {
                let began = Instant::now();
                let reply = request().expect("a response");
                assert_eq!(reply.status, wanted, "{name} beside the flood of {path}: {}", reply.body);
                slowest = slowest.max(began.elapsed());
            }
            number += 1;
        }
        slowest
    })
}

#[test]
fn a_flood_from_one_address_does_not_block_other_clients() {
    for url in databases() {
        let directory = tempfile::tempdir().expect("a directory");
        let key = prepare(directory.path(), &url);
        on(directory.path(), &url, &["seed", "apply", concat!(env!("CARGO_MANIFEST_DIR"), "/seed")]).good();
        let milestones = i64::try_from(writes() * 20 + 2_000).expect("a number");
        dataset::fill(&mut connect(directory.path(), &url), milestones);
        let service = serve(directory.path(), &url, &[]);
        let other = Http::new(&service.address, Some(&key));
        let flooding = Http::new(&service.address, None).from([127, 0, 0, 2]);
        for (number, (path, clients)) in FLOODS.into_iter().enumerate() {
            // Measured anew, so that memory left over from earlier floods does not count.
            let before = service.memory("VmRSS:");
            service.reset_peak();
            let flooded = Flooded::default();
            let slowest = flood(&flooding, &other, (path, clients), &format!("o-{number}"), &flooded);
            let growth = service.memory("VmHWM:").zip(before).map_or(0, |(peak, before)| peak.saturating_sub(before));
            let [answered, refused, longest] =
                [&flooded.answered, &flooded.refused, &flooded.slowest].map(|count| count.load(Ordering::Relaxed));
            eprintln!(
                "{url}: {milestones} milestones, {clients} clients of {path}: {answered} answered, at most after {longest} ms; \
                 {refused} refused; grew by {growth} KiB; others all served, slowest {slowest:?}"
            );
            assert!(answered > 0, "the control: there was a flood");
            assert!(growth < GROWTH_MAX, "{path}: grew by {growth} KiB");
            assert!(slowest < OTHERS_WAIT_MAX, "{path}: others waited for {slowest:?}");
        }
    }
}
