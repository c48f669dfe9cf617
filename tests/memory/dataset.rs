//! Many milestones with their audit events, inserted directly into a database that has a record of every kind.
//!
//! All of them were created at [`created_at`]; one in ten was changed at [`changed_at`], and had other values before.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use pairing_tracker::access::Actor;
use pairing_tracker::audit::{Action, Event, chain};
use pairing_tracker::db::Conn;
use pairing_tracker::model::types::Instant;

use crate::common::tamper::execute;

const AGREEMENTS: i64 = 1_000;
/// One in this many was changed.
const CHANGED: i64 = 10;
/// Ids above those of the examples' records.
const FIRST: i64 = 1_000_001;
/// Events that are hashed and written together.
const TOGETHER: i64 = 5_000;

fn instant(text: &str) -> Instant {
    Instant::from(text.parse::<chrono::DateTime<chrono::Utc>>().expect("an instant"))
}

pub fn created_at() -> Instant {
    instant("2023-01-01T00:00:00Z")
}

pub fn changed_at() -> Instant {
    instant("2024-01-01T00:00:00Z")
}

/// Inserts this many milestones, all of the first pairing.
pub fn fill(conn: &mut Conn, count: i64) {
    conn.transaction(|conn| {
        // SQLite has no type for instants, and a cast would produce a number.
        let (hurry, day, of_instant) = if conn.is_sqlite() {
            ("PRAGMA cache_size = -200000", "date('2022-01-01', '+' || (i % 1400) || ' days')", "")
        } else {
            ("SET LOCAL statement_timeout = 0", "DATE '2022-01-01' + (i % 1400)::integer", "TIMESTAMP ")
        };
        execute(conn, hurry)?;
        execute(conn, &agreements())?;
        execute(conn, &milestones(count, day, of_instant))?;
        history(conn)
    })
    .expect("the database is filled");
    if !conn.is_sqlite() {
        execute(conn, "VACUUM (ANALYZE)").expect("it is analyzed");
    }
}

fn agreements() -> String {
    format!(
        "INSERT INTO agreements (id, code, version, created_at, updated_at, pairing_id, kind, title_zh, status, signed_on)
         WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {AGREEMENTS})
         SELECT {FIRST} + i, 'memory-' || i, 1, '2023-01-01 00:00:00', '2023-01-01 00:00:00',
             (SELECT MIN(id) FROM pairings), 'annual_agreement', '年度合作协议', 'signed', '2022-06-01'
         FROM n"
    )
}

fn milestones(count: i64, day: &str, of_instant: &str) -> String {
    let note = "按照年度工作安排推进，定期调度，逐项销号。".repeat(8);
    format!(
        "INSERT INTO milestones (id, version, created_at, updated_at, pairing_id, agreement_id, title_zh, title_en, due_on,
             baseline_due_on, status, progress, weight_thousandths, note)
         WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {count})
         SELECT {FIRST} + i, 1 + CASE WHEN i % {CHANGED} = 0 THEN 1 ELSE 0 END, '2023-01-01 00:00:00',
             CASE WHEN i % {CHANGED} = 0 THEN {of_instant}'2024-01-01 00:00:00' ELSE {of_instant}'2023-01-01 00:00:00' END, (SELECT MIN(id) FROM pairings),
             {FIRST} + i % {AGREEMENTS}, '里程碑第' || i || '期', 'Milestone ' || i, {day}, {day}, 'in_progress', i % 100,
             1000, '{note}'
         FROM n"
    )
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    state: String,
}

/// Inserts the creation of every record, and the change of those that were changed.
fn history(conn: &mut Conn) -> QueryResult<()> {
    let agreement =
        "'{\"id\":' || a.id || ',\"code\":\"' || a.code || '\",\"version\":1,\"pairing\":{\"id\":' || a.pairing_id
        || ',\"code\":\"p\",\"name\":{\"zh\":\"结对\",\"en\":null}},\"sectors\":[],\"parties\":[],
        \"signed_on\":\"2022-06-01\",\"effective_on\":null,\"expires_on\":null}'";
    let milestone = "'{\"id\":' || a.id || ',\"code\":null,\"version\":1,\"created_at\":\"2023-01-01T00:00:00Z\",
        \"updated_at\":\"2023-01-01T00:00:00Z\",\"agreement\":{\"id\":' || a.agreement_id || ',\"code\":null,
        \"name\":{\"zh\":\"年度合作协议\",\"en\":null}},\"project\":null,\"pairing\":{\"id\":' || a.pairing_id || ',\"code\":\"p\",
        \"name\":{\"zh\":\"结对\",\"en\":null}},\"title\":{\"zh\":\"' || a.title_zh || '\",\"en\":\"' || a.title_en || '\"},
        \"kind\":null,\"due_on\":\"' || a.due_on || '\",\"baseline_due_on\":\"' || a.baseline_due_on || '\",
        \"forecast_on\":null,\"met_on\":null,\"status\":\"in_progress\",\"status_reason\":null,\"progress\":PROGRESS,
        \"weight\":1.0,\"responsible\":[],\"depends_on\":[],\"note\":\"' || a.note || '\",\"supporter_confirmed_at\":null,
        \"recipient_confirmed_at\":null,\"citations\":[]}'";
    let [before, after] = ["0", "' || a.progress || '"].map(|progress| milestone.replace("PROGRESS", progress));
    let every = |step: i64| move |first: i64| format!("a.id >= {first} AND a.id % {step} = {FIRST} % {step}");
    record(conn, "agreement", Action::Create, created_at(), "agreements", agreement, &every(1))?;
    record(conn, "milestone", Action::Create, created_at(), "milestones", &before, &every(1))?;
    record(conn, "milestone", Action::Update, changed_at(), "milestones", &after, &every(CHANGED))
}

fn record(
    conn: &mut Conn,
    entity: &'static str,
    action: Action,
    at: Instant,
    table: &str,
    state: &str,
    of: &dyn Fn(i64) -> String,
) -> QueryResult<()> {
    let mut next = FIRST;
    loop {
        let rows: Vec<Row> = diesel::sql_query(format!(
            "SELECT a.id, {state} AS state FROM {table} a WHERE {} ORDER BY a.id LIMIT {TOGETHER}",
            of(next)
        ))
        .load(conn)?;
        let Some(last) = rows.last() else { return Ok(()) };
        next = last.id + 1;
        let actor = Actor::operator();
        let events = rows.into_iter().map(|Row { id, state }| {
            Ok(Event {
                record_id: Some(id),
                before: (action == Action::Update).then(|| state.clone()),
                after: Some(state),
                ..Event::new(&actor, "memory", at, action, entity)
            })
        });
        chain::append(conn, events).expect("the events are written");
    }
}
