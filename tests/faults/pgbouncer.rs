//! PgBouncer in transaction mode: any statement may reach a server connection that has not prepared it.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::cluster::Cluster;
use super::restart::recovers;
use super::writes::Http;
use super::{prepare, serve, skip, wait_until};
use crate::common::postgres::command;

/// A pooler; stopped at the end of the test.
struct PgBouncer {
    child: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl PgBouncer {
    /// Starts it in front of a server; `None` where it is not installed.
    fn start(cluster: &Cluster) -> Option<PgBouncer> {
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"]
            .into_iter()
            .find(|path| std::path::Path::new(path).exists())?;
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777))
            .expect("permissions");
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
        let settings = directory.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\nfaults = host={} dbname=faults user=tester\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 6\n\
             ignore_startup_parameters = extra_float_digits\n",
            cluster.socket().display()
        );
        std::fs::write(&settings, text).expect("the settings are written");
        // Like the server, it refuses to run as root.
        let mut pooler: Command = command(program.as_ref());
        pooler.arg("-q").arg(&settings).current_dir("/tmp");
        let child = pooler.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        wait_until(Duration::from_secs(10), "it listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(PgBouncer { child, port, _directory: directory })
    }
}

/// How many of many concurrent requests fail.
fn failures(http: &Http, prefix: &str) -> usize {
    let one = |number: usize| {
        let is_good =
            |reply: std::io::Result<super::writes::Reply>, status| reply.is_ok_and(|reply| reply.status == status);
        match number % 3 {
            0 => is_good(http.create(&format!("{prefix}-{number}")), 201),
            1 => is_good(http.get(&format!("/api/v1/sectors?limit=1&q={prefix}{number}")), 200),
            _ => is_good(http.get(&format!("/api/v1/sectors/none-{prefix}-{number}")), 404),
        }
    };
    std::thread::scope(|scope| {
        let one = &one;
        let all: Vec<_> =
            (0..12).map(|client| scope.spawn(move || (0..20).filter(|n| !one(client * 20 + n)).count())).collect();
        all.into_iter().map(|client| client.join().expect("a client")).sum()
    })
}

#[test]
fn one_setting_makes_the_service_work_behind_pgbouncer() {
    let Some(cluster) = Cluster::start() else { return skip("PostgreSQL is not installed") };
    let Some(pooler) = PgBouncer::start(&cluster) else { return skip("PgBouncer is not installed") };
    let directory = tempfile::tempdir().expect("a directory");
    let key = prepare(directory.path(), &cluster.url());
    let url = format!("postgres://tester@127.0.0.1:{}/faults", pooler.port);
    let without = std::panic::catch_unwind(|| {
        let service = serve(directory.path(), &url, &[]);
        failures(&Http::new(&service.address, Some(&key)), "without")
    });
    assert!(
        without.map_or(true, |failures| failures > 0),
        "the control: without the switch it does not start, or fails"
    );
    let service = serve(directory.path(), &format!("{url}?pgbouncer=true"), &[]);
    let http = Http::new(&service.address, Some(&key));
    recovers(&http, "behind PgBouncer");
    assert_eq!(failures(&http, "with"), 0);
    // Writes of another process become visible, too.
    let beside = serve(directory.path(), &cluster.url(), &[]);
    let path = "/api/v1/sectors?limit=1000";
    assert_eq!(http.get(path).expect("a response").status, 200);
    assert_eq!(Http::new(&beside.address, Some(&key)).create("beside").expect("a response").status, 201);
    wait_until(Duration::from_secs(5), "the change is seen", || {
        http.get(path).is_ok_and(|reply| reply.body.contains("\"beside\""))
    });
}
