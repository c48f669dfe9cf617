//! Figures of random milestones, through the API, compared with a slow and simple computation.

use chrono::NaiveDate;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::common::records::create;
use crate::common::{Client, on_each_empty};

/// Agreement, its pairing, its sectors. One has no milestone; one sector has no agreement.
const AGREEMENTS: [(&str, &str, &[&str]); 5] = [
    ("a-roads", "a", &["roads"]),
    ("a-both", "a", &["roads", "schools"]),
    ("a-plain", "a", &[]),
    ("b-schools", "b", &["schools"]),
    ("b-both", "b", &["schools", "roads"]),
];
const STATUSES: [&str; 6] = ["scheduled", "in_progress", "met", "partially_met", "not_met", "cancelled"];

/// A milestone for the simple computation; days count from 1 January 2022.
#[derive(Clone, Debug)]
struct Milestone {
    agreement: usize,
    status: &'static str,
    thousandths: u32,
    progress: u32,
    baseline: u64,
    due: u64,
    met: u64,
}

fn day(number: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2022, 1, 1)
        .and_then(|first| first.checked_add_days(chrono::Days::new(number)))
        .expect("a day")
}

fn any_milestone() -> impl Strategy<Value = Milestone> {
    let thousandths = prop_oneof![Just(0_u32), Just(1000), 1..5_000_u32, Just(999_999_999)];
    let due = prop_oneof![2 => Just(None), 1 => (0..365_u64).prop_map(Some)];
    (0..AGREEMENTS.len(), select(&STATUSES[..]), thousandths, 0..=100_u32, 0..365_u64, due, 0..365_u64).prop_map(
        |(agreement, status, thousandths, progress, baseline, due, met)| Milestone {
            agreement,
            status,
            thousandths,
            progress,
            baseline,
            due: due.unwrap_or(baseline),
            met,
        },
    )
}

async fn build(client: &Client, all: &[Milestone]) {
    create(client, "programmes", json!({ "code": "all", "name": { "zh": "计划" } })).await;
    for code in ["strong", "weak"] {
        create(client, "regions", json!({ "code": code, "name": { "zh": code }, "level": "county" })).await;
    }
    for code in ["roads", "schools", "unused"] {
        create(client, "sectors", json!({ "code": code, "name": { "zh": code } })).await;
    }
    let members =
        [json!({ "region": "strong", "role": "supporter" }), json!({ "region": "weak", "role": "recipient" })];
    for code in ["a", "b", "idle"] {
        let pairing = json!({ "code": code, "programme": "all", "name": { "zh": code }, "members": members });
        create(client, "pairings", pairing).await;
    }
    for (code, pairing, sectors) in AGREEMENTS {
        let agreement =
            json!({ "code": code, "pairing": pairing, "kind": "other", "title": { "zh": code }, "sectors": sectors });
        create(client, "agreements", agreement).await;
    }
    for one in all {
        let met = one.status == "met" || one.status == "partially_met";
        let milestone = json!({
            "agreement": AGREEMENTS[one.agreement].0, "title": { "zh": "节点" }, "due_on": day(one.baseline),
            "status": one.status, "weight": f64::from(one.thousandths) / 1000.0, "progress": one.progress,
            "met_on": met.then(|| day(one.met)), "reason": "资金未到位"
        });
        let made = create(client, "milestones", milestone).await;
        if one.due != one.baseline {
            let path = format!("milestones/{}", made.body["id"]);
            client.patch(&path, json!({ "due_on": day(one.due), "reason": "汛期" })).await.expect(200);
        }
    }
}

/// The figures of a row of the scorecard, computed simply; progress and rate are compared separately.
fn simple_row(all: &[&Milestone], as_of: NaiveDate) -> (Value, Option<f64>, Option<f64>) {
    let live: Vec<&&Milestone> = all.iter().filter(|one| one.status != "cancelled").collect();
    let weight: f64 = live.iter().map(|one| f64::from(one.thousandths)).sum();
    let done: f64 = live
        .iter()
        .map(|one| f64::from(one.thousandths) * if one.status == "met" { 100.0 } else { f64::from(one.progress) })
        .sum();
    let late: Vec<i64> = all
        .iter()
        .filter(|one| ["scheduled", "in_progress", "not_met"].contains(&one.status) && as_of > day(one.due))
        .map(|one| (as_of - day(one.due)).num_days())
        .collect();
    let due: Vec<&&Milestone> = live.iter().copied().filter(|one| day(one.baseline) < as_of).collect();
    let on_time = due.iter().filter(|one| one.status == "met" && one.met <= one.baseline).count();
    let counts: serde_json::Map<String, Value> = STATUSES
        .iter()
        .map(|status| ((*status).to_owned(), json!(all.iter().filter(|one| one.status == *status).count())))
        .collect();
    let figures = json!({
        "counted": live.len(), "left_out": all.len() - live.len(), "milestones": counts, "overdue": late.len(),
        "days_late": late.iter().max().copied().unwrap_or(0), "baseline_due": due.len(), "on_time": on_time
    });
    let percent = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
    (figures, percent(done, weight), percent(on_time as f64 * 100.0, due.len() as f64))
}

