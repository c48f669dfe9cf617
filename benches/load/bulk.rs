//! Import of a file with many milestones: the rate, compared with a bulk insert of the same rows into the bare database, the
//! memory of the service, and the latency of another client meanwhile.
//!
//! The other client requests at a steady pace. As fast as possible it would take a core away from the import, but none from the
//! bare insert.
//!
//! The bare insert copies the rows of the import into another database with the same schema, by the fastest way of the backend
//! and in one transaction: SQLite by `INSERT … SELECT` from an attached file, PostgreSQL by `COPY` from a file in its own
//! format. It is measured twice: with everything that an import writes (milestones, codes, search texts, audit events), and
//! with the milestones only.

use std::cell::Cell;
use std::fmt;
use std::fmt::Write as _;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::rt;
use actix_web::rt::time::sleep;
use diesel::connection::SimpleConnection;
use pairing_tracker::config::DatabaseUrl;
use pairing_tracker::db::Manager;
use serde_json::Value;

use super::http::Connection;
use super::service::{Program, Service};
use super::{Outcome, dataset};

/// The longest time that an import may take.
const PATIENCE: Duration = Duration::from_secs(600);
/// The interval at which a running import is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// The pause of the other client between two reads.
const PACE: Duration = Duration::from_millis(5);
/// The milestones before the import: enough records to refer to.
const BEFORE: i64 = 1_000;

const MILESTONES: &str = "id, code, version, created_at, updated_at, pairing_id, agreement_id, project_id, title_zh, \
    title_en, kind, due_on, baseline_due_on, forecast_on, met_on, status, status_reason, progress, weight_thousandths, \
    note, supporter_confirmed_at, recipient_confirmed_at";
const CODES: &str = "entity, code, record_id";
const EVENTS: &str = "id, at, actor, actor_id, action, entity, record_id, record_code, reason, before_json, after_json, \
    request_id, hash";

/// The measurements of one backend.
pub struct Bulk {
    pub backend: &'static str,
    pub rows: i64,
    bytes: usize,
    plan: Duration,
    apply: Duration,
    again: Duration,
    bare_all: Duration,
    bare_milestones: Duration,
    /// Peak memory of the service in bytes, after a file with a tenth of the rows and after the whole one.
    peak_before: u64,
    peak_after: u64,
    /// Reads of another client per second, before and during the import, and the slowest during it.
    reads_before: f64,
    reads: f64,
    slowest: Duration,
}

/// Fills a database, imports a file, and copies the result into another database by the backend's own way.
pub async fn measure(
    backend: &'static str,
    url: &DatabaseUrl,
    bare: [&DatabaseUrl; 2],
    rows: i64,
    directory: &Path,
) -> Outcome<Bulk> {
    let program = Program::new(url.clone());
    for url in [url, bare[0], bare[1]] {
        Program::new(url.clone()).run(&["migrate"])?;
        dataset::fill(url, BEFORE, directory)?;
    }
    let key = program.run(&["key", "create", "--name", "load", "--role", "admin"])?;
    let service = program.start().await?;
    let mut client = Client::open(&service, key.trim()).await?;
    let agreements = client.codes("agreements").await?;

    eprintln!("{backend}: a file of {} milestones", rows / 10);
    let small = file("small", rows / 10, &agreements);
    let id = client.plan(&small, rows / 10).await?.0;
    client.apply(id).await?;
    let peak_before = peak(&service)?;

    eprintln!("{backend}: a file of {rows} milestones");
    let text = file("large", rows, &agreements);
    let (id, plan) = client.plan(&text, rows).await?;
    let first = client.last_milestone().await?;
    let quiet = Reader::start(&service).await?;
    sleep(Duration::from_secs(2)).await;
    let (reads_before, _) = quiet.stop().await?;
    let reader = Reader::start(&service).await?;
    let apply = client.apply(id).await?;
    let (reads, slowest) = reader.stop().await?;
    let peak_after = peak(&service)?;
    let (_, again) = client.plan(&text, rows).await?;
    drop(service);

    eprintln!("{backend}: the bare inserts");
    let [bare_all, bare_milestones] = bare_inserts(url, bare, &first, directory)?;
    Ok(Bulk {
        backend,
        rows,
        bytes: text.len(),
        plan,
        apply,
        again,
        bare_all,
        bare_milestones,
        peak_before,
        peak_after,
        reads_before,
        reads,
        slowest,
    })
}

/// Copies everything that the import wrote into one database, and its milestones only into another.
fn bare_inserts(
    url: &DatabaseUrl,
    bare: [&DatabaseUrl; 2],
    before: &Before,
    directory: &Path,
) -> Outcome<[Duration; 2]> {
    let Before { milestone, event } = before;
    let all = [
        ("milestones", MILESTONES, format!("id > {milestone}")),
        ("record_codes", CODES, format!("entity = 'milestone' AND record_id > {milestone}")),
        ("search_texts", "", format!("record_id > {milestone} AND entity = 'milestone'")),
        ("audit_events", EVENTS, format!("id > {event} AND entity = 'milestone'")),
    ];
    Ok([bare_insert(url, bare[0], &all, directory)?, bare_insert(url, bare[1], &all[..1], directory)?])
}

