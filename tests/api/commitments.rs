//! Commitments: rules of an indicator, figures on a date, and the reports that belong to them.

use serde_json::{Value, json};

use crate::common::records::{agreement, approved, codes_of, commitment, create, fault, listed, report, with};
use crate::common::{Client, on_each};

/// Fields of a commitment with the faults that they have.
fn faulty_fields() -> Vec<(Value, Vec<(String, String)>)> {
    let against = || vec![fault("/indicator/target", "against_direction")];
    let pattern = |name: &str| vec![fault(&format!("/indicator/{name}"), "pattern")];
    vec![
        (json!({ "indicator": {} }), vec![fault("/indicator/unit", "required")]),
        (json!({ "indicator": { "unit": null, "target": "5" } }), vec![fault("/indicator/unit", "required")]),
        (json!({ "indicator": { "unit": "" } }), vec![fault("/indicator/unit", "too_short")]),
        (json!({ "indicator": { "unit": "人", "baseline": "10", "target": "9.9999" } }), against()),
        (
            json!({ "indicator": { "unit": "户", "baseline": "10", "target": "10.0001", "direction": "falling" } }),
            against(),
        ),
        (json!({ "indicator": { "unit": "人", "target": "1.23456" } }), pattern("target")),
        (json!({ "indicator": { "unit": "人", "baseline": "many" } }), pattern("baseline")),
        (json!({ "indicator": { "unit": "人", "target": "1234567890123" } }), pattern("target")),
        (json!({ "indicator": { "unit": "人", "target": 5 } }), vec![fault("/indicator/target", "type")]),
        (
            json!({ "indicator": { "unit": "人", "direction": "sideways" } }),
            vec![fault("/indicator/direction", "enum")],
        ),
        (json!({ "due_on": "2021-12-31" }), vec![fault("/due_on", "before_start")]),
        (
            json!({
                "due_on": "2021-12-31", "indicator": { "baseline": "2", "target": "1" },
                "agreement": "none", "sector": "none"
            }),
            vec![
                fault("/due_on", "before_start"),
                fault("/indicator/unit", "required"),
                fault("/indicator/target", "against_direction"),
                fault("/agreement", "unknown_reference"),
                fault("/sector", "unknown_reference"),
            ],
        ),
    ]
}

#[test]
fn faults_of_an_indicator_are_reported_at_its_fields() {
    on_each(|database| async move {
        let client = database.client();
        let plain = with(commitment("there"), json!({ "indicator": null }));
        create(&client, "commitments", plain).await;
        for (fields, faults) in faulty_fields() {
            let refused = client.post("commitments", with(commitment("new"), fields.clone())).await.expect(422);
            assert_eq!(refused.faults(), faults, "creating with {fields}");
            let refused = client.patch("commitments/there", fields.clone()).await.expect(422);
            assert_eq!(refused.faults(), faults, "changing by {fields}");
        }
        let unknown = json!({ "indicator": { "unit": "人", "colour": "red" } });
        let refused = client.post("commitments", with(commitment("new"), unknown.clone())).await.expect(400);
        assert_eq!(refused.faults(), [fault("/indicator/colour", "unknown_field")]);
        client.patch("commitments/there", unknown).await.expect(400);
        // An indicator to be maintained has equal baseline and target; either may be unknown.
        for (number, numbers) in [
            json!({ "baseline": "95", "target": "95.0" }),
            json!({ "baseline": "95", "target": "95", "direction": "falling" }),
            json!({ "baseline": "-3.5", "target": "0" }),
            json!({ "baseline": "10" }),
            json!({}),
        ]
        .into_iter()
        .enumerate()
        {
            let indicator = with(json!({ "unit": "%" }), numbers);
            let body = with(commitment(&format!("good-{number}")), json!({ "indicator": indicator }));
            create(&client, "commitments", body).await;
        }
    });
}

