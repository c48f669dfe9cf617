//! Periods locked by an approved report, and reports that correct it.

use std::collections::BTreeSet;

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::common::builders::{block_on, in_threads, on_each_with_own_runtime};
use crate::common::client::Response;
use crate::common::records::{approved, commitment, create, fault, report, with};
use crate::common::{Client, on_each};

/// The report on January, approved.
async fn january(client: &Client) -> Response {
    create(client, "commitments", commitment("teachers")).await;
    let january = approved("teachers", "2022-01-01", "2022-01-31", "10");
    create(client, "progress-reports", with(january, json!({ "code": "january" }))).await
}

fn draft(code: &str, start: &str, end: &str, value: &str) -> Value {
    with(report("teachers", start, end, value), json!({ "code": code }))
}

/// A draft that corrects another report.
fn correction(code: &str, of: &str, value: &str) -> Value {
    with(draft(code, "2022-01-01", "2022-01-31", value), json!({ "supersedes": of }))
}

async fn act(client: &Client, code: &str, action: &str) -> Response {
    client.send(Method::POST, &format!("progress-reports/{code}/{action}"), &[], None).await
}

async fn approve(client: &Client, code: &str) {
    for action in ["submit", "approve"] {
        act(client, code, action).await.expect(200);
    }
}

fn locked(response: Response) {
    let refused = response.expect(409);
    assert_eq!(refused.body["code"], "period_locked");
    assert_eq!(refused.faults(), [fault("/period_start_on", "period_locked")]);
}

/// The actual value of the commitment at the end of 2022.
async fn actual(client: &Client) -> Value {
    client.get("commitments/teachers?as_of=2022-12-31").await.expect(200).body["actual"].clone()
}

/// Whether a report counts, and what corrects it.
async fn counts(client: &Client, code: &str) -> Value {
    let read = client.get(&format!("progress-reports/{code}")).await.expect(200).body;
    json!([read["counts"], read["superseded_by"]["code"]])
}

#[test]
fn an_approved_report_never_changes() {
    on_each(|database| async move {
        let client = database.client();
        let made = january(&client).await;
        for change in [
            json!({ "value": "11" }),
            json!({ "narrative": "改" }),
            json!({ "period_end_on": "2022-01-30" }),
            json!({ "status": "submitted" }),
            json!({ "status": "returned", "return_note": "补充" }),
            json!({ "code": "other" }),
            json!({ "citations": [{ "document": "gb-t-2260" }] }),
        ] {
            let refused = client.patch("progress-reports/january", change.clone()).await.expect(409);
            assert_eq!(refused.body["code"], "period_locked", "{change}");
        }
        assert_eq!(client.delete("progress-reports/january").await.expect(409).body["code"], "period_locked");
        let same = client.patch("progress-reports/january", json!({ "value": "10.0" })).await.expect(200);
        assert_eq!(same.body, made.body);
    });
}

#[test]
fn no_other_report_can_overlap_a_locked_period() {
    on_each(|database| async move {
        let client = database.client();
        january(&client).await;
        create(&client, "commitments", commitment("doctors")).await;
        for (start, end, is_free) in [
            ("2022-01-01", "2022-01-31", false),
            ("2022-01-31", "2022-02-28", false),
            ("2021-12-01", "2022-01-01", false),
            ("2022-01-10", "2022-01-10", false),
            ("2021-01-01", "2022-12-31", false),
            ("2022-02-01", "2022-02-28", true),
            ("2021-12-01", "2021-12-31", true),
        ] {
            let response = client.post("progress-reports", report("teachers", start, end, "1")).await;
            if is_free {
                response.expect(201);
            } else {
                locked(response);
                // The lock does not apply to another commitment.
                create(&client, "progress-reports", report("doctors", start, end, "1")).await;
            }
            let created = client.post("progress-reports", approved("teachers", start, end, "1")).await;
            if is_free { drop(created.expect(201)) } else { locked(created) }
        }
        // A draft cannot move into a locked period by a change either.
        create(&client, "progress-reports", draft("march", "2022-03-01", "2022-03-31", "1")).await;
        locked(client.patch("progress-reports/march", json!({ "period_start_on": "2022-01-31" })).await);
        create(
            &client,
            "progress-reports",
            with(draft("of-doctors", "2022-01-15", "2022-01-20", "1"), json!({ "commitment": "doctors" })),
        )
        .await;
        locked(client.patch("progress-reports/of-doctors", json!({ "commitment": "teachers" })).await);
    });
}

