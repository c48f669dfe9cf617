//! Reports from facts in memory, compared with those that the database computes, while random writes of the same process and of
//! another one change every kind of record that they depend on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::web;
use chrono::{Days, NaiveDate};
use pairing_tracker::access::Role;
use pairing_tracker::access::oidc::Times;
use pairing_tracker::reports::facts::FactStore;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::common::builders::{bare_agreement, walk};
use crate::common::records::{approved, commitment, create, member, with};
use crate::common::{Client, Database, on_each};

const GROUPS: [&str; 6] = ["programme", "pairing", "sector", "agreement", "project", "member"];
/// How long changes of another process may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A write: its kind, two numbers that choose records and values, and a day.
type Write = (usize, usize, usize, u64);
/// A report: its grouping, what it is filtered by, a number that chooses the record, and a day.
type Query = (&'static str, usize, usize, u64);

fn day(number: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2022, 1, 1).and_then(|first| first.checked_add_days(Days::new(number))).expect("a day")
}

/// An application over the database, and its facts.
async fn process(database: &Database, name: &str) -> (Client, Arc<FactStore>) {
    let state = web::Data::new(database.state_at(Times::default(), |_| {}));
    let facts = state.parts.get::<FactStore>().expect("the application has facts");
    (Client::new(state, Some(database.key(name, Role::Admin, &[]))), facts)
}