#[test]
fn patching_one_field_of_an_indicator_keeps_the_others() {
    let whole = || {
        json!({
            "name": "跟岗教师人数", "unit": "人", "baseline": "20", "target": "100", "direction": "rising",
            "accumulation": "last"
        })
    };
    on_each(|database| async move {
        let client = database.client();
        create(&client, "commitments", with(commitment("teachers"), json!({ "indicator": whole() }))).await;
        let patch = |indicator: Value| client.patch("commitments/teachers", json!({ "indicator": indicator }));
        let mut expected = whole();
        for (change, stored) in [
            (json!({ "target": "120" }), json!({ "target": "120" })),
            (json!({ "baseline": null }), json!({ "baseline": null })),
            (json!({ "name": null, "unit": "人次" }), json!({ "name": null, "unit": "人次" })),
            (json!({ "baseline": "0.50" }), json!({ "baseline": "0.5" })),
            (json!({ "accumulation": "cumulative" }), json!({ "accumulation": "cumulative" })),
            (json!({}), json!({})),
        ] {
            expected = with(expected, stored);
            assert_eq!(patch(change.clone()).await.expect(200).body["indicator"], expected, "{change}");
        }
        for (change, pointer, code) in [
            (json!({ "unit": null }), "/indicator/unit", "required"),
            (json!({ "target": "0.4" }), "/indicator/target", "against_direction"),
            (json!({ "direction": "falling" }), "/indicator/target", "against_direction"),
        ] {
            assert_eq!(patch(change.clone()).await.expect(422).faults(), [fault(pointer, code)], "{change}");
        }
        assert_eq!(client.get("commitments/teachers").await.expect(200).body["indicator"], expected);

        let none = patch(json!(null)).await.expect(200);
        assert_eq!((&none.body["indicator"], &none.body["version"]), (&json!(null), &json!(7)));
        let refused = patch(json!({ "target": "5" })).await.expect(422);
        assert_eq!(refused.faults(), [fault("/indicator/unit", "required")]);
        let anew = patch(json!({ "unit": "人" })).await.expect(200);
        assert_eq!(
            anew.body["indicator"],
            json!({
                "name": null, "unit": "人", "baseline": null, "target": null, "direction": "rising",
                "accumulation": "cumulative"
            })
        );
    });
}

/// Actual, completion, expected, pace, reported to.
async fn figures_of(client: &Client, code: &str, as_of: &str) -> Value {
    let read = client.get(&format!("commitments/{code}?as_of={as_of}")).await.expect(200).body;
    ["actual", "completion", "expected", "pace", "reported_to"].map(|name| read[name].clone()).into_iter().collect()
}