#[test]
fn the_first_approved_of_overlapping_drafts_locks_the_period() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "commitments", commitment("teachers")).await;
        for (code, start, end) in [
            ("january", "2022-01-01", "2022-01-31"),
            ("draft", "2022-01-31", "2022-02-28"),
            ("waiting", "2022-01-15", "2022-02-15"),
            ("refused", "2022-01-20", "2022-02-15"),
        ] {
            create(&client, "progress-reports", draft(code, start, end, "10")).await;
        }
        for code in ["waiting", "refused"] {
            act(&client, code, "submit").await.expect(200);
        }
        approve(&client, "january").await;
        locked(act(&client, "draft", "submit").await);
        locked(client.patch("progress-reports/draft", json!({ "value": "11" })).await);
        locked(act(&client, "waiting", "approve").await);
        assert_eq!(actual(&client).await, "10");
        // What remains possible: a draft moves to free days or is deleted; a submitted report is returned and edited.
        client.patch("progress-reports/draft", json!({ "period_start_on": "2022-02-01" })).await.expect(200);
        for code in ["waiting", "refused"] {
            let note = json!({ "note": "该月已审定" });
            let returned = client.post(&format!("progress-reports/{code}/return"), note).await.expect(200);
            assert_eq!(returned.body["status"], "returned");
        }
        client.delete("progress-reports/refused").await.expect(204);
        locked(act(&client, "waiting", "submit").await);
        let as_correction = json!({
            "supersedes": "january", "period_start_on": "2022-01-01", "period_end_on": "2022-01-31", "value": "8"
        });
        client.patch("progress-reports/waiting", as_correction).await.expect(200);
        approve(&client, "waiting").await;
        approve(&client, "draft").await;
        assert_eq!(actual(&client).await, "18");
    });
}

#[test]
fn an_approved_correction_replaces_the_report_that_it_corrects() {
    on_each(|database| async move {
        let client = database.client();
        january(&client).await;
        create(&client, "progress-reports", correction("second", "january", "12")).await;
        assert_eq!((counts(&client, "january").await, actual(&client).await), (json!([true, null]), json!("10")));
        act(&client, "second", "submit").await.expect(200);
        assert_eq!(counts(&client, "january").await, json!([true, null]));
        act(&client, "second", "approve").await.expect(200);
        assert_eq!(counts(&client, "january").await, json!([false, "second"]));
        assert_eq!((counts(&client, "second").await, actual(&client).await), (json!([true, null]), json!("12")));
        // A chain of corrections: each corrects the one before, and the last one counts.
        for (number, value) in ["7", "9.5", "0"].into_iter().enumerate() {
            let of = if number == 0 { "second".to_owned() } else { format!("chain-{}", number - 1) };
            let code = format!("chain-{number}");
            create(&client, "progress-reports", correction(&code, &of, value)).await;
            approve(&client, &code).await;
            assert_eq!(actual(&client).await, value);
            assert_eq!(counts(&client, &of).await, json!([false, code]));
        }
        assert_eq!(counts(&client, "january").await, json!([false, "second"]), "the first stays corrected");
        // The days of the last one are locked; days that a shorter correction gives up are free.
        locked(client.post("progress-reports", draft("new", "2022-01-31", "2022-02-28", "1")).await);
        let narrow = with(correction("narrow", "chain-2", "1"), json!({ "period_end_on": "2022-01-15" }));
        create(&client, "progress-reports", narrow).await;
        locked(client.post("progress-reports", draft("new", "2022-01-16", "2022-01-31", "2")).await);
        approve(&client, "narrow").await;
        create(&client, "progress-reports", approved("teachers", "2022-01-16", "2022-01-31", "2")).await;
        assert_eq!(actual(&client).await, "3");
        let history = client.get("progress-reports/january/history?count=true").await.expect(200);
        assert_eq!(history.body["total"], 1, "what is corrected is not changed");
    });
}

