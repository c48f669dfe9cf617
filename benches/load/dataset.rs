//! The records, skewed as real data are: one pairing has 60 % of the milestones, and 40 % of those are overdue.
//!
//! They are inserted directly into the database, with everything that reads need: references, search texts, codes. Audit events
//! are left out; no measured read uses them.

use chrono::{Days, NaiveDate, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use pairing_tracker::config::DatabaseUrl;
use pairing_tracker::db::reference::Kind;
use pairing_tracker::db::{Conn, Manager, search};
use pairing_tracker::resources::{agreements, milestones, organizations, pairings, programmes, regions, sectors};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::Outcome;

/// The one programme, and the pairing with most milestones.
pub const PROGRAMME: &str = "xieyi-2022";
pub const BIG_PAIRING: &str = "duikou-1";

const PAIRINGS: i64 = 30;
const REGIONS: i64 = 61;
const ORGANIZATIONS: i64 = 300;
const SECTORS: i64 = 12;
const MILESTONES_AN_AGREEMENT: i64 = 50;
/// Rows of one statement.
const CHUNK: usize = 500;
const WORDS: [&str; 10] = [
    "产业园区",
    "联席会议",
    "文旅线路",
    "医疗协作",
    "教师跟岗",
    "农产品展销",
    "人才培训",
    "道路改造",
    "招商推介",
    "生态修复",
];

/// The contents of the data set.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    pub milestones: i64,
    pub agreements: i64,
    pub organizations: i64,
    /// Overdue milestones of the big pairing.
    pub overdue: i64,
}

/// Fills a migrated, empty database.
pub fn fill(url: &DatabaseUrl, count: i64) -> Outcome<Facts> {
    let mut conn = Manager::new(url.clone()).open().map_err(|e| e.to_string())?;
    fill_all(&mut conn, count).map_err(|e| format!("cannot fill the database: {e}"))
}

fn fill_all(conn: &mut Conn, count: i64) -> QueryResult<Facts> {
    let (hurry, settle): (_, &[&str]) = if conn.is_sqlite() {
        ("PRAGMA synchronous = OFF", &["PRAGMA wal_checkpoint(TRUNCATE)"])
    } else {
        // A database in use would have been analyzed by autovacuum.
        ("SET statement_timeout = 0", &["VACUUM (ANALYZE)", "CHECKPOINT"])
    };
    conn.batch_execute(hurry)?;
    let facts = conn.transaction(|conn| {
        let mut filling = Filling { conn, random: StdRng::seed_from_u64(1), today: Utc::now().date_naive() };
        let agreements = (count / MILESTONES_AN_AGREEMENT).max(4 * PAIRINGS);
        filling.around()?;
        filling.agreements(agreements)?;
        let overdue = filling.milestones(count, agreements)?;
        filling.number_on()?;
        QueryResult::Ok(Facts { milestones: count, agreements, organizations: ORGANIZATIONS, overdue })
    })?;
    settle.iter().try_for_each(|statement| conn.batch_execute(statement))?;
    Ok(facts)
}

struct Filling<'a> {
    conn: &'a mut Conn,
    random: StdRng,
    today: NaiveDate,
}

/// The common columns of every record: id, code, version and instants.
fn record(id: i64, code: &str) -> String {
    format!("{id}, {code}, 1, '2022-04-11 01:30:00', '2022-04-11 01:30:00'")
}

const RECORD: &str = "id, code, version, created_at, updated_at";

/// Agreements 1, 2, 3, 6, 7, 8, … of ten belong to the big pairing: 60 %; the other pairings take turns.
fn pairing_of(agreement: i64) -> i64 {
    if agreement % 5 < 3 { 1 } else { 2 + agreement % (PAIRINGS - 1) }
}

