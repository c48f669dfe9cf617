//! Reversals: what they may reverse, how much, where they are booked, and concurrent ones.

use serde_json::{Value, json};

use super::transactions::{create_places, entry};
use crate::common::builders::{block_on, in_threads, on_each_with_own_runtime};
use crate::common::on_each;
use crate::common::records::{create, fault, message_at, with};

/// The fields that make an entry the reversal of another.
fn reversal_of(code: &str) -> Value {
    json!({ "kind": "reversal", "reverses": code })
}

#[test]
fn a_reversal_is_booked_on_the_same_records_as_the_original() {
    on_each(|database| async move {
        let client = database.client();
        create_places(&client).await;
        let places = json!({
            "fund": "pot", "project": "park", "pass_through": true,
            "provider": "jiangmen-government", "receiver": "taishan-industrial-new-town"
        });
        let original = create(&client, "transactions", with(entry("first"), places.clone())).await.body;
        let whole = with(places, json!({ "pairing": "xinhui-taishan" }));
        let mut same = vec![json!({}), whole.clone()];
        same.extend(whole.as_object().expect("an object").iter().map(|(name, value)| json!({ name: value })));
        for given in same {
            let back = with(
                with(entry("x"), reversal_of("first")),
                with(json!({ "code": null, "amount": "1" }), given.clone()),
            );
            let read = create(&client, "transactions", back).await.body;
            for field in ["fund", "pairing", "project", "provider", "receiver", "pass_through"] {
                assert_eq!(read[field], original[field], "{field} of {given}");
            }
            assert_eq!((&read["reverses"]["code"], &read["currency"]), (&json!("first"), &json!("CNY")));
        }
    });
}

#[test]
fn invalid_reversals_are_refused_at_the_faulty_field() {
    on_each(|database| async move {
        let client = database.client();
        create_places(&client).await;
        create(
            &client,
            "funds",
            json!({ "code": "other", "programme": "jiangmen-east-west", "name": { "zh": "另一" } }),
        )
        .await;
        let places = json!({ "fund": "pot", "pairing": "xinhui-taishan", "provider": "jiangmen-government" });
        create(&client, "transactions", with(entry("first"), places)).await;
        create(&client, "transactions", with(entry("foreign"), json!({ "currency": "USD", "pass_through": true })))
            .await;
        create(&client, "transactions", with(with(entry("back"), reversal_of("first")), json!({ "amount": "1" })))
            .await;
        for (original, wrong, faults) in [
            ("back", json!({ "amount": "1" }), vec![fault("/reverses", "not_reversible")]),
            ("first", json!({ "amount": "99.01" }), vec![fault("/amount", "exceeds_rest")]),
            ("first", json!({ "amount": "0" }), vec![fault("/amount", "not_positive")]),
            ("first", json!({ "currency": "USD" }), vec![fault("/currency", "other_currency")]),
            ("foreign", json!({ "currency": "CNY" }), vec![fault("/currency", "other_currency")]),
            ("first", json!({ "value_on": "2022-04-30" }), vec![fault("/value_on", "before_start")]),
            ("first", json!({ "fund": "other" }), vec![fault("/fund", "differs")]),
            ("first", json!({ "pairing": "heshan-kaiping" }), vec![fault("/pairing", "differs")]),
            ("first", json!({ "project": "park" }), vec![fault("/project", "differs")]),
            ("first", json!({ "provider": "cpc-jiangmen" }), vec![fault("/provider", "differs")]),
            ("first", json!({ "receiver": "cpc-jiangmen" }), vec![fault("/receiver", "differs")]),
            ("first", json!({ "pass_through": true }), vec![fault("/pass_through", "differs")]),
            ("foreign", json!({ "currency": "USD", "pass_through": false }), vec![fault("/pass_through", "differs")]),
            (
                "first",
                json!({
                    "amount": "500", "currency": "USD", "value_on": "2021-05-01", "fund": "other",
                    "receiver": "cpc-jiangmen"
                }),
                vec![
                    fault("/currency", "other_currency"),
                    fault("/value_on", "before_start"),
                    fault("/amount", "exceeds_rest"),
                    fault("/fund", "differs"),
                    fault("/receiver", "differs"),
                ],
            ),
        ] {
            let back =
                with(with(with(entry("wrong"), json!({ "amount": "99" })), reversal_of(original)), wrong.clone());
            let refused = client.post("transactions", back).await.expect(422);
            assert_eq!(refused.faults(), faults, "{original} by {wrong}");
        }
        let last = json!({ "amount": "99", "value_on": "2022-05-01" });
        create(&client, "transactions", with(with(entry("last"), reversal_of("first")), last)).await;
    });
}

#[test]
fn reversals_together_cannot_exceed_the_original() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "transactions", entry("first")).await;
        for (amount, on, status, left) in [
            ("100.01", "2022-05-02", 422, "100.00"),
            ("60.00", "2022-05-02", 201, ""),
            ("40.01", "2022-06-02", 422, "40.00"),
            ("39.99", "2022-07-02", 201, ""),
            ("0.02", "2022-07-02", 422, "0.01"),
            ("0.01", "2022-07-02", 201, ""),
            ("0.01", "2022-07-02", 422, "0.00"),
        ] {
            let back = json!({ "code": null, "amount": amount, "value_on": on });
            let response =
                client.post("transactions", with(with(entry("x"), reversal_of("first")), back)).await.expect(status);
            if status == 422 {
                assert_eq!(response.faults(), [fault("/amount", "exceeds_rest")]);
                assert!(message_at(&response, "/amount").ends_with(left), "{}", response.body);
            }
        }
        for (as_of, reversed) in
            [("2022-05-01", "0.00"), ("2022-05-02", "60.00"), ("2022-07-01", "60.00"), ("2022-07-02", "100.00")]
        {
            let read = client.get(&format!("transactions/first?as_of={as_of}")).await.expect(200).body;
            assert_eq!((&read["reversed"], &read["version"]), (&json!(reversed), &json!(1)), "{as_of}");
            let list = client.get(&format!("transactions?limit=1&sort=id&as_of={as_of}&kind=disbursement")).await;
            assert_eq!(list.expect(200).body["items"][0]["reversed"], reversed);
        }
        assert_eq!(client.get("transactions/first").await.expect(200).body["reversed"], "100.00");
    });
}

#[test]
fn concurrent_reversals_cannot_exceed_the_original() {
    on_each_with_own_runtime(|_, client| {
        block_on(async || {
            for round in 0..10 {
                create(&client, "transactions", entry(&format!("round-{round}"))).await;
            }
        });
        let taken = in_threads(&client, 4, async |client, _| {
            let mut taken = [0; 10];
            for (round, taken) in taken.iter_mut().enumerate() {
                for _ in 0..2 {
                    let back = json!({ "code": null, "amount": "30.00" });
                    let new = with(with(entry("x"), reversal_of(&format!("round-{round}"))), back);
                    let response = client.post("transactions", new).await;
                    match response.status.as_u16() {
                        201 => *taken += 1,
                        _ => assert_eq!(response.expect(422).faults(), [fault("/amount", "exceeds_rest")]),
                    }
                }
            }
            taken
        });
        block_on(async || {
            for round in 0..10 {
                let times: i32 = taken.iter().map(|taken| taken[round]).sum();
                assert_eq!(times, 3, "three times thirty of a hundred");
                let read = client.get(&format!("transactions/round-{round}")).await.expect(200).body;
                assert_eq!(read["reversed"], "90.00");
            }
        });
    });
}
