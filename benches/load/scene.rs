//! The requests to the service. What is named "computed" in the guide never repeats while a service runs: its parameters come
//! from [`Distinct`] numbers, so that no response cache can have it.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

use chrono::{Days, NaiveDate, Utc};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};
use serde_json::json;

use super::dataset::{BIG_PAIRING, Facts, PAIRINGS, PROGRAMME, SECTORS};
use super::distinct::Distinct;
use super::http::{Connection, get};
use super::{Outcome, deep};

const MILESTONES: &str = "/api/v1/milestones";
const SCORECARD: &str = "/api/v1/reports/scorecard";
/// The number of records in a page.
pub const LIMIT: i64 = 20;
/// Lists among which one is chosen: 60 % are of the big pairing, which is its share of the data; each other pairing has one.
const PAIRING_LISTS: u64 = OF_THE_BIG + PAIRINGS.unsigned_abs() - 1;
const OF_THE_BIG: u64 = 44;
/// Lists by other filters and orders: see [`Scene::other_page`].
const OTHER_SHAPES: u64 = 6;
/// Days on which lists begin, all in the past, as overdue milestones are due in the past.
const FIRST_DAYS: u64 = 1_200;
/// Dates for which lists are computed.
const LIST_DATES: u64 = 1_000;
/// Dates for which a record is computed.
const RECORD_DATES: u64 = 20_000;
/// Dates for which the scorecard is computed, half of them in the past.
const SCORECARD_DATES: u64 = 100_000;
/// Of a hundred typical reads, how many repeat one of the popular requests.
const REPEATED_PERCENT: u32 = 90;

/// A list of overdue milestones, in terms that fit any server.
pub struct OverdueList {
    pub pairing: u64,
    pub due_from: NaiveDate,
    pub as_of: NaiveDate,
}

/// A service with its data, and the requests that it has not received yet.
pub struct Scene {
    pub address: SocketAddr,
    pub facts: Facts,
    key: String,
    today: NaiveDate,
    etag: String,
    records: Distinct,
    lists: Distinct,
    other_lists: Distinct,
    scorecards: Distinct,
    other_scorecards: Distinct,
    /// The queries of scorecards by other groups and filters, without their date.
    scorecard_queries: Vec<String>,
    popular: Vec<String>,
    /// Where walks through deep pages begin.
    pub deep: RefCell<Vec<deep::Start>>,
    mixed: Cell<u64>,
    walks: Cell<u64>,
}

impl Scene {
    pub async fn new(address: SocketAddr, facts: Facts, key: &str) -> Outcome<Rc<Scene>> {
        let mut connection = Connection::open(address).await.map_err(|e| e.to_string())?;
        let target = one(1);
        let status = connection.exchange(get(&target).as_bytes()).await.map_err(|e| e.to_string())?;
        let etag = connection.header("etag").filter(|_| status == 200).map(str::to_owned);
        let scorecard_queries = scorecard_queries();
        let milestones = facts.milestones.unsigned_abs();
        Ok(Rc::new(Scene {
            address,
            facts,
            key: key.to_owned(),
            today: Utc::now().date_naive(),
            etag: etag.ok_or_else(|| format!("{target} responded with {status}, without an ETag"))?,
            records: Distinct::below(milestones * RECORD_DATES),
            lists: Distinct::below(PAIRING_LISTS * FIRST_DAYS * LIST_DATES),
            other_lists: Distinct::below(OTHER_SHAPES * PAIRINGS.unsigned_abs() * RECORD_DATES),
            scorecards: Distinct::below(SCORECARD_DATES),
            other_scorecards: Distinct::below(scorecard_queries.len() as u64 * SCORECARD_DATES),
            scorecard_queries,
            popular: popular(),
            deep: RefCell::default(),
            mixed: Cell::new(0),
            walks: Cell::new(0),
        }))
    }

    fn day(&self, days: u64) -> NaiveDate {
        self.today + Days::new(days)
    }

    /// The next list of overdue milestones.
    pub fn overdue_list(&self) -> Option<OverdueList> {
        let number = self.lists.next()?;
        let (list, number) = (number % PAIRING_LISTS, number / PAIRING_LISTS);
        let (first, date) = (number % FIRST_DAYS, number / FIRST_DAYS);
        Some(OverdueList {
            pairing: (list + 2).saturating_sub(OF_THE_BIG).max(1),
            due_from: self.today - Days::new(1_600 - first),
            as_of: self.day(date),
        })
    }

    /// All overdue milestones of the big pairing.
    pub fn whole_list(&self) -> OverdueList {
        OverdueList { pairing: 1, due_from: self.today - Days::new(10_000), as_of: self.today }
    }

    pub fn one(&self) -> Option<String> {
        let number = self.records.next()?;
        let milestones = self.facts.milestones.unsigned_abs();
        Some(format!("{MILESTONES}/{}?as_of={}", 1 + number % milestones, self.day(number / milestones)))
    }

    pub fn page(&self, more: &str) -> Option<String> {
        let OverdueList { pairing, due_from, as_of } = self.overdue_list()?;
        Some(format!(
            "{MILESTONES}?pairing=duikou-{pairing}&overdue=true&sort=due_on&limit={LIMIT}&due_from={due_from}&as_of={as_of}{more}"
        ))
    }

