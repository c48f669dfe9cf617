//! Bundles of commitments and their reports.

use pairing_tracker::transfer::files::Source;
use pairing_tracker::transfer::plan::Outcome;
use serde_json::{Value, json};

use crate::common::files::{import_bundles, source};
use crate::common::on_each;
use crate::common::records::{commitment, with};

/// The reports of a commitment, the last correction first, and then the commitment.
fn bundle() -> Vec<Source> {
    let of = |fields: Value| with(json!({ "commitment": "teachers", "status": "approved" }), fields);
    let january = |code: &str, value: &str, supersedes: Value| {
        let days = json!({ "period_start_on": "2022-01-01", "period_end_on": "2022-01-31" });
        with(of(days), json!({ "code": code, "value": value, "supersedes": supersedes }))
    };
    let february = json!({
        "code": "february", "status": "submitted", "value": "1.50", "period_start_on": "2022-02-01",
        "period_end_on": "2022-02-28"
    });
    let reports = json!({ "progress-reports": [
        january("third", "14", json!("second")), of(february), january("second", "12", json!("january")),
        january("january", "10", json!(null))
    ] });
    let commitments = json!({ "commitments": [with(commitment("teachers"), json!({
        "responsible": ["jiangmen-polytechnic"], "indicator": { "unit": "人", "baseline": "0", "target": "100.0" }
    }))] });
    let source = |(number, records): (usize, Value)| source(&format!("{number}.json"), &records.to_string());
    [reports, commitments].into_iter().enumerate().map(source).collect()
}

#[test]
fn a_bundle_of_reports_in_any_order_can_be_applied_repeatedly() {
    on_each(|database| async move {
        let client = database.client();
        let mut sources = bundle();
        for (time, outcome) in [Outcome::Create, Outcome::Unchanged, Outcome::Unchanged].into_iter().enumerate() {
            let lines = import_bundles(&database, &mut sources, true).expect("it is good");
            assert_eq!(lines.len(), 5);
            assert!(lines.iter().all(|line| line.outcome == outcome), "time {time}: {lines:?}");
            sources.reverse();
        }
        let teachers = client.get("commitments/teachers?as_of=2022-12-31").await.expect(200);
        assert_eq!(teachers.body["actual"], "14");
        for (code, wanted) in [
            ("january", json!([false, "second"])),
            ("second", json!([false, "third"])),
            ("third", json!([true, null])),
            ("february", json!([false, null])),
        ] {
            let read = client.get(&format!("progress-reports/{code}")).await.expect(200).body;
            assert_eq!(json!([read["counts"], read["superseded_by"]["code"]]), wanted, "{code}");
            let history = client.get(&format!("progress-reports/{code}/history?count=true")).await.expect(200);
            assert_eq!(history.body["total"], 1, "{code}");
        }
    });
}