/// A CSV file of milestones, spread over the agreements.
fn file(name: &str, rows: i64, agreements: &[String]) -> String {
    let mut text = String::from("code,agreement,title.zh,due_on,kind,weight,note\n");
    for row in 0..rows {
        let agreement = &agreements[usize::try_from(row).unwrap_or_default() % agreements.len()];
        let (month, day) = (1 + row % 12, 1 + row % 28);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{name}-{row},{agreement},文旅线路第{row}期建设,2031-{month:02}-{day:02},construction,1,由{row}组负责"
        );
    }
    text
}

/// The greatest ids before the import.
struct Before {
    milestone: i64,
    event: i64,
}

struct Client<'a> {
    connection: Connection,
    key: &'a str,
}

impl Client<'_> {
    async fn open<'a>(service: &Service, key: &'a str) -> Outcome<Client<'a>> {
        let connection = Connection::open(service.address).await.map_err(|e| e.to_string())?;
        Ok(Client { connection, key })
    }

    async fn request(&mut self, method: &str, target: &str, body: &str) -> Outcome<Value> {
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: load\r\nAuthorization: Bearer {}\r\nPrefer: respond-async\r\n\
             Content-Type: text/csv\r\nContent-Length: {}\r\n\r\n{body}",
            self.key,
            body.len()
        );
        let status = self.connection.exchange(request.as_bytes()).await.map_err(|e| e.to_string())?;
        let response: Value = serde_json::from_slice(self.connection.body()).map_err(|e| e.to_string())?;
        if status < 300 { Ok(response) } else { Err(format!("{method} {target}: {status} {response}")) }
    }

    async fn codes(&mut self, path: &str) -> Outcome<Vec<String>> {
        let list = self.request("GET", &format!("/api/v1/{path}?limit=1000"), "").await?;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        Ok(items.iter().filter_map(|item| item["code"].as_str().map(str::to_owned)).collect())
    }

    async fn last_milestone(&mut self) -> Outcome<Before> {
        let newest = |list: Value| list["items"][0]["id"].as_i64().unwrap_or_default();
        Ok(Before {
            milestone: newest(self.request("GET", "/api/v1/milestones?sort=-id&limit=1", "").await?),
            event: newest(self.request("GET", "/api/v1/audit-events?sort=-at&limit=1", "").await?),
        })
    }

    /// Sends a file and waits for its plan.
    async fn plan(&mut self, file: &str, rows: i64) -> Outcome<(i64, Duration)> {
        let begun = Instant::now();
        let sent = self.request("POST", "/api/v1/imports?resource=milestones", file).await?;
        let id = sent["id"].as_i64().ok_or("an import without an id")?;
        let planned = self.until(id, "planned").await?;
        if planned["records"] != rows {
            return Err(format!("the import has another number of rows: {planned}"));
        }
        Ok((id, begun.elapsed()))
    }

    /// Applies an import and waits until it is written.
    async fn apply(&mut self, id: i64) -> Outcome<Duration> {
        let begun = Instant::now();
        self.request("POST", &format!("/api/v1/imports/{id}/apply"), "").await?;
        self.until(id, "applied").await?;
        Ok(begun.elapsed())
    }

    async fn until(&mut self, id: i64, status: &str) -> Outcome<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let import = self.request("GET", &format!("/api/v1/imports/{id}"), "").await?;
            match import["status"].as_str() {
                Some(found) if found == status => return Ok(import),
                Some("planning" | "applying") if Instant::now() < deadline => sleep(POLL_INTERVAL).await,
                _ => return Err(format!("the import did not become {status}: {import}")),
            }
        }
    }
}

/// Another client, which reads one milestone after another.
struct Reader {
    is_done: Rc<Cell<bool>>,
    begun: Instant,
    task: rt::task::JoinHandle<Outcome<(u32, Duration)>>,
}

impl Reader {
    async fn start(service: &Service) -> Outcome<Reader> {
        let is_done = Rc::new(Cell::new(false));
        let until = is_done.clone();
        let mut connection = Connection::open(service.address).await.map_err(|e| e.to_string())?;
        let task = rt::spawn(async move {
            let (mut reads, mut slowest) = (0_u32, Duration::ZERO);
            while !until.get() {
                let begun = Instant::now();
                let target = format!("/api/v1/milestones/{}", 1 + i64::from(reads) % BEFORE);
                let request = super::http::get(&target);
                let status = connection.exchange(request.as_bytes()).await.map_err(|e| e.to_string())?;
                if status != 200 {
                    return Err(format!("a reader got {status}"));
                }
                slowest = slowest.max(begun.elapsed());
                reads += 1;
                sleep(PACE).await;
            }
            Ok((reads, slowest))
        });
        Ok(Reader { is_done, begun: Instant::now(), task })
    }