/// Loads the facts of a process, once it trusts its change feed.
async fn load(client: &Client, facts: &FactStore) {
    let began = Instant::now();
    while !facts.is_ready() {
        assert!(began.elapsed() < PATIENCE, "the facts are loaded");
        facts.load_all(&client.state.store).await.expect("they can be loaded");
        actix_web::rt::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The ids of all records of some kinds.
struct Known {
    agreements: Vec<i64>,
    projects: Vec<i64>,
    milestones: Vec<i64>,
    others: Vec<(&'static str, Vec<i64>)>,
}

impl Known {
    async fn read(client: &Client) -> Known {
        let ids = async |path: &str| {
            let items = walk(client, path, "sort=id", 500).await;
            items.iter().filter_map(|item| item["id"].as_i64()).collect::<Vec<i64>>()
        };
        let mut others = Vec::new();
        for path in [
            "programmes",
            "pairings",
            "sectors",
            "regions",
            "organizations",
            "commitments",
            "resolutions",
            "exchanges",
            "funds",
            "transactions",
            "conferences",
            "progress-reports",
        ] {
            others.push((path, ids(path).await));
        }
        Known {
            agreements: ids("agreements").await,
            projects: ids("projects").await,
            milestones: ids("milestones").await,
            others,
        }
    }

    fn of(&self, path: &str) -> &[i64] {
        match path {
            "agreements" => &self.agreements,
            "projects" => &self.projects,
            "milestones" => &self.milestones,
            path => self.others.iter().find(|(other, _)| *other == path).map_or(&[], |(_, ids)| ids),
        }
    }

    /// The reference to one of the records of a kind.
    fn one(&self, path: &str, number: usize) -> Value {
        let ids = self.of(path);
        if ids.is_empty() { Value::Null } else { json!(ids[number % ids.len()].to_string()) }
    }
}

/// Adds records that the example data has none of.
async fn prepare(client: &Client) {
    create(client, "commitments", commitment("taught")).await;
    create(client, "progress-reports", approved("taught", "2022-01-01", "2022-03-31", "20")).await;
    let conference = "xinhui-taishan-first-joint-conference";
    let resolution = json!({ "conference": conference, "text": { "zh": "落实资金" }, "due_on": "2022-08-01" });
    create(client, "resolutions", resolution.clone()).await;
    create(client, "resolutions", with(resolution, json!({ "commitment": "taught" }))).await;
    let project = |code: &str, sectors: Value| json!({ "code": code, "pairing": "xinhui-taishan", "title": { "zh": "园区" }, "sectors": sectors });
    let sectors = walk(client, "sectors", "", 2).await;
    let shares =
        json!([{ "sector": sectors[0]["code"], "percent": 70 }, { "sector": sectors[1]["code"], "percent": 30 }]);
    create(client, "projects", project("shared", shares)).await;
    create(
        client,
        "projects",
        with(project("under", json!([])), json!({ "agreement": "xinhui-taishan-framework-2022" })),
    )
    .await;
    create(client, "agreements", bare_agreement("draft", "xinhui-taishan")).await;
    let exchange = json!({
        "pairing": "xinhui-taishan", "profession": "teacher", "direction": "supporter_to_recipient", "headcount": 5,
        "planned_start_on": "2022-03-01"
    });
    create(client, "exchanges", exchange).await;
}

/// Performs a write, which may be refused.
async fn write(client: &Client, known: &Known, (kind, a, b, number): Write) {
    let parent = if a % 2 == 0 { "agreement" } else { "project" };
    let sector = |number| json!({ "sector": known.one("sectors", number), "percent": 50 });
    let one = |path: &str| format!("{path}/{}", known.one(path, a).as_str().unwrap_or("0"));
    let on = day(number);
    let change = match kind {
        0..=3 => {
            let status = ["scheduled", "in_progress", "met", "partially_met", "cancelled"][b % 5];
            let met_on = status.ends_with("met").then_some(on);
            let milestone = json!({
                parent: known.one(&format!("{parent}s"), a), "title": { "zh": "节点" }, "due_on": day(number / 2 + b as u64 % 300),
                "status": status, "met_on": met_on, "weight": (b % 7) as f64 / 2.0, "progress": b % 101, "reason": "资金"
            });
            client.post("milestones", milestone).await;
            return;
        }
        4 => {
            client.delete(&one("milestones")).await;
            return;
        }
        5 => {
            let kind = ["pledge", "commitment", "disbursement"][b % 3];
            let entry = json!({
                "kind": kind, "amount": format!("{}.01", b + 1), "currency": "CNY",
                "value_on": on, "pairing": "xinhui-taishan", "project": (b % 2 == 0).then_some("shared"), "pass_through": b % 5 == 0
            });
            client.post("transactions", entry).await;
            return;
        }
        6 => {
            let reversal = json!({ "kind": "reversal", "reverses": known.one("transactions", a), "amount": "0.50", "value_on": on });
            client.post("transactions", reversal).await;
            return;
        }
        7 => {
            client.post("progress-reports", approved("taught", &on.to_string(), &on.to_string(), "7")).await;
            return;
        }
        8 => (one("milestones"), json!({ "due_on": on, "reason": "汛期", "weight": (b % 9) as f64 })),
        9 => (one("milestones"), json!({ "status": "met", "met_on": on })),
        10 => (one("agreements"), json!({ "sectors": [known.one("sectors", b)] })),
        11 => ("agreements/draft".to_owned(), json!({ "pairing": known.one("pairings", b) })),
        12 => (one("projects"), json!({ "sectors": [sector(b), sector(b + 1)] })),
        13 => ("projects/shared".to_owned(), json!({ "agreement": "xinhui-taishan-framework-2022" })),
        14 => (one("projects"), json!({ "agreement": null })),
        15 => {
            let members = json!([
                with(member("xinhui", "supporter"), json!({ "to_on": on })),
                member("taishan", "recipient"),
                with(member("pengjiang", "supporter"), json!({ "from_on": on + Days::new(1) }))
            ]);
            ("pairings/xinhui-taishan".to_owned(), json!({ "members": members }))
        }
        16 => (one("organizations"), json!({ "region": known.one("regions", b) })),
        17 => ("commitments/taught".to_owned(), json!({ "due_on": on, "sector": known.one("sectors", b) })),
        18 => (one("exchanges"), json!({ "headcount": b, "sending": known.one("organizations", b) })),
        19 => (one("resolutions"), json!({ "due_on": on, "milestone": known.one("milestones", b) })),
        _ => (one("agreements"), json!({ "effective_on": on })),
    };
    client.patch(&change.0, change.1).await;
}

fn filter(known: &Known, filter: usize, number: usize) -> String {
    let filters = [("", ""), ("programme", "programmes"), ("pairing", "pairings"), ("sector", "sectors")];
    let (name, path) = filters[filter % filters.len()];
    match known.one(path, number).as_str() {
        Some(id) => format!("&{name}={id}"),
        None => String::new(),
    }
}

fn scorecard(known: &Known, (group, by, number, as_of): Query) -> String {
    format!("reports/scorecard?count=true&group_by={group}&as_of={}{}", day(as_of), filter(known, by, number))
}

/// Every grouping of each report on a day, and those of the query's filter.
fn targets(known: &Known, (_, by, number, as_of): Query) -> Vec<String> {
    let mut targets: Vec<String> = GROUPS.map(|group| scorecard(known, (group, 0, 0, as_of))).to_vec();
    let (day, filter) = (day(as_of), filter(known, by, number));
    for group in ["fund", "pairing", "sector", "year"] {
        targets.push(format!("reports/funds?count=true&group_by={group}&as_of={day}{filter}"));
    }
    let [member, responsible] = ["regions", "organizations"].map(|path| known.one(path, number));
    let status = ["scheduled", "in_progress", "met", "cancelled"][number % 4];
    let owners =
        [filter.clone(), format!("&{}", owner(known, number)), format!("&{}{filter}", owner(known, number + 1))];
    for (owner, which) in owners.iter().flat_map(|owner| {
        let due = format!("&overdue=true&due_from={}&due_to={day}", day - Days::new(300));
        let all = ["", "&overdue=true", "&overdue=false", &due, &format!("&status={status}&status=not_met")];
        all.map(|which| (owner.clone(), which.to_owned()))
    }) {
        targets.push(format!("milestones?count=true&as_of={day}{owner}{which}"));
    }
    targets.push(format!("reports/overdue?count=true&as_of={day}{filter}"));
    for more in [filter, format!("&member={}", text(&member)), format!("&responsible={}", text(&responsible))] {
        targets.push(format!("reports/pace?count=true&as_of={day}{more}"));
    }
    targets
}

/// A filter for an agreement or a project.
fn owner(known: &Known, number: usize) -> String {
    let kind = ["agreement", "project"][number % 2];
    format!("{kind}={}", text(&known.one(&format!("{kind}s"), number / 2)))
}

fn text(reference: &Value) -> &str {
    reference.as_str().unwrap_or("1")
}

/// Compares all pages of a report. `unique` makes the requests differ from all before, so that no response is cached.
async fn is_equal(of_memory: &Client, of_database: &Client, target: &str, unique: &mut usize) -> Result<(), String> {
    let mut cursor = String::new();
    loop {
        *unique += 1;
        let path = format!("{target}&limit={}{cursor}", 2 + *unique % 900);
        let (given, wanted) = (of_memory.get(&path).await.expect(200), of_database.get(&path).await.expect(200));
        if given.body != wanted.body {
            return Err(format!("{path}:\n{}\ninstead of\n{}", given.body, wanted.body));
        }
        match wanted.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(()),
        }
    }
}

#[test]
fn reports_from_memory_equal_those_from_the_database() {
    let config = Config { cases: 3, max_shrink_iters: 8, failure_persistence: None, ..Config::default() };
    let writes = proptest::collection::vec((0..21_usize, 0..1_000_usize, 0..1_000_usize, 0..900_u64), 12);
    let queries = proptest::collection::vec((select(&GROUPS[..]), 0..4_usize, 0..100_usize, 0..1_000_u64), 4);
    let rounds = proptest::collection::vec((writes, any::<bool>(), queries), 4);
    let result = TestRunner::new(config).run(&rounds, |rounds| {
        on_each(|database| {
            let rounds = rounds.clone();
            async move {
                let (ours, facts) = process(&database, "ours").await;
                let (theirs, _) = process(&database, "theirs").await;
                prepare(&ours).await;
                load(&ours, &facts).await;
                let mut unique = 0;
                for (writes, is_ours, queries) in rounds {
                    let known = Known::read(&theirs).await;
                    for one in writes {
                        write(if is_ours { &ours } else { &theirs }, &known, one).await;
                    }
                    let mut targets = targets(&known, queries[0]);
                    targets.extend(queries.into_iter().map(|query| scorecard(&known, query)));
                    for target in targets {
                        let began = Instant::now();
                        while let Err(difference) = is_equal(&ours, &theirs, &target, &mut unique).await {
                            assert!(!is_ours && began.elapsed() < PATIENCE, "{difference}");
                        }
                        assert!(facts.is_ready(), "the report is from memory");
                    }
                }
            }
        });
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}
