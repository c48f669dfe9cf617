//! The measured requests.
//!
//! The service caches responses by path and query until the data change. So each workload has two kinds: "cached" repeats one
//! request, "computed" varies it so that it hardly ever repeats: with another `as_of`, another `due_from` before all data, or
//! its parameters in another order.

use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;

use chrono::{Days, NaiveDate, Utc};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, RngExt};
use serde_json::{Value, json};

use super::Outcome;
use super::dataset::{BIG_PAIRING, Facts, PROGRAMME};
use super::generator::{Load, Requests};
use super::http::{Connection, get};

const MILESTONES: &str = "/api/v1/milestones";
const SCORECARD: &str = "/api/v1/reports/scorecard";
const LIMIT: i64 = 20;
/// The number of the deep page.
const DEEP: i64 = 1_000;
/// The number of deep pages to choose from: that page and those after it.
const DEEP_PAGES: i64 = 200;

/// The name of a workload, by which the goals refer to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Name {
    Ceiling,
    OneComputed,
    OneCached,
    NotModified,
    PageComputed,
    PageCached,
    PageWithTotal,
    DeepPage,
    ScorecardComputed,
    ScorecardCached,
    PageWhileWritten,
    CreateWhileRead,
    CreateAlone,
    CreateTogether,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Name::Ceiling => "bare server, 2 KB (the ceiling)",
            Name::OneComputed => "milestone by id, computed",
            Name::OneCached => "milestone by id, cached",
            Name::NotModified => "milestone by id, If-None-Match",
            Name::PageComputed => "overdue, page 1, computed",
            Name::PageCached => "overdue, page 1, cached",
            Name::PageWithTotal => "overdue, page 1, count=true",
            Name::DeepPage => "overdue, deep page, computed",
            Name::ScorecardComputed => "scorecard, computed",
            Name::ScorecardCached => "scorecard, cached",
            Name::PageWhileWritten => "mixed: page 1, all but one",
            Name::CreateWhileRead => "mixed: create, the one",
            Name::CreateAlone => "create, 1 connection",
            Name::CreateTogether => "create, all connections",
        })
    }
}

/// Loads that run side by side.
pub struct Workload {
    pub loads: Vec<Load>,
}

/// All workloads, in order: those that write come last.
pub async fn all(address: SocketAddr, facts: &Facts, key: &str, connections: usize) -> Outcome<Vec<Workload>> {
    let facts = *facts;
    let create = create(facts, key);
    let etag = etag(address, &one(1)).await?;
    let unchanged = get(&one(1)).replacen("\r\n", &format!("\r\nIf-None-Match: {etag}\r\n"), 1);
    let deep = deep_cursors(address, facts).await?;
    let today = Utc::now().date_naive();

    let read = |name, requests| load(name, connections, requests, 200);
    let workloads = [
        vec![read(
            Name::OneComputed,
            targets(move |random| {
                let id = random.random_range(1..=facts.milestones);
                format!("{}?as_of={}", one(id), today + Days::new(random.random_range(0..20_000)))
            }),
        )],
        vec![read(Name::OneCached, always(get(&one(1))))],
        vec![load(Name::NotModified, connections, always(unchanged), 304)],
        vec![read(Name::PageComputed, targets(|random| page(&format!("due_from={}", long_ago(random)))))],
        vec![read(Name::PageCached, always(get(&page(""))))],
        vec![read(Name::PageWithTotal, targets(|random| page(&format!("count=true&due_from={}", long_ago(random)))))],
        vec![read(
            Name::DeepPage,
            targets(move |random| {
                let cursor = deep.choose(random).map(String::as_str).unwrap_or_default();
                shuffled(&page(&format!("count=false&{DEEP_FROM}&cursor={cursor}")), random)
            }),
        )],
        vec![read(
            Name::ScorecardComputed,
            targets(|random| {
                let limit = random.random_range(100..=1_000);
                shuffled(
                    &format!("{SCORECARD}?programme={PROGRAMME}&group_by=pairing&count=false&limit={limit}"),
                    random,
                )
            }),
        )],
        vec![read(Name::ScorecardCached, always(get(&format!("{SCORECARD}?programme={PROGRAMME}"))))],
        vec![
            load(Name::PageWhileWritten, connections - 1, always(get(&page(""))), 200),
            load(Name::CreateWhileRead, 1, create.clone(), 201),
        ],
        vec![load(Name::CreateAlone, 1, create.clone(), 201)],
        vec![load(Name::CreateTogether, connections, create, 201)],
    ];
    Ok(workloads.into_iter().map(|loads| Workload { loads }).collect())
}