#[test]
fn figures_of_a_commitment_follow_from_its_approved_reports() {
    let months = [("2022-01-01", "2022-01-31"), ("2022-02-01", "2022-02-28"), ("2022-03-01", "2022-03-31")];
    let last = |baseline: Value, target: &str| {
        let numbers = json!({ "baseline": baseline, "target": target });
        with(json!({ "unit": "户", "accumulation": "last" }), numbers)
    };
    let falling = |baseline: Value| with(last(baseline, "100"), json!({ "direction": "falling" }));
    let sum_of_less = |baseline: Value| with(falling(baseline), json!({ "accumulation": "cumulative" }));
    let rising = |target: Value| json!({ "unit": "人", "target": target });
    let (february, march) = ("2022-02-28", "2022-03-31");
    // Indicator, values of the months, date, expected figures. 16.16 % and 24.66 % of the year have elapsed.
    let cases = [
        (rising(json!("100")), ["10", "5", "3"], february, json!(["15", 15.0, 16.16, "behind", february])),
        (rising(json!("100")), ["10", "5", "10"], march, json!(["25", 25.0, 24.66, "on_track", march])),
        (rising(json!("50")), ["10", "5", "10"], march, json!(["25", 50.0, 24.66, "ahead", march])),
        (rising(json!("100")), ["10", "", "0.5"], march, json!(["10.5", 10.5, 24.66, "behind", march])),
        (rising(json!(null)), ["10", "5", "10"], march, json!(["25", null, 24.66, "unknown", march])),
        (json!(null), ["10", "5", "10"], march, json!([null, null, 24.66, "unknown", march])),
        (rising(json!("100")), ["", "", ""], march, json!([null, null, 24.66, "unknown", march])),
        (rising(json!("100")), ["0", "", ""], march, json!(["0", 0.0, 24.66, "behind", march])),
        (last(json!("20"), "40"), ["22", "25", ""], march, json!(["25", 25.0, 24.66, "on_track", march])),
        (last(json!("20"), "40"), ["22", "25", "19"], march, json!(["19", -5.0, 24.66, "behind", march])),
        (last(json!(null), "40"), ["22", "25", "30"], february, json!(["25", 62.5, 16.16, "ahead", february])),
        (falling(json!("500")), ["450", "400", "300"], march, json!(["300", 50.0, 24.66, "ahead", march])),
        (falling(json!("500")), ["450", "436", "300"], february, json!(["436", 16.0, 16.16, "on_track", february])),
        (falling(json!("500")), ["510", "", ""], february, json!(["510", -2.5, 16.16, "behind", february])),
        (sum_of_less(json!("500")), ["50", "30", "20"], march, json!(["400", 25.0, 24.66, "on_track", march])),
        // Without a baseline the completion of a falling indicator is unknown until the target is reached.
        (falling(json!(null)), ["300", "200", "150"], march, json!(["150", null, 24.66, "unknown", march])),
        (falling(json!(null)), ["300", "200", "100"], march, json!(["100", 100.0, 24.66, "ahead", march])),
        (sum_of_less(json!(null)), ["50", "30", "20"], march, json!([null, null, 24.66, "unknown", march])),
        (rising(json!("100")), ["10", "5", "3"], "2022-01-30", json!([null, null, 8.22, "unknown", null])),
    ];
    on_each(|database| {
        let cases = cases.clone();
        async move {
            let client = database.client();
            for (number, (indicator, values, as_of, wanted)) in cases.into_iter().enumerate() {
                let code = format!("case-{number}");
                create(&client, "commitments", with(commitment(&code), json!({ "indicator": indicator }))).await;
                for ((start, end), value) in months.into_iter().zip(values) {
                    let words =
                        json!({ "narrative": "按月报送", "value": if value.is_empty() { None } else { Some(value) } });
                    create(&client, "progress-reports", with(approved(&code, start, end, value), words)).await;
                }
                // A draft is not counted.
                create(&client, "progress-reports", report(&code, "2021-12-01", "2021-12-31", "1000")).await;
                assert_eq!(figures_of(&client, &code, as_of).await, wanted, "{indicator} {values:?} on {as_of}");
            }
        }
    });
}

