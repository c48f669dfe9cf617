//! Pairings with several members on either side, and figures by member and by date.

use serde_json::{Value, json};

use crate::common::records::{create, member, party, with};
use crate::common::{Client, on_each};

async fn region(client: &Client, code: &str, level: &str, parent: Option<&str>) {
    let record = json!({ "code": code, "name": { "zh": code }, "level": level, "parent": parent });
    create(client, "regions", record).await;
}

async fn organization(client: &Client, code: &str, kind: &str, region: &str) {
    let record = json!({ "code": code, "name": { "zh": code }, "kind": kind, "region": region });
    create(client, "organizations", record).await;
}

async fn pairing(client: &Client, code: &str, members: Value) {
    let record = json!({ "code": code, "programme": "jiangmen-east-west", "name": { "zh": code }, "members": members });
    create(client, "pairings", record).await;
}

async fn agreement(client: &Client, code: &str, pairing: &str, parties: Value) {
    let record = json!({
        "code": code, "pairing": pairing, "kind": "annual_agreement", "title": { "zh": code }, "status": "signed",
        "signed_on": "2022-01-10", "parties": parties
    });
    create(client, "agreements", record).await;
}

async fn milestone(client: &Client, code: &str, agreement: &str, due_on: &str) {
    let record = json!({ "code": code, "agreement": agreement, "title": { "zh": code }, "due_on": due_on });
    create(client, "milestones", record).await;
}

/// The members of a pairing that have a row, each with the figure at a pointer.
async fn by_member(client: &Client, pairing: &str, as_of: &str, pointer: &str) -> Vec<(String, Value)> {
    let path = format!("reports/scorecard?group_by=member&pairing={pairing}&as_of={as_of}");
    let card = client.get(&path).await.expect(200).body;
    let rows = card["items"].as_array().expect("rows").iter();
    let row = |row: &Value| {
        let code = row["member"]["code"].as_str().expect("a member").to_owned();
        (code, row["figures"].pointer(pointer).cloned().unwrap_or_default())
    };
    rows.map(row).collect()
}

fn figures(rows: &[(&str, i64)]) -> Vec<(String, Value)> {
    rows.iter().map(|(code, figure)| ((*code).to_owned(), json!(figure))).collect()
}

#[test]
fn each_recipient_has_figures_of_the_agreements_that_it_signed() {
    on_each(|database| async move {
        let client = database.client();
        for code in ["strong", "west-a", "west-b", "west-c"] {
            region(&client, code, "county", None).await;
        }
        let members = json!([
            with(member("strong", "supporter"), json!({ "is_lead": true })),
            member("west-a", "recipient"),
            member("west-b", "recipient"),
            member("west-c", "recipient")
        ]);
        pairing(&client, "one-to-three", members).await;
        // A township belongs to its county, and its office signs for the county.
        region(&client, "town-of-b", "township", Some("west-b")).await;
        organization(&client, "office-of-town", "department", "town-of-b").await;
        let strong = party("region", "strong", "supporter");
        for (code, of) in [
            ("with-a", party("region", "west-a", "recipient")),
            ("with-b", party("organization", "office-of-town", "recipient")),
        ] {
            agreement(&client, code, "one-to-three", json!([strong, of])).await;
            milestone(&client, &format!("due-{code}"), code, "2022-06-30").await;
        }
        let draft = json!({ "code": "for-all", "pairing": "one-to-three", "kind": "other", "title": { "zh": "草案" } });
        create(&client, "agreements", draft).await;
        milestone(&client, "due-for-all", "for-all", "2022-06-30").await;
        assert_eq!(
            by_member(&client, "one-to-three", "2022-07-01", "/overdue").await,
            figures(&[("strong", 3), ("west-a", 2), ("west-b", 2), ("west-c", 1)])
        );
        assert_eq!(
            by_member(&client, "one-to-three", "2022-06-30", "/overdue").await,
            figures(&[("strong", 0), ("west-a", 0), ("west-b", 0), ("west-c", 0)])
        );
        let overall = client.get("reports/scorecard?group_by=member&pairing=one-to-three&as_of=2022-07-01").await;
        assert_eq!(overall.expect(200).body["overall"]["overdue"], 3, "overall counts each once");
    });
}

