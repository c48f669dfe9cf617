//! Lists of conferences: filters, and the order by date.

use serde_json::json;

use crate::common::builders::walk;
use crate::common::records::{codes_of, column, conference, create, fault, listed, with};
use crate::common::{Client, on_each};

async fn create_some(client: &Client) {
    for (code, fields) in [
        ("undated", json!({ "kind": "promotion", "host_region": "taishan", "venue": "侨都文旅广场" })),
        (
            "planned",
            json!({
                "held_on": "2999-01-01", "sequence_number": 2,
                "participants": [{ "organization": "jiangmen-polytechnic" }]
            }),
        ),
        (
            "held",
            json!({
                "held_on": "2022-04-11", "status": "held", "kind": "inspection",
                "participants": [{ "region": "jiangmen" }]
            }),
        ),
        (
            "called-off",
            json!({
                "held_on": "2022-05-01", "status": "cancelled", "pairing": "heshan-kaiping",
                "host_region": "taishan"
            }),
        ),
    ] {
        create(client, "conferences", with(conference(code), fields)).await;
    }
}

#[test]
fn filters_select_conferences() {
    on_each(|database| async move {
        let client = database.client();
        create_some(&client).await;
        let (pengjiang, xinhui, heshan) = (
            "pengjiang-jianghai-enping-first-joint-conference",
            "xinhui-taishan-first-joint-conference",
            "heshan-kaiping-first-joint-conference",
        );
        for (query, codes) in [
            ("pairing=xinhui-taishan", vec!["held", "planned", "undated", xinhui]),
            ("programme=jiangmen-east-west&status=held", vec!["held", heshan, pengjiang, xinhui]),
            ("kind=promotion&kind=inspection", vec!["held", "undated"]),
            ("status=planned&status=cancelled", vec!["called-off", "planned", "undated"]),
            ("host_region=taishan", vec!["called-off", "undated"]),
            ("organization=jiangmen-polytechnic", vec!["planned"]),
            ("region=jiangmen", vec!["held"]),
            ("region=taishan", vec![xinhui]),
            ("held_from=2022-04-11&held_to=2022-05-01", vec!["called-off", "held", heshan]),
            ("held_from=2022-05-02", vec!["planned"]),
            ("held_to=2022-02-17", vec![]),
            ("q=侨都文旅", vec!["undated"]),
        ] {
            assert_eq!(listed(&client, "conferences", &format!("sort=code&{query}")).await, codes, "{query}");
        }
        for name in ["programme", "pairing", "host_region", "organization", "region"] {
            let refused = client.get(&format!("conferences?{name}=nowhere")).await.expect(422);
            assert_eq!(refused.faults(), [fault(&format!("/query/{name}"), "unknown_reference")]);
        }
    });
}

#[test]
fn conferences_without_a_date_sort_last_across_pages() {
    on_each(|database| async move {
        let client = database.client();
        create_some(&client).await;
        create(&client, "conferences", conference("undated-too")).await;
        let whole = client.get("conferences?sort=held_on&count=true").await.expect(200);
        let days = column(&whole, "/held_on");
        let dates = ["2022-02-18", "2022-03-31", "2022-04-11", "2022-04-11", "2022-05-01", "2999-01-01"];
        assert_eq!(days[..6], dates.map(|day| json!(day)));
        assert_eq!((&days[6..], &whole.body["total"]), (&[json!(null), json!(null)][..], &json!(8)));
        let order = whole.codes();
        assert_eq!(order[2..4], ["heshan-kaiping-first-joint-conference", "held"], "one day in the order of ids");
        let mut backwards = order.clone();
        backwards.reverse();
        for (sort, wanted) in [("held_on", order), ("-held_on", backwards)] {
            for limit in [1, 3] {
                let paged = walk(&client, "conferences", &format!("sort={sort}"), limit).await;
                assert_eq!(codes_of(&json!(paged)), wanted, "{sort} by {limit}");
            }
        }
    });
}