#[test]
fn only_an_approved_report_of_the_commitment_can_be_corrected_and_only_once() {
    on_each(|database| async move {
        let client = database.client();
        january(&client).await;
        create(&client, "commitments", commitment("doctors")).await;
        let of_doctors = approved("doctors", "2022-01-01", "2022-01-31", "1");
        create(&client, "progress-reports", with(of_doctors, json!({ "code": "of-doctors" }))).await;
        create(&client, "progress-reports", draft("march", "2022-03-01", "2022-03-31", "1")).await;
        create(&client, "progress-reports", correction("second", "january", "12")).await;
        for (of, code) in [
            ("of-doctors", "other_commitment"),
            ("march", "not_approved"),
            ("january", "taken"),
            ("none", "unknown_reference"),
        ] {
            let refused = client.post("progress-reports", correction("new", of, "1")).await.expect(422);
            assert_eq!(refused.faults(), [fault("/supersedes", code)], "{of}");
        }
        let refused = client.patch("progress-reports/march", json!({ "supersedes": "march" })).await.expect(422);
        assert_eq!(refused.faults(), [fault("/supersedes", "not_approved")]);
        let refused = client.patch("progress-reports/second", json!({ "commitment": "doctors" })).await.expect(422);
        assert_eq!(refused.faults(), [fault("/supersedes", "other_commitment")]);
        // A correction may not overlap another locked period, and without `supersedes` it is an ordinary report.
        create(&client, "progress-reports", approved("teachers", "2022-02-01", "2022-02-28", "1")).await;
        locked(client.patch("progress-reports/second", json!({ "period_end_on": "2022-02-01" })).await);
        locked(client.patch("progress-reports/second", json!({ "supersedes": null })).await);
        client.delete("progress-reports/second").await.expect(204);
        create(&client, "progress-reports", correction("third", "january", "13")).await;
        approve(&client, "third").await;
        let refused = client.post("progress-reports", correction("new", "january", "1")).await.expect(422);
        assert_eq!(refused.faults(), [fault("/supersedes", "taken")]);
        assert_eq!(client.get("progress-reports?supersedes=january").await.expect(200).codes(), ["third"]);
    });
}

#[test]
fn one_of_two_concurrent_approvals_of_overlapping_drafts_succeeds() {
    on_each_with_own_runtime(|_, client| {
        const ROUNDS: usize = 12;
        block_on(async || {
            create(&client, "commitments", commitment("teachers")).await;
            for round in 0..ROUNDS {
                let day = |day: u32| format!("2022-{:02}-{day:02}", round + 1);
                for (writer, start, end) in [(0, 1, 15), (1, 15, 28)] {
                    let code = format!("round-{round}-{writer}");
                    create(&client, "progress-reports", draft(&code, &day(start), &day(end), "1")).await;
                    act(&client, &code, "submit").await.expect(200);
                }
            }
        });
        let responses = in_threads(&client, 2, async |client, writer| {
            let mut responses = Vec::new();
            for round in 0..ROUNDS {
                let response = act(&client, &format!("round-{round}-{writer}"), "approve").await;
                responses.push((response.status.as_u16(), response.body["code"].clone()));
            }
            responses
        });
        for (round, (one, other)) in responses[0].iter().zip(&responses[1]).enumerate() {
            let both: BTreeSet<u16> = [one.0, other.0].into();
            assert_eq!(both, [200, 409].into(), "round {round}: {one:?} {other:?}");
            let lost = if one.0 == 409 { one } else { other };
            assert_eq!(lost.1, "period_locked");
        }
        assert_eq!(block_on(async || actual(&client).await), ROUNDS.to_string());
    });
}