    /// A list by another filter or in another order.
    pub fn other_page(&self) -> Option<String> {
        let number = self.other_lists.next()?;
        let (shape, number) = (number % OTHER_SHAPES, number / OTHER_SHAPES);
        let organizations = self.facts.organizations.unsigned_abs();
        let agreements = self.facts.agreements.unsigned_abs();
        let choices = [PAIRINGS.unsigned_abs(), organizations, agreements, PAIRINGS.unsigned_abs(), 1_000, 1_000];
        let choices = choices.get(usize::try_from(shape).ok()?)?;
        let (choice, as_of) = (number % choices, self.day(number / choices));
        let (id, long_ago) = (1 + choice, self.today - Days::new(100 + choice));
        let filter = match shape {
            0 => format!("pairing=duikou-{id}&status=in_progress&sort=-due_on"),
            1 => format!("responsible=danwei-{id}&sort=due_on"),
            2 => format!("agreement=xieyi-{id}&sort=id"),
            3 => format!("pairing=duikou-{id}&sort=-updated_at"),
            4 => format!("programme={PROGRAMME}&overdue=true&sort=due_on&due_from={long_ago}"),
            _ => format!("status=met&sort=-due_on&due_to={long_ago}"),
        };
        Some(format!("{MILESTONES}?{filter}&limit={LIMIT}&as_of={as_of}"))
    }

    pub fn scorecard_date(&self) -> Option<NaiveDate> {
        let days = self.scorecards.next()?;
        Some(self.day(days) - Days::new(SCORECARD_DATES / 2))
    }

    pub fn scorecard(&self) -> Option<String> {
        Some(format!("{SCORECARD}?programme={PROGRAMME}&group_by=pairing&as_of={}", self.scorecard_date()?))
    }

    pub fn other_scorecard(&self) -> Option<String> {
        let number = self.other_scorecards.next()?;
        let queries = self.scorecard_queries.len() as u64;
        let query = self.scorecard_queries.get(usize::try_from(number % queries).ok()?)?;
        let as_of = self.day(number / queries) - Days::new(SCORECARD_DATES / 2);
        Some(format!("{SCORECARD}?{query}&as_of={as_of}"))
    }

    /// A read as clients send it: six lists, three records and one scorecard of ten, most of them again and again.
    pub fn typical(&self, random: &mut StdRng) -> Option<String> {
        if random.random_range(0..100) < REPEATED_PERCENT {
            return self.popular.choose(random).cloned();
        }
        match random.random_range(0..10) {
            0..4 => self.page(""),
            4..6 => self.other_page(),
            6..9 => self.one(),
            _ => self.scorecard(),
        }
    }

    pub fn unchanged(&self) -> String {
        get(&one(1)).replacen("\r\n", &format!("\r\nIf-None-Match: {}\r\n", self.etag), 1)
    }

    pub fn create(&self, random: &mut impl Rng) -> Vec<u8> {
        let body = json!({
            "agreement": random.random_range(1..=self.facts.agreements).to_string(),
            "title": {"zh": format!("联席会议纪要第{}号", random.random_range(1..1_000_000)), "en": "Minutes"},
            "due_on": self.day(400),
            "weight": 2.5,
            "progress": 10,
            "status": "in_progress",
            "responsible": [random.random_range(1..=self.facts.organizations).to_string()],
        })
        .to_string();
        post(MILESTONES, &format!("Authorization: Bearer {}\r\n", self.key), &body)
    }

    /// The next list for a walk through deep pages: all open milestones of the big pairing, which are overdue on a date after
    /// all of them.
    pub fn deep_list(&self) -> String {
        self.walks.set(self.walks.get() + 1);
        let as_of = self.day(2_000 + self.walks.get());
        format!("{MILESTONES}?pairing={BIG_PAIRING}&overdue=true&sort=due_on&as_of={as_of}")
    }

    /// Whether the next request of a mixed work is a create: one after so many reads.
    pub fn is_create(&self, reads: u64) -> bool {
        self.mixed.set(self.mixed.get() + 1);
        self.mixed.get().is_multiple_of(reads + 1)
    }
}

fn one(id: u64) -> String {
    format!("{MILESTONES}/{id}")
}

/// The list that is repeated: what of the big pairing is overdue today.
pub fn repeated_page() -> String {
    format!("{MILESTONES}?pairing={BIG_PAIRING}&overdue=true&sort=due_on&limit={LIMIT}")
}

pub fn repeated_one() -> String {
    one(1)
}

pub fn repeated_scorecard() -> String {
    format!("{SCORECARD}?programme={PROGRAMME}")
}

/// A POST with further headers.
pub fn post(target: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {target} HTTP/1.1\r\nHost: load\r\n{headers}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Every grouping with every filter, except the scorecard by pairing of the whole programme, which has its own row.
fn scorecard_queries() -> Vec<String> {
    let mut filters = vec![format!("programme={PROGRAMME}")];
    filters.extend((1..=PAIRINGS).map(|id| format!("pairing=duikou-{id}")));
    filters.extend((1..=SECTORS).map(|id| format!("sector=lingyu-{id}")));
    let groups = ["programme", "pairing", "sector", "agreement", "project", "member"];
    let queries =
        groups.iter().flat_map(|group| filters.iter().map(move |filter| format!("{filter}&group_by={group}")));
    queries.filter(|query| *query != format!("programme={PROGRAMME}&group_by=pairing")).collect()
}

/// Sixty lists, thirty records and ten scorecards that clients read again and again.
fn popular() -> Vec<String> {
    let page = |id: i64, filter: &str| format!("{MILESTONES}?pairing=duikou-{id}&{filter}&limit={LIMIT}");
    let mut popular = Vec::new();
    for id in 1..=PAIRINGS {
        popular.push(page(id, "overdue=true&sort=due_on"));
        popular.push(page(id, "status=in_progress&sort=-due_on"));
        popular.push(one(id.unsigned_abs()));
    }
    popular.push(repeated_scorecard());
    popular.extend((1..10).map(|id| format!("{SCORECARD}?pairing=duikou-{id}&group_by=agreement")));
    popular
}