fn assert_close(what: &str, given: &Value, wanted: Option<f64>) {
    match wanted {
        None => assert!(given.is_null(), "{what}: {given} instead of null"),
        Some(wanted) => {
            let given = given.as_f64().unwrap_or(f64::NAN);
            assert!((given - wanted).abs() <= 0.005 + 1e-6, "{what}: {given} instead of {wanted}");
        }
    }
}

fn compare(what: &str, given: &Value, all: &[&Milestone], as_of: NaiveDate) {
    let (figures, progress, rate) = simple_row(all, as_of);
    assert_close(&format!("progress of {what}"), &given["progress"], progress);
    assert_close(&format!("on-time rate of {what}"), &given["on_time_rate"], rate);
    for (name, wanted) in figures.as_object().expect("an object") {
        assert_eq!(&given[name], wanted, "{name} of {what} on {as_of}");
    }
}

/// The figures of a record, which has fewer.
fn compare_record(what: &str, record: &Value, all: &[&Milestone], as_of: NaiveDate) {
    let (figures, progress, _) = simple_row(all, as_of);
    assert_close(&format!("progress of {what}"), &record["progress"], progress);
    assert_eq!(record["progress_counted"], figures["counted"], "{what}");
    assert_eq!(record["progress_left_out"], figures["left_out"], "{what}");
    assert_eq!(record["overdue"], figures["overdue"], "{what} on {as_of}");
}

async fn check(client: &Client, all: &[Milestone], as_of: NaiveDate) {
    let within = |fits: &dyn Fn(usize) -> bool| all.iter().filter(|one| fits(one.agreement)).collect::<Vec<_>>();
    let scorecard =
        async |query: String| client.get(&format!("reports/scorecard?as_of={as_of}{query}")).await.expect(200).body;
    let row = |card: &Value, of: &str, code: &str| {
        let rows = card["items"].as_array().cloned().unwrap_or_default();
        rows.into_iter().find(|row| row[of]["code"] == code).map(|row| row["figures"].clone())
    };
    let everything = within(&|_| true);

    let by_agreement = scorecard("&group_by=agreement".to_owned()).await;
    compare("all", &by_agreement["overall"], &everything, as_of);
    for (index, (code, _, _)) in AGREEMENTS.iter().enumerate() {
        let own = within(&|agreement| agreement == index);
        compare(code, &row(&by_agreement, "agreement", code).expect("a row"), &own, as_of);
        let read = client.get(&format!("agreements/{code}?as_of={as_of}")).await.expect(200).body;
        compare_record(code, &read, &own, as_of);
    }
    let by_pairing = scorecard("&group_by=pairing".to_owned()).await;
    compare("all by pairing", &by_pairing["overall"], &everything, as_of);
    for code in ["a", "b", "idle"] {
        let own = within(&|agreement| AGREEMENTS[agreement].1 == code);
        compare(code, &row(&by_pairing, "pairing", code).expect("a row"), &own, as_of);
        compare(code, &scorecard(format!("&pairing={code}")).await["overall"], &own, as_of);
        let read = client.get(&format!("pairings/{code}?as_of={as_of}")).await.expect(200).body;
        compare_record(code, &read, &own, as_of);
        assert_eq!(read["milestones"], simple_row(&own, as_of).0["milestones"]);
    }
    let by_sector = scorecard("&group_by=sector".to_owned()).await;
    compare("all by sector", &by_sector["overall"], &everything, as_of);
    assert_eq!(row(&by_sector, "sector", "unused"), None);
    for code in ["roads", "schools"] {
        let own = within(&|agreement| AGREEMENTS[agreement].2.contains(&code));
        compare(code, &row(&by_sector, "sector", code).expect("a row"), &own, as_of);
        compare(code, &scorecard(format!("&sector={code}")).await["overall"], &own, as_of);
    }
}