#[test]
fn a_replaced_supporter_keeps_the_figures_of_its_period() {
    on_each(|database| async move {
        let client = database.client();
        for code in ["first", "second", "west"] {
            region(&client, code, "county", None).await;
        }
        let members = json!([
            with(member("first", "supporter"), json!({ "is_lead": true, "to_on": "2022-06-30" })),
            with(member("second", "supporter"), json!({ "is_lead": true, "from_on": "2022-07-01" })),
            member("west", "recipient")
        ]);
        pairing(&client, "handed-over", members).await;
        let parties = json!([party("region", "first", "supporter"), party("region", "west", "recipient")]);
        agreement(&client, "annual", "handed-over", parties).await;
        milestone(&client, "in-spring", "annual", "2022-04-30").await;
        milestone(&client, "in-autumn", "annual", "2022-09-30").await;
        let commitment = |code: &str, due_on: &str| {
            json!({ "code": code, "agreement": "annual", "text": { "zh": code }, "starts_on": "2022-01-01",
                "due_on": due_on, "indicator": { "unit": "人", "target": "10" } })
        };
        create(&client, "commitments", commitment("half-year", "2022-06-30")).await;
        create(&client, "commitments", commitment("whole-year", "2022-12-31")).await;
        for (code, direction, start, headcount) in [
            ("early", "supporter_to_recipient", "2022-03-01", 4),
            ("later", "supporter_to_recipient", "2022-08-01", 3),
            ("back", "recipient_to_supporter", "2022-08-01", 2),
        ] {
            let record = json!({ "code": code, "pairing": "handed-over", "profession": "teacher", "headcount": headcount,
                "direction": direction, "status": "in_progress", "actual_start_on": start });
            create(&client, "exchanges", record).await;
        }
        for (day, amount) in [("2022-05-01", "100.00"), ("2022-10-01", "40.00")] {
            let record = json!({ "kind": "disbursement", "pairing": "handed-over", "amount": amount, "value_on": day });
            create(&client, "transactions", record).await;
        }
        let request = async |pointer| by_member(&client, "handed-over", "2022-12-31", pointer).await;
        assert_eq!(request("/overdue").await, figures(&[("first", 1), ("second", 1), ("west", 2)]));
        assert_eq!(request("/commitments/total").await, figures(&[("first", 1), ("second", 1), ("west", 2)]));
        assert_eq!(request("/exchanges/total/seconded").await, figures(&[("first", 4), ("second", 5), ("west", 9)]));
        let paid: Vec<Value> = request("/funds/0/disbursed").await.into_iter().map(|(_, paid)| paid).collect();
        assert_eq!(paid, ["100.00", "40.00", "140.00"]);
        // Before the change no other member has a row.
        let early = by_member(&client, "handed-over", "2022-05-31", "/overdue").await;
        assert_eq!(early[0], ("first".to_owned(), json!(1)));

        let recipients = client.get("reports/pace?member=first&pairing=handed-over&as_of=2022-06-30").await.expect(200);
        assert_eq!(recipients.body["counts"]["total"], 1);
        assert_eq!(recipients.body["items"][0]["commitment"]["code"], "half-year");
    });
}

#[test]
fn zones_counties_bureaus_and_companies_can_take_part() {
    on_each(|database| async move {
        let client = database.client();
        region(&client, "east-city", "prefecture", None).await;
        region(&client, "east-zone", "functional_zone", Some("east-city")).await;
        region(&client, "far-county", "county", None).await;
        let members = json!([member("east-zone", "supporter"), member("far-county", "recipient")]);
        pairing(&client, "zone-county", members).await;
        for (code, kind, region) in [
            ("zone-health-bureau", "department", "east-zone"),
            ("county-health-bureau", "department", "far-county"),
            ("zone-traders", "association", "east-zone"),
            ("county-traders", "association", "far-county"),
            ("zone-company", "company", "east-zone"),
        ] {
            organization(&client, code, kind, region).await;
        }
        for (code, supporter, recipient) in [
            ("of-bureaus", "zone-health-bureau", "county-health-bureau"),
            ("of-associations", "zone-traders", "county-traders"),
            ("of-company-and-bureau", "zone-company", "county-health-bureau"),
        ] {
            let parties =
                json!([party("organization", supporter, "supporter"), party("organization", recipient, "recipient")]);
            agreement(&client, code, "zone-county", parties).await;
            milestone(&client, &format!("due-{code}"), code, "2022-06-30").await;
        }
        assert_eq!(
            by_member(&client, "zone-county", "2022-12-31", "/overdue").await,
            figures(&[("east-zone", 3), ("far-county", 3)])
        );
    });
}
