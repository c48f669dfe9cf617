//! Lists of transactions: each filter, and the order by value date.

use serde_json::json;

use super::transactions::{create_places, entry};
use crate::common::records::{create, fault, listed, with};
use crate::common::{Client, on_each};

/// Entries `a` to `f`, of which `e` reverses `c`.
async fn create_some(client: &Client) {
    create_places(client).await;
    create(client, "programmes", json!({ "code": "other", "name": { "zh": "另一计划" } })).await;
    create(client, "funds", json!({ "code": "far", "programme": "other", "name": { "zh": "外地资金" } })).await;
    for (code, fields) in [
        ("a", json!({ "kind": "pledge", "fund": "pot", "provider": "cpc-jiangmen", "value_on": "2022-03-01" })),
        ("b", json!({ "kind": "commitment", "pairing": "xinhui-taishan", "fund": "pot", "value_on": "2022-02-01" })),
        (
            "c",
            json!({ "project": "park", "receiver": "taishan-industrial-new-town", "pass_through": true, "note": "园区" }),
        ),
        ("d", json!({ "kind": "expenditure", "project": "school", "fund": "far", "value_on": "2022-06-01" })),
        ("e", json!({ "kind": "reversal", "reverses": "c", "amount": "1" })),
        ("f", json!({ "kind": "pledge", "fund": "far", "value_on": "2021-12-31" })),
    ] {
        create(client, "transactions", with(entry(code), fields)).await;
    }
}

#[test]
fn every_filter_selects_transactions() {
    on_each(|database| async move {
        let client = database.client();
        create_some(&client).await;
        for (query, codes) in [
            ("programme=jiangmen-east-west", &["a", "b", "c", "d", "e"][..]),
            ("programme=other", &["d", "f"]),
            ("pairing=xinhui-taishan", &["b", "c", "e"]),
            ("pairing=xinhui-taishan&fund=pot", &["b"]),
            ("project=park", &["c", "e"]),
            ("fund=pot", &["a", "b"]),
            ("provider=cpc-jiangmen", &["a"]),
            ("receiver=taishan-industrial-new-town", &["c", "e"]),
            ("receiver=cpc-jiangmen", &[]),
            ("reverses=c", &["e"]),
            ("reverses=a", &[]),
            ("kind=pledge", &["a", "f"]),
            ("kind=pledge&kind=reversal", &["a", "e", "f"]),
            ("pass_through=true", &["c", "e"]),
            ("pass_through=false", &["a", "b", "d", "f"]),
            ("value_from=2022-03-01", &["a", "c", "d", "e"]),
            ("value_to=2022-03-01", &["a", "b", "f"]),
            ("value_from=2022-02-01&value_to=2022-03-01", &["a", "b"]),
            ("q=园区", &["c"]),
            ("q=学校", &[]),
            ("updated_since=2999-01-01T00:00:00Z", &[]),
            ("updated_since=2020-01-01T00:00:00Z", &["a", "b", "c", "d", "e", "f"]),
        ] {
            assert_eq!(listed(&client, "transactions", &format!("sort=id&{query}")).await, codes, "{query}");
        }
        for name in ["programme", "pairing", "project", "fund", "provider", "receiver", "reverses"] {
            let refused = client.get(&format!("transactions?{name}=none")).await.expect(422);
            assert_eq!(refused.faults(), [fault(&format!("/query/{name}"), "unknown_reference")]);
        }
    });
}

#[test]
fn transactions_are_ordered_by_value_date_by_default() {
    on_each(|database| async move {
        let client = database.client();
        create_some(&client).await;
        for (query, codes) in [
            ("", ["f", "b", "a", "c", "e", "d"]),
            ("sort=value_on", ["f", "b", "a", "c", "e", "d"]),
            ("sort=-value_on", ["d", "e", "c", "a", "b", "f"]),
            ("sort=id", ["a", "b", "c", "d", "e", "f"]),
            ("sort=-updated_at", ["f", "e", "d", "c", "b", "a"]),
        ] {
            assert_eq!(listed(&client, "transactions", query).await, codes, "{query}");
        }
        client.get("transactions?sort=code").await.expect(400);
    });
}