#[test]
fn a_commitment_without_dates_takes_the_term_of_its_agreement() {
    let year = json!({ "effective_on": "2022-01-01", "expires_on": "2022-12-31" });
    let own = |starts_on: Value, due_on: Value| json!({ "starts_on": starts_on, "due_on": due_on });
    let none = || own(json!(null), json!(null));
    // The agreement's dates, the commitment's dates, the date of the query; the expected figures of a commitment half of which
    // was reported by the end of June.
    let cases = [
        (year.clone(), none(), "2022-06-30", json!([49.59, "on_track"])),
        (with(year.clone(), json!({ "signed_on": "2021-07-01" })), none(), "2022-06-30", json!([49.59, "on_track"])),
        (
            json!({ "signed_on": "2022-01-01", "expires_on": "2022-12-31" }),
            none(),
            "2022-06-30",
            json!([49.59, "on_track"]),
        ),
        (year.clone(), own(json!("2022-06-01"), json!(null)), "2022-06-30", json!([14.02, "ahead"])),
        (year.clone(), own(json!(null), json!("2022-06-30")), "2022-06-30", json!([100.0, "behind"])),
        (year.clone(), own(json!("2022-06-01"), json!("2022-07-30")), "2022-06-30", json!([50.0, "on_track"])),
        (json!({ "effective_on": "2022-01-01" }), none(), "2022-06-30", json!([null, "unknown"])),
        (json!({ "expires_on": "2022-12-31" }), none(), "2022-06-30", json!([null, "unknown"])),
        // The period has not begun, by the commitment's first day or by the agreement's.
        (year.clone(), own(json!("2022-07-01"), json!(null)), "2022-06-30", json!([0.0, "unknown"])),
        (
            json!({ "effective_on": "2022-07-01", "expires_on": "2022-12-31" }),
            none(),
            "2022-06-30",
            json!([0.0, "unknown"]),
        ),
        // A first day after the last day of the agreement makes no valid period.
        (year.clone(), own(json!("2023-03-01"), json!(null)), "2023-06-30", json!([null, "unknown"])),
        (year, own(json!("2023-01-01"), json!(null)), "2023-06-30", json!([null, "unknown"])),
    ];
    on_each(|database| {
        let cases = cases.clone();
        async move {
            let client = database.client();
            for (number, (term, days, as_of, wanted)) in cases.into_iter().enumerate() {
                let code = format!("case-{number}");
                create(&client, "agreements", with(agreement(&code), term.clone())).await;
                let body = with(commitment(&code), with(days.clone(), json!({ "agreement": code })));
                create(&client, "commitments", body).await;
                let half = approved(&code, "2022-01-01", "2022-06-30", "50");
                create(&client, "progress-reports", half).await;
                let read = client.get(&format!("commitments/{code}?as_of={as_of}")).await.expect(200).body;
                assert_eq!(json!([read["expected"], read["pace"]]), wanted, "{days} in {term} on {as_of}");
                assert_eq!(
                    (&read["starts_on"], &read["due_on"]),
                    (&days["starts_on"], &days["due_on"]),
                    "its own alone"
                );
            }
        }
    });
}

#[test]
fn filters_select_commitments_and_those_without_a_date_sort_last() {
    on_each(|database| async move {
        let client = database.client();
        for (code, fields) in [
            ("undated", json!({ "due_on": null, "clause": "第三条", "sector": "education" })),
            ("early", json!({ "due_on": "2022-06-30", "responsible": ["jiangmen-polytechnic", "cpc-jiangmen"] })),
            ("late", json!({ "agreement": "heshan-kaiping-framework-2022", "text": { "zh": "共建园区道路" } })),
        ] {
            create(&client, "commitments", with(commitment(code), fields)).await;
        }
        for (query, codes) in [
            ("sort=due_on", vec!["early", "late", "undated"]),
            ("sort=-due_on", vec!["undated", "late", "early"]),
            ("sort=-id", vec!["late", "early", "undated"]),
            ("pairing=xinhui-taishan", vec!["undated", "early"]),
            ("programme=jiangmen-east-west", vec!["undated", "early", "late"]),
            ("agreement=heshan-kaiping-framework-2022", vec!["late"]),
            ("sector=education", vec!["undated"]),
            ("responsible=cpc-jiangmen", vec!["early"]),
            ("due_from=2022-06-30&due_to=2022-12-30", vec!["early"]),
            ("due_from=2022-07-01", vec!["late"]),
            ("q=第三条", vec!["undated"]),
            ("q=园区道路", vec!["late"]),
        ] {
            assert_eq!(listed(&client, "commitments", query).await, codes, "{query}");
        }
        let read = client.get("commitments/early").await.expect(200).body;
        assert_eq!(codes_of(&read["responsible"]), ["jiangmen-polytechnic", "cpc-jiangmen"]);
        for name in ["pairing", "programme", "agreement", "sector", "responsible"] {
            let refused = client.get(&format!("commitments?{name}=nowhere")).await.expect(422);
            assert_eq!(refused.faults(), [fault(&format!("/query/{name}"), "unknown_reference")]);
        }
        create(&client, "progress-reports", report("late", "2022-01-01", "2022-01-31", "5")).await;
        for (path, by) in [
            ("commitments/late", "progress-reports"),
            ("agreements/heshan-kaiping-framework-2022", "commitments"),
            ("sectors/education", "commitments"),
        ] {
            let refused = client.delete(path).await.expect(409);
            assert!(refused.body["errors"].to_string().contains(by), "{}", refused.body);
        }
        client.delete("commitments/early").await.expect(204);
    });
}