impl Filling<'_> {
    fn insert(&mut self, into: &str, rows: impl IntoIterator<Item = String>) -> QueryResult<()> {
        let rows: Vec<String> = rows.into_iter().map(|row| format!("({row})")).collect();
        rows.chunks(CHUNK)
            .try_for_each(|rows| self.conn.batch_execute(&format!("INSERT INTO {into} VALUES {}", rows.join(", "))))
    }

    /// Inserts records with a code, and their search texts.
    fn coded(&mut self, kind: &Kind, columns: &str, rows: Vec<(i64, String, String, String)>) -> QueryResult<()> {
        let quoted = |text: &str| format!("'{text}'");
        let table = format!("{} ({RECORD}, {columns})", kind.path);
        self.insert(&table, rows.iter().map(|(id, code, _, rest)| format!("{}, {rest}", record(*id, &quoted(code)))))?;
        self.insert(
            "record_codes (entity, code, record_id)",
            rows.iter().map(|(id, code, _, _)| format!("'{}', '{code}', {id}", kind.name)),
        )?;
        self.texts(kind, rows.into_iter().map(|(id, _, text, _)| (id, text)))
    }

    /// Indexes texts as the service does; on SQLite by their row numbers.
    fn texts(&mut self, kind: &Kind, texts: impl Iterator<Item = (i64, String)>) -> QueryResult<()> {
        let Kind { name, number, .. } = kind;
        let texts = texts.map(|(id, text)| (id, search::spaced(&text)));
        if self.conn.is_sqlite() {
            let rows = texts.map(|(id, text)| format!("{}, '{name}', '{text}', {id}", id * 64 + number));
            self.insert("search_texts (rowid, entity, body, record_id)", rows)
        } else {
            let rows = texts.map(|(id, text)| format!("'{name}', {id}, '{text}'"));
            self.insert("search_texts (entity, record_id, body)", rows)
        }
    }

    /// Inserts the records that agreements and milestones refer to.
    fn around(&mut self) -> QueryResult<()> {
        let named = |id: i64, code: &str, name: &str, rest: String| {
            (id, format!("{code}-{id}"), format!("{name}{id}"), format!("'{name}{id}'{rest}"))
        };
        let programme = (1, PROGRAMME.to_owned(), "对口协作".to_owned(), "'对口协作'".to_owned());
        self.coded(&programmes::KIND, "name_zh", vec![programme])?;
        let region = |id| {
            let (level, parent) = if id == 1 { ("prefecture", "NULL") } else { ("county", "1") };
            named(id, "quyu", "区域", format!(", '{level}', {parent}"))
        };
        self.coded(&regions::KIND, "name_zh, level, parent_id", (1..=REGIONS).map(region).collect())?;
        let organization = |id| named(id, "danwei", "协作单位", format!(", 'department', {}", 1 + id % REGIONS));
        let columns = "name_zh, kind, region_id";
        self.coded(&organizations::KIND, columns, (1..=ORGANIZATIONS).map(organization).collect())?;
        let sector = |id| named(id, "lingyu", "领域", String::new());
        self.coded(&sectors::KIND, "name_zh", (1..=SECTORS).map(sector).collect())?;
        let pairing = |id| named(id, "duikou", "结对", ", 1, '2022-04-11'".to_owned());
        let columns = "name_zh, programme_id, established_on";
        self.coded(&pairings::KIND, columns, (1..=PAIRINGS).map(pairing).collect())?;
        self.insert(
            "pairing_members (pairing_id, position, region_id, role, is_lead)",
            (1..=PAIRINGS).flat_map(|id| {
                let member = |position: i64, region: i64, role| format!("{id}, {position}, {region}, '{role}', TRUE");
                [member(0, 2 * id, "supporter"), member(1, 2 * id + 1, "recipient")]
            }),
        )?;
        self.insert(
            "pairing_sectors (pairing_id, sector_id, position)",
            (1..=PAIRINGS).map(|id| format!("{id}, {}, 0", 1 + id % SECTORS)),
        )
    }

    fn agreements(&mut self, count: i64) -> QueryResult<()> {
        let agreement = |id: i64| {
            let title = format!("{}合作协议{id}", word(id));
            let signed_on = NaiveDate::default() + Days::new(19_000 + id.unsigned_abs() % 700);
            let rest = format!("{}, 'annual_agreement', '{title}', 'signed', '{signed_on}'", pairing_of(id));
            (id, format!("xieyi-{id}"), title, rest)
        };
        let columns = "pairing_id, kind, title_zh, status, signed_on";
        self.coded(&agreements::KIND, columns, (1..=count).map(agreement).collect())?;
        self.insert(
            "agreement_parties (agreement_id, position, region_id, side)",
            (1..=count).flat_map(|id| {
                let region = 2 * pairing_of(id);
                [format!("{id}, 0, {region}, 'supporter'"), format!("{id}, 1, {}, 'recipient'", region + 1)]
            }),
        )?;
        self.insert(
            "agreement_sectors (agreement_id, sector_id, position)",
            (1..=count).map(|id| format!("{id}, {}, 0", 1 + id % SECTORS)),
        )
    }

    /// Returns how many milestones of the big pairing are overdue.
    fn milestones(&mut self, count: i64, agreements: i64) -> QueryResult<i64> {
        let mut overdue = 0;
        let ids: Vec<i64> = (1..=count).collect();
        for ids in ids.chunks(10 * CHUNK) {
            let mut rows = Vec::with_capacity(ids.len());
            let mut texts = Vec::with_capacity(ids.len());
            for id in ids {
                let agreement = 1 + id % agreements;
                let pairing = pairing_of(agreement);
                let standing = self.standing();
                overdue += i64::from(pairing == 1 && standing.is_overdue);
                let title = format!("{}第{id}期", word(*id));
                let text = format!("{title} Stage {id}");
                let Standing { status, due_on, met_on, progress, .. } = standing;
                let weight = 1000 * self.random.random_range(1..=5);
                rows.push(format!(
                    "{}, {pairing}, {agreement}, '{title}', 'Stage {id}', '{due_on}', '{due_on}', {met_on}, \
                     '{status}', {progress}, {weight}",
                    record(*id, "NULL")
                ));
                texts.push((*id, text));
            }
            let columns = "pairing_id, agreement_id, title_zh, title_en, due_on, baseline_due_on, met_on, status, \
                           progress, weight_thousandths";
            self.insert(&format!("milestones ({RECORD}, {columns})"), rows)?;
            self.insert(
                "milestone_responsible (milestone_id, organization_id, position)",
                ids.iter().map(|id| format!("{id}, {}, 0", 1 + id % ORGANIZATIONS)),
            )?;
            self.texts(&milestones::KIND, texts.into_iter())?;
        }
        Ok(overdue)
    }

    /// The status of a milestone: 40 % overdue, the rest met, scheduled, partly met or cancelled.
    fn standing(&mut self) -> Standing {
        let past = self.today - Days::new(self.random.random_range(2..1_500));
        let future = self.today + Days::new(self.random.random_range(30..1_500));
        let met = format!("'{past}'");
        let none = || "NULL".to_owned();
        let progress = self.random.random_range(0..100);
        let (status, due_on, met_on, progress) = match self.random.random_range(0..100) {
            0..20 => ("scheduled", past, none(), 0),
            20..40 => ("in_progress", past, none(), progress),
            40..70 => ("met", past, met, 100),
            70..85 => ("in_progress", future, none(), progress),
            85..92 => ("scheduled", future, none(), 0),
            92..96 => ("partially_met", past, met, progress),
            _ => ("cancelled", past, none(), progress),
        };
        let is_overdue = due_on == past && matches!(status, "scheduled" | "in_progress");
        Standing { status, due_on, met_on, progress, is_overdue }
    }

    /// Advances PostgreSQL's sequences past the ids that were inserted; SQLite does so by itself.
    fn number_on(&mut self) -> QueryResult<()> {
        if self.conn.is_sqlite() {
            return Ok(());
        }
        let kinds: [&Kind; 7] = [
            &programmes::KIND,
            &regions::KIND,
            &organizations::KIND,
            &sectors::KIND,
            &pairings::KIND,
            &agreements::KIND,
            &milestones::KIND,
        ];
        kinds.iter().map(|kind| kind.path).try_for_each(|table| {
            let next = format!("SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}");
            self.conn.batch_execute(&next)
        })
    }
}

struct Standing {
    status: &'static str,
    due_on: NaiveDate,
    /// A date as an SQL literal.
    met_on: String,
    progress: i32,
    is_overdue: bool,
}

fn word(id: i64) -> &'static str {
    WORDS[usize::try_from(id).unwrap_or_default() % WORDS.len()]
}