#[test]
fn every_figure_equals_that_of_a_simple_computation() {
    let config = Config { cases: 4, max_shrink_iters: 12, failure_persistence: None, ..Config::default() };
    let milestones = proptest::collection::vec(any_milestone(), 0..40);
    let result = TestRunner::new(config).run(&(milestones, 0..500_u64), |(all, as_of)| {
        let mut days = vec![day(as_of), day(181), day(700)];
        // The days around which a milestone becomes late.
        if let Some(one) = all.first() {
            days.extend([one.due, one.baseline].iter().flat_map(|number| [day(*number), day(number + 1)]));
        }
        on_each_empty(|database| {
            let (all, days) = (all.clone(), days.clone());
            async move {
                let client = database.client();
                build(&client, &all).await;
                for as_of in days {
                    check(&client, &all, as_of).await;
                }
            }
        });
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

#[test]
fn weights_that_sum_to_zero_give_no_progress() {
    on_each_empty(|database| async move {
        let client = database.client();
        let one = |status, progress| Milestone {
            agreement: 0,
            status,
            thousandths: 0,
            progress,
            baseline: 0,
            due: 0,
            met: 0,
        };
        let all = [one("met", 100), one("in_progress", 50)];
        build(&client, &all).await;
        let read = client.get("agreements/a-roads").await.expect(200).body;
        assert_eq!((&read["progress"], &read["progress_counted"]), (&json!(null), &json!(2)));
        check(&client, &all, day(1)).await;
    });
}

/// The milestones of a list, by their days and status.
fn keys(list: &Value) -> Vec<String> {
    let key = |one: &Value| format!("{} {} {}", one["status"], one["baseline_due_on"], one["met_on"]);
    let mut keys: Vec<String> = list["items"].as_array().expect("items").iter().map(key).collect();
    keys.sort();
    keys
}

#[test]
fn lists_reports_and_records_agree_on_the_days_around_a_due_date() {
    on_each_empty(|database| async move {
        let client = database.client();
        let mut all = Vec::new();
        for status in STATUSES {
            for baseline in 99..=101 {
                for met in 99..=101 {
                    let one = Milestone {
                        agreement: 0,
                        status,
                        thousandths: 1000,
                        progress: 0,
                        baseline,
                        due: baseline,
                        met,
                    };
                    all.push(one);
                }
            }
        }
        build(&client, &all).await;
        for as_of in (98..=102).map(day) {
            check(&client, &all, as_of).await;
            let list = async |query: String| {
                client.get(&format!("milestones?limit=1000&as_of={as_of}{query}")).await.expect(200).body
            };
            let whole = list(String::new()).await;
            for (wanted, is_overdue) in [("true", true), ("false", false)] {
                let filtered = list(format!("&overdue={wanted}")).await;
                let mut by_field = whole.clone();
                by_field["items"].as_array_mut().expect("items").retain(|one| one["overdue"] == is_overdue);
                assert_eq!(keys(&filtered), keys(&by_field), "overdue={wanted} on {as_of}");
            }
            let late = all
                .iter()
                .filter(|one| ["scheduled", "in_progress", "not_met"].contains(&one.status) && day(one.due) < as_of);
            let report = client.get(&format!("reports/overdue?count=true&as_of={as_of}")).await.expect(200).body;
            assert_eq!(report["total"], late.count(), "the report on {as_of}");
        }
        // A report on recorded data follows the same rule.
        let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        for as_of in (98..=102).map(day) {
            let query = format!("reports/scorecard?as_of={as_of}&group_by=agreement&recorded_at={now}");
            let card = client.get(&query).await.expect(200).body;
            let everything: Vec<&Milestone> = all.iter().collect();
            compare("what was recorded", &card["recorded_overall"], &everything, as_of);
        }
    });
}

#[test]
fn an_open_milestone_that_is_due_today_does_not_count_in_the_on_time_rate() {
    on_each_empty(|database| async move {
        let client = database.client();
        let one =
            |status| Milestone { agreement: 0, status, thousandths: 1000, progress: 0, baseline: 9, due: 9, met: 0 };
        build(&client, &[one("scheduled"), one("cancelled")]).await;
        for (as_of, rate) in [(8, json!(null)), (9, json!(null)), (10, json!(0.0))] {
            let query = format!("reports/scorecard?as_of={}", day(as_of));
            let overall = &client.get(&query).await.expect(200).body["overall"];
            assert_eq!(overall["on_time_rate"], rate, "on {}", day(as_of));
        }
    });
}
