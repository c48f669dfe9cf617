//! The records, skewed as real data are: one pairing has 60 % of the milestones, and 40 % of those are overdue. A tenth of the
//! milestones belongs to projects, a fifth depends on another, and a third cites a document.
//!
//! They are inserted directly into the database, with everything that reads need: references, search texts, codes. Audit events
//! are left out; no measured read uses them.

mod table;

use std::path::Path;

use chrono::{Days, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use pairing_tracker::config::DatabaseUrl;
use pairing_tracker::db::reference::Kind;
use pairing_tracker::db::{Manager, search};
use pairing_tracker::resources::{
    agreements, documents, milestones, organizations, pairings, programmes, projects, regions, sectors,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use table::{Row, Tables, row};

use super::Outcome;

/// The one programme, and the pairing with most milestones.
pub const PROGRAMME: &str = "xieyi-2022";
pub const BIG_PAIRING: &str = "duikou-1";

pub const PAIRINGS: i64 = 30;
pub const SECTORS: i64 = 12;
const REGIONS: i64 = 61;
const ORGANIZATIONS: i64 = 300;
const DOCUMENTS: i64 = 200;
const MILESTONES_AN_AGREEMENT: i64 = 50;
/// The tables with a row for many or all of the milestones.
const LARGE: [&str; 5] = ["milestones", "milestone_responsible", "milestone_dependencies", "citations", "search_texts"];
/// The instant of creation of every record.
const CREATED: &str = "2022-04-11 01:30:00";
const RECORD: &str = "id, code, version, created_at, updated_at";
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

/// This module, which determines the data.
pub const SOURCE: &str = include_str!("mod.rs");

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// The contents of a filled database.
pub fn facts(url: &DatabaseUrl, milestones: i64) -> Outcome<Facts> {
    let mut conn = Manager::new(url.clone()).open().map_err(|e| e.to_string())?;
    let query = format!(
        "SELECT count(*) AS count FROM milestones WHERE pairing_id = 1 AND is_open AND due_on < '{}'",
        Utc::now().date_naive()
    );
    let overdue: Count = diesel::sql_query(query).get_result(&mut conn).map_err(|e| e.to_string())?;
    Ok(Facts {
        milestones,
        agreements: agreements_of(milestones),
        organizations: ORGANIZATIONS,
        overdue: overdue.count,
    })
}

fn agreements_of(milestones: i64) -> i64 {
    (milestones / MILESTONES_AN_AGREEMENT).max(4 * PAIRINGS)
}

/// Fills a migrated, empty database. `directory` is one from which its server can read.
pub fn fill(url: &DatabaseUrl, count: i64, directory: &Path) -> Outcome<()> {
    let conn = Manager::new(url.clone()).open().map_err(|e| e.to_string())?;
    let tables = Tables::new(conn, directory.join("rows"));
    let mut filling = Filling { tables, today: Utc::now().date_naive() };
    filling.hurry()?;
    let indexes = filling.tables.drop_indexes(&LARGE)?;
    let agreements = agreements_of(count);
    filling.around()?;
    filling.agreements(agreements)?;
    filling.milestones(count, agreements)?;
    filling.advance_sequences()?;
    indexes.iter().try_for_each(|index| filling.tables.execute(index))?;
    filling.settle()
}

struct Filling {
    tables: Tables,
    today: NaiveDate,
}

/// The common columns of every record: id, code, version and instants.
fn record(id: i64, code: Option<&str>) -> Row {
    row![id, code, 1, CREATED, CREATED]
}

fn with(mut row: Row, more: Row) -> Row {
    row.extend(more);
    row
}

/// Agreements 1, 2, 5, 6, 7, 10, … belong to the big pairing: 60 %; the other pairings take turns.
pub fn pairing_of(agreement: i64) -> i64 {
    if agreement % 5 < 3 { 1 } else { 2 + agreement % (PAIRINGS - 1) }
}

/// The project of a milestone, if it belongs to one: that of its agreement.
fn project_of(milestone: i64, agreement: i64) -> Option<i64> {
    (milestone % 5 == 0 && agreement % 2 == 0).then_some(agreement / 2)
}

/// A record with a code: its id, its code, its searched text, and its other columns.
type Coded = (i64, String, String, Row);

impl Filling {
    /// Turns off what protects data in use: they can be filled again.
    fn hurry(&mut self) -> Outcome<()> {
        self.tables.execute(if self.tables.is_sqlite() {
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -400000; BEGIN"
        } else {
            "SET statement_timeout = 0; SET session_replication_role = replica; SET maintenance_work_mem = '512MB'; \
             SET synchronous_commit = off; BEGIN"
        })
    }

    fn settle(&mut self) -> Outcome<()> {
        // A PostgreSQL database in use would have been analyzed by autovacuum.
        let statements: &[&str] = if self.tables.is_sqlite() {
            &["COMMIT", "PRAGMA journal_mode = WAL"]
        } else {
            &["COMMIT", "VACUUM (ANALYZE)", "CHECKPOINT"]
        };
        statements.iter().try_for_each(|statement| self.tables.execute(statement))
    }

    /// Inserts records with a code, and their search texts.
    fn coded(&mut self, kind: &Kind, columns: &str, rows: Vec<Coded>) -> Outcome<()> {
        let codes: Vec<Row> = rows.iter().map(|(id, code, _, _)| row![kind.name, code.as_str(), *id]).collect();
        let texts: Vec<(i64, String)> = rows.iter().map(|(id, _, text, _)| (*id, text.clone())).collect();
        let rows = rows.into_iter().map(|(id, code, _, rest)| with(record(id, Some(&code)), rest));
        self.tables.insert(&format!("{} ({RECORD}, {columns})", kind.path), rows)?;
        self.tables.insert("record_codes (entity, code, record_id)", codes.into_iter())?;
        self.texts(kind, texts.into_iter())
    }

    /// Indexes texts as the service does; on SQLite by their row numbers.
    fn texts(&mut self, kind: &Kind, texts: impl Iterator<Item = (i64, String)>) -> Outcome<()> {
        let Kind { name, number, .. } = kind;
        let texts = texts.map(|(id, text)| (id, search::spaced(&text)));
        if self.tables.is_sqlite() {
            let rows = texts.map(|(id, text)| row![id * 64 + number, *name, text, id]);
            self.tables.insert("search_texts (rowid, entity, body, record_id)", rows)
        } else {
            let rows = texts.map(|(id, text)| row![*name, id, text]);
            self.tables.insert("search_texts (entity, record_id, body)", rows)
        }
    }

    /// Inserts the records that agreements and milestones refer to.
    fn around(&mut self) -> Outcome<()> {
        let named = |id: i64, code: &str, name: &str, rest: Row| {
            let name = format!("{name}{id}");
            (id, format!("{code}-{id}"), name.clone(), with(row![name], rest))
        };
        let programme = (1, PROGRAMME.to_owned(), "对口协作".to_owned(), row!["对口协作"]);
        self.coded(&programmes::KIND, "name_zh", vec![programme])?;
        let region = |id| {
            let (level, parent) = if id == 1 { ("prefecture", None) } else { ("county", Some(1_i64)) };
            named(id, "quyu", "区域", row![level, parent])
        };
        self.coded(&regions::KIND, "name_zh, level, parent_id", (1..=REGIONS).map(region).collect())?;
        let organization = |id| named(id, "danwei", "协作单位", row!["department", 1 + id % REGIONS]);
        let columns = "name_zh, kind, region_id";
        self.coded(&organizations::KIND, columns, (1..=ORGANIZATIONS).map(organization).collect())?;
        let sector = |id| named(id, "lingyu", "领域", Row::new());
        self.coded(&sectors::KIND, "name_zh", (1..=SECTORS).map(sector).collect())?;
        let document = |id| named(id, "wenjian", "会议纪要", row!["minutes"]);
        self.coded(&documents::KIND, "title_zh, kind", (1..=DOCUMENTS).map(document).collect())?;
        self.pairings(named)
    }

    fn pairings(&mut self, named: impl Fn(i64, &str, &str, Row) -> Coded) -> Outcome<()> {
        let pairing = |id| named(id, "duikou", "结对", row![1, "2022-04-11"]);
        let columns = "name_zh, programme_id, established_on";
        self.coded(&pairings::KIND, columns, (1..=PAIRINGS).map(pairing).collect())?;
        self.tables.insert(
            "pairing_members (pairing_id, position, region_id, role, is_lead)",
            (1..=PAIRINGS).flat_map(|id| {
                let member = |position: i64, region: i64, role| row![id, position, region, role, "1"];
                [member(0, 2 * id, "supporter"), member(1, 2 * id + 1, "recipient")]
            }),
        )?;
        self.tables.insert(
            "pairing_sectors (pairing_id, sector_id, position)",
            (1..=PAIRINGS).map(|id| row![id, 1 + id % SECTORS, 0]),
        )
    }

    /// Inserts agreements, and a project of every other one.
    fn agreements(&mut self, count: i64) -> Outcome<()> {
        let agreement = |id: i64| {
            let title = format!("{}合作协议{id}", word(id));
            let signed_on = NaiveDate::default() + Days::new(19_000 + id.unsigned_abs() % 700);
            let rest = row![pairing_of(id), "annual_agreement", title.as_str(), "signed", signed_on];
            (id, format!("xieyi-{id}"), title, rest)
        };
        let columns = "pairing_id, kind, title_zh, status, signed_on";
        self.coded(&agreements::KIND, columns, (1..=count).map(agreement).collect())?;
        self.tables.insert(
            "agreement_parties (agreement_id, position, region_id, side)",
            (1..=count).flat_map(|id| {
                let region = 2 * pairing_of(id);
                [row![id, 0, region, "supporter"], row![id, 1, region + 1, "recipient"]]
            }),
        )?;
        self.tables.insert(
            "agreement_sectors (agreement_id, sector_id, position)",
            (1..=count).map(|id| row![id, 1 + id % SECTORS, 0]),
        )?;
        let project = |id: i64| {
            let title = format!("{}项目{id}", word(id));
            let rest = row![pairing_of(2 * id), 2 * id, title.as_str(), "in_progress", "CNY"];
            (id, format!("xiangmu-{id}"), title, rest)
        };
        let columns = "pairing_id, agreement_id, title_zh, status, currency";
        self.coded(&projects::KIND, columns, (1..=count / 2).map(project).collect())
    }

    fn milestones(&mut self, count: i64, agreements: i64) -> Outcome<()> {
        let columns = "pairing_id, agreement_id, project_id, title_zh, title_en, due_on, baseline_due_on, met_on, status, \
                       progress, weight_thousandths";
        let (mut random, today) = (StdRng::seed_from_u64(1), self.today);
        let rows = (1..=count).map(|id| {
            let agreement = 1 + id % agreements;
            let pairing = pairing_of(agreement);
            let Standing { status, due_on, met_on, progress } = standing(&mut random, today);
            let weight = 1000 * random.random_range(1..=5_i64);
            let project = project_of(id, agreement);
            let (zh, en) = titles(id);
            let rest = row![pairing, agreement, project, zh, en, due_on, due_on, met_on, status, progress, weight];
            with(record(id, None), rest)
        });
        self.tables.insert(&format!("milestones ({RECORD}, {columns})"), rows)?;
        self.tables.insert(
            "milestone_responsible (milestone_id, organization_id, position)",
            (1..=count).map(|id| row![id, 1 + id % ORGANIZATIONS, 0]),
        )?;
        self.tables.insert(
            "milestone_dependencies (milestone_id, depends_on_id, position)",
            (5..=count).step_by(5).map(|id| row![id, id - 1, 0]),
        )?;
        self.tables.insert(
            "citations (entity, record_id, position, document_id, field, locator)",
            (3..=count).step_by(3).map(|id| {
                row![milestones::KIND.name, id, 0, 1 + id % DOCUMENTS, "due_on", format!("第{}段", 1 + id % 40)]
            }),
        )?;
        let texts = (1..=count).map(|id| {
            let (zh, en) = titles(id);
            (id, format!("{zh} {en}"))
        });
        self.texts(&milestones::KIND, texts)
    }

    /// Advances PostgreSQL's sequences past the ids that were inserted; SQLite does so by itself.
    fn advance_sequences(&mut self) -> Outcome<()> {
        if self.tables.is_sqlite() {
            return Ok(());
        }
        let kinds: [&Kind; 9] = [
            &programmes::KIND,
            &regions::KIND,
            &organizations::KIND,
            &sectors::KIND,
            &documents::KIND,
            &pairings::KIND,
            &agreements::KIND,
            &projects::KIND,
            &milestones::KIND,
        ];
        kinds.iter().map(|kind| kind.path).try_for_each(|table| {
            let next = format!("SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}");
            self.tables.execute(&next)
        })
    }
}

struct Standing {
    status: &'static str,
    due_on: NaiveDate,
    met_on: Option<NaiveDate>,
    progress: i64,
}

/// The status of a milestone: 40 % overdue, the rest met, scheduled, partly met or cancelled.
fn standing(random: &mut StdRng, today: NaiveDate) -> Standing {
    let past = today - Days::new(random.random_range(2..1_500));
    let future = today + Days::new(random.random_range(30..1_500));
    let progress = random.random_range(0..100_i64);
    let (status, due_on, met_on, progress) = match random.random_range(0..100) {
        0..20 => ("scheduled", past, None, 0),
        20..40 => ("in_progress", past, None, progress),
        40..70 => ("met", past, Some(past), 100),
        70..85 => ("in_progress", future, None, progress),
        85..92 => ("scheduled", future, None, 0),
        92..96 => ("partially_met", past, Some(past), progress),
        _ => ("cancelled", past, None, progress),
    };
    Standing { status, due_on, met_on, progress }
}

/// The titles of a milestone, in Chinese and English.
fn titles(id: i64) -> (String, String) {
    (format!("{}第{id}期", word(id)), format!("Stage {id}"))
}

fn word(id: i64) -> &'static str {
    WORDS[usize::try_from(id).unwrap_or_default() % WORDS.len()]
}