fn load(name: Name, connections: usize, requests: Requests, status: u16) -> Load {
    Load { name, connections, requests, status }
}

fn always(request: String) -> Requests {
    Rc::new(move |_| request.clone().into_bytes())
}

fn targets(target: impl Fn(&mut StdRng) -> String + 'static) -> Requests {
    Rc::new(move |random| get(&target(random)).into_bytes())
}

fn one(id: i64) -> String {
    format!("{MILESTONES}/{id}")
}

/// A page of the big pairing's overdue milestones.
fn page(more: &str) -> String {
    let and = if more.is_empty() { "" } else { "&" };
    format!("{MILESTONES}?pairing={BIG_PAIRING}&overdue=true&sort=due_on&limit={LIMIT}{and}{more}")
}

/// The filter of deep pages: before all data, so that page 1 and the deep page do the same work.
const DEEP_FROM: &str = "due_from=1990-01-01";

/// A date before all data.
fn long_ago(random: &mut impl Rng) -> NaiveDate {
    NaiveDate::default() - Days::new(random.random_range(0..25_000))
}

/// The same request with its parameters in another order.
fn shuffled(target: &str, random: &mut impl Rng) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let mut parameters: Vec<&str> = query.split('&').collect();
    parameters.shuffle(random);
    format!("{path}?{}", parameters.join("&"))
}

fn create(facts: Facts, key: &str) -> Requests {
    let key = key.to_owned();
    let due_on = Utc::now().date_naive() + Days::new(400);
    Rc::new(move |random| {
        let body = json!({
            "agreement": random.random_range(1..=facts.agreements).to_string(),
            "title": {"zh": format!("联席会议纪要第{}号", random.random_range(1..1_000_000)), "en": "Minutes"},
            "due_on": due_on,
            "weight": 2.5,
            "progress": 10,
            "status": "in_progress",
            "responsible": [random.random_range(1..=facts.organizations).to_string()],
        })
        .to_string();
        format!(
            "POST {MILESTONES} HTTP/1.1\r\nHost: load\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    })
}

async fn fetch(connection: &mut Connection, target: &str) -> Outcome<Value> {
    let status = connection.exchange(get(target).as_bytes()).await.map_err(|e| format!("{target}: {e}"))?;
    if status != 200 {
        return Err(format!("{target} responded with {status}: {}", String::from_utf8_lossy(connection.body())));
    }
    serde_json::from_slice(connection.body()).map_err(|e| format!("{target}: {e}"))
}

async fn etag(address: SocketAddr, target: &str) -> Outcome<String> {
    let mut connection = Connection::open(address).await.map_err(|e| e.to_string())?;
    fetch(&mut connection, target).await?;
    connection.header("etag").map(str::to_owned).ok_or_else(|| format!("{target} has no ETag"))
}

/// How many full pages of overdue milestones come before the first deep one: 999, or fewer where the data has no more.
pub fn pages_before_deep(facts: &Facts) -> i64 {
    let full = facts.overdue / LIMIT;
    (DEEP - 1).min(full - full.min(DEEP_PAGES) / 2 - 1)
}

/// The cursors of deep pages. Larger pages lead there: a cursor is valid with any limit.
async fn deep_cursors(address: SocketAddr, facts: Facts) -> Outcome<Vec<String>> {
    let mut connection = Connection::open(address).await.map_err(|e| e.to_string())?;
    let mut before = pages_before_deep(&facts) * LIMIT;
    let mut cursor = String::new();
    let mut cursors = Vec::new();
    while cursors.len() < DEEP_PAGES as usize {
        let step = if before > 0 { before.min(1_000) } else { LIMIT };
        let target = page(DEEP_FROM).replace(&format!("limit={LIMIT}"), &format!("limit={step}"));
        let target = if cursor.is_empty() { target } else { format!("{target}&cursor={cursor}") };
        let list = fetch(&mut connection, &target).await?;
        let Some(next) = list["next_cursor"].as_str() else { break };
        cursor = next.to_owned();
        before -= step;
        if before <= 0 {
            cursors.push(cursor.clone());
        }
    }
    // The last page may be short.
    cursors.pop();
    if cursors.is_empty() { Err("the data has no deep page".to_owned()) } else { Ok(cursors) }
}