    /// Reads per second, and the slowest.
    async fn stop(self) -> Outcome<(f64, Duration)> {
        self.is_done.set(true);
        let elapsed = self.begun.elapsed().as_secs_f64();
        let (reads, slowest) = self.task.await.map_err(|e| e.to_string())??;
        Ok((f64::from(reads) / elapsed, slowest))
    }
}

/// Peak memory of the process in bytes; only Linux reports it.
fn peak(service: &Service) -> Outcome<u64> {
    service.peak().ok_or_else(|| "this system does not report the memory of a process".to_owned())
}

/// Copies rows of one database into another, in one transaction.
fn bare_insert(
    from: &DatabaseUrl,
    to: &DatabaseUrl,
    tables: &[(&str, &str, String)],
    directory: &Path,
) -> Outcome<Duration> {
    let mut conn = Manager::new(to.clone()).open().map_err(|e| e.to_string())?;
    let failed = |e: diesel::result::Error| format!("a bare insert failed: {e}");
    let mut statements = Vec::new();
    if let DatabaseUrl::Sqlite(path) = from {
        conn.batch_execute(&format!("ATTACH '{}' AS source", path.display())).map_err(failed)?;
        for (table, columns, condition) in tables {
            let columns = if *table == "search_texts" { "rowid, entity, body, record_id" } else { columns };
            statements.push(format!(
                "INSERT INTO main.{table} ({columns}) SELECT {columns} FROM source.{table} WHERE {condition}"
            ));
        }
    } else {
        let mut source = Manager::new(from.clone()).open().map_err(|e| e.to_string())?;
        source.batch_execute("SET statement_timeout = 0").map_err(failed)?;
        conn.batch_execute("SET statement_timeout = 0").map_err(failed)?;
        for (table, columns, condition) in tables {
            let columns = if *table == "search_texts" { "entity, record_id, body" } else { columns };
            let file = directory.join(table);
            let file = file.display();
            source
                .batch_execute(&format!(
                    "COPY (SELECT {columns} FROM {table} WHERE {condition}) TO '{file}' (FORMAT binary)"
                ))
                .map_err(failed)?;
            statements.push(format!("COPY {table} ({columns}) FROM '{file}' (FORMAT binary)"));
        }
    }
    let begun = Instant::now();
    conn.batch_execute("BEGIN").map_err(failed)?;
    for statement in statements {
        conn.batch_execute(&statement).map_err(failed)?;
    }
    conn.batch_execute("COMMIT").map_err(failed)?;
    Ok(begun.elapsed())
}

impl Bulk {
    /// The rate of applying, as a share of the bare insert of everything that the import writes.
    pub fn share(&self) -> f64 {
        self.bare_all.as_secs_f64() / self.apply.as_secs_f64()
    }
}

impl fmt::Display for Bulk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / (1024.0 * 1024.0);
        let rate = |duration: Duration| self.rows as f64 / duration.as_secs_f64();
        let line = |what: &str, duration: Duration| format!("| {what} | {:.0} |\n", rate(duration));
        writeln!(
            f,
            "## {}: a CSV file of {} milestones, {:.1} MiB\n",
            self.backend,
            self.rows,
            mib(self.bytes as u64)
        )?;
        writeln!(f, "| | rows/s |\n|---|---:|")?;
        write!(f, "{}", line("planned, from sending the file", self.plan))?;
        write!(f, "{}", line("applied, with audit events and search texts", self.apply))?;
        write!(f, "{}", line("planned again, nothing to change", self.again))?;
        write!(f, "{}", line("bare insert of everything that the import writes", self.bare_all))?;
        write!(f, "{}", line("bare insert of the milestones only", self.bare_milestones))?;
        writeln!(
            f,
            "\n- applied: {:.2} x the bare insert of everything that the import writes (goal: at least 0.7)",
            self.share()
        )?;
        let of_milestones = self.bare_milestones.as_secs_f64() / self.apply.as_secs_f64();
        writeln!(f, "- applied: {of_milestones:.2} x the bare insert of the milestones only")?;
        writeln!(
            f,
            "- peak memory: {:.0} MiB after a file of {} rows, {:.0} MiB after this one",
            mib(self.peak_before),
            self.rows / 10,
            mib(self.peak_after)
        )?;
        writeln!(
            f,
            "- another client: {:.0} reads/s before, {:.0} during the import; the slowest {:.0} ms",
            self.reads_before,
            self.reads,
            self.slowest.as_secs_f64() * 1000.0
        )
    }
}
