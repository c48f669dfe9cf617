//! Transactions: a ledger to which entries are only added, each booked on an allowed record.

use actix_web::http::Method;
use pairing_tracker::access::Role;
use pairing_tracker::transfer::plan::Outcome;
use serde_json::{Value, json};

use crate::common::builders::walk;
use crate::common::files::{self, source};
use crate::common::records::{create, fault, with};
use crate::common::{Client, Database, on_each};

const GIVER: &str = "jiangmen-government";
const TAKER: &str = "taishan-industrial-new-town";

/// A disbursement of 100 yuan on 1 May 2022, booked on nothing.
pub fn entry(code: &str) -> Value {
    json!({ "code": code, "kind": "disbursement", "amount": "100.00", "value_on": "2022-05-01" })
}

/// A fund, and a project in each of two pairings.
pub async fn create_places(client: &Client) {
    let fund = json!({ "code": "pot", "programme": "jiangmen-east-west", "name": { "zh": "帮扶资金" } });
    create(client, "funds", fund).await;
    for (code, pairing) in [("park", "xinhui-taishan"), ("school", "heshan-kaiping")] {
        create(client, "projects", json!({ "code": code, "pairing": pairing, "title": { "zh": "项目" } })).await;
    }
}

fn sorted(mut faults: Vec<(String, String)>) -> Vec<(String, String)> {
    faults.sort();
    faults
}

#[test]
fn an_entry_reads_back_as_it_was_booked() {
    on_each(|database| async move {
        let client = database.client();
        create_places(&client).await;
        let bare = json!({ "kind": "pledge", "amount": "5", "value_on": "2022-05-01" });
        let made = create(&client, "transactions", bare).await.body;
        let nothing = json!({
            "code": null, "version": 1, "kind": "pledge", "amount": "5.00", "currency": "CNY", "fund": null,
            "pairing": null, "project": null, "provider": null, "receiver": null, "reverses": null,
            "pass_through": false, "reversed": "0.00", "note": null, "citations": []
        });
        assert_eq!(made, with(made.clone(), nothing));

        let fields = json!({
            "amount": "999999999999.99", "currency": "USD", "fund": "pot", "pairing": "xinhui-taishan",
            "project": "park", "provider": GIVER, "receiver": TAKER, "pass_through": true, "note": "首批"
        });
        let made = create(&client, "transactions", with(entry("whole"), fields.clone())).await.body;
        for field in ["amount", "currency", "pass_through", "note"] {
            assert_eq!(made[field], fields[field], "{field}");
        }
        for field in ["fund", "pairing", "project", "provider", "receiver"] {
            assert_eq!(made[field]["code"], fields[field], "{field}");
        }
        assert_eq!(client.get("transactions/whole").await.expect(200).body, made);
    });
}

#[test]
fn an_entry_is_named_by_kind_amount_and_date() {
    on_each(|database| async move {
        let client = database.client();
        for (kind, zh, en) in [
            ("pledge", "承诺 0.05 USD（2022-05-01）", "pledge of 0.05 USD on 2022-05-01"),
            ("commitment", "安排 0.05 USD（2022-05-01）", "commitment of 0.05 USD on 2022-05-01"),
            ("disbursement", "拨付 0.05 USD（2022-05-01）", "disbursement of 0.05 USD on 2022-05-01"),
            ("expenditure", "支出 0.05 USD（2022-05-01）", "expenditure of 0.05 USD on 2022-05-01"),
        ] {
            let small = json!({ "kind": kind, "amount": "0.05", "currency": "USD" });
            let id = create(&client, "transactions", with(entry(kind), small.clone())).await.body["id"].clone();
            let back = json!({ "code": null, "kind": "reversal", "reverses": kind });
            let read = create(&client, "transactions", with(entry(kind), with(small, back))).await.body;
            assert_eq!(read["reverses"], json!({ "id": id, "code": kind, "name": { "zh": zh, "en": en } }));
        }
    });
}

#[test]
fn invalid_entries_are_refused_at_the_faulty_field() {
    on_each(|database| async move {
        let client = database.client();
        create_places(&client).await;
        create(&client, "transactions", entry("first")).await;
        let mut cases = vec![
            (json!({ "amount": "0" }), vec![fault("/amount", "not_positive")]),
            (json!({ "amount": "0.00" }), vec![fault("/amount", "not_positive")]),
            (json!({ "amount": "-1" }), vec![fault("/amount", "pattern")]),
            (json!({ "amount": "0.001" }), vec![fault("/amount", "pattern")]),
            (json!({ "amount": "1000000000000" }), vec![fault("/amount", "pattern")]),
            (json!({ "amount": 1 }), vec![fault("/amount", "type")]),
            (json!({ "currency": "yuan" }), vec![fault("/currency", "pattern"), fault("/currency", "too_long")]),
            (json!({ "kind": "gift" }), vec![fault("/kind", "enum")]),
            (json!({ "kind": "reversal" }), vec![fault("/reverses", "required")]),
            (json!({ "provider": TAKER, "receiver": TAKER }), vec![fault("/receiver", "same")]),
            (json!({ "project": "park", "pairing": "heshan-kaiping" }), vec![fault("/project", "other_pairing")]),
            (
                json!({
                    "fund": "none", "pairing": "none", "project": "none", "provider": "none", "receiver": "none",
                    "amount": "0", "kind": "reversal", "reverses": "none"
                }),
                [
                    ("/amount", "not_positive"),
                    ("/fund", "unknown_reference"),
                    ("/pairing", "unknown_reference"),
                    ("/project", "unknown_reference"),
                    ("/provider", "unknown_reference"),
                    ("/receiver", "unknown_reference"),
                    ("/reverses", "unknown_reference"),
                ]
                .map(|(pointer, code)| fault(pointer, code))
                .to_vec(),
            ),
        ];
        for kind in ["pledge", "commitment", "disbursement", "expenditure"] {
            cases.push((json!({ "kind": kind, "reverses": "first" }), vec![fault("/reverses", "not_for_kind")]));
        }
        for (wrong, faults) in cases {
            let refused = client.post("transactions", with(entry("wrong"), wrong.clone())).await.expect(422);
            assert_eq!(sorted(refused.faults()), faults, "{wrong}");
        }
        for required in ["kind", "amount", "value_on"] {
            let mut body = entry("wrong");
            body.as_object_mut().expect("an object").remove(required);
            let refused = client.post("transactions", body).await.expect(422);
            assert_eq!(refused.faults(), [fault(&format!("/{required}"), "required")]);
        }
        let refused =
            client.post("transactions", with(entry("wrong"), json!({ "reversed": "1.00" }))).await.expect(400);
        assert_eq!(refused.faults(), [fault("/reversed", "unknown_field")]);
        create(&client, "transactions", with(entry("fen"), json!({ "amount": "0.01" }))).await;
        assert_eq!(client.post("transactions", entry("fen")).await.expect(409).faults(), [fault("/code", "taken")]);
    });
}

#[test]
fn an_entry_takes_the_pairing_of_its_project_which_cannot_move_afterwards() {
    on_each(|database| async move {
        let client = database.client();
        create_places(&client).await;
        let made = create(&client, "transactions", with(entry("a"), json!({ "project": "park" }))).await.body;
        assert_eq!(made["pairing"]["code"], "xinhui-taishan");
        let elsewhere = json!({ "pairing": "heshan-kaiping" });
        assert_eq!(client.patch("projects/park", elsewhere.clone()).await.expect(409).body["code"], "referred_to");
        client.patch("projects/park", json!({ "status": "planned" })).await.expect(200);
        client.patch("projects/school", json!({ "pairing": "xinhui-taishan" })).await.expect(200);

        // An agreement cannot move a project with money along, so the agreement is fixed as well.
        let agreement =
            json!({ "code": "plan", "pairing": "xinhui-taishan", "kind": "other", "title": { "zh": "草案" } });
        create(&client, "agreements", agreement).await;
        client.patch("projects/park", json!({ "agreement": "plan" })).await.expect(200);
        client.patch("agreements/plan", elsewhere).await.expect(409);
        assert_eq!(client.get("projects/park").await.expect(200).body["pairing"]["code"], "xinhui-taishan");
    });
}

#[test]
fn a_record_that_money_is_booked_on_cannot_be_deleted() {
    on_each(|database| async move {
        let client = database.client();
        create_places(&client).await;
        for code in ["giver", "taker"] {
            let organization =
                json!({ "code": code, "name": { "zh": code }, "kind": "department", "region": "taishan" });
            create(&client, "organizations", organization).await;
        }
        let places = json!({ "fund": "pot", "project": "park", "provider": "giver", "receiver": "taker" });
        create(&client, "transactions", with(entry("a"), places)).await;
        for path in
            ["funds/pot", "projects/park", "organizations/giver", "organizations/taker", "pairings/xinhui-taishan"]
        {
            let refused = client.delete(path).await.expect(409);
            let words: Vec<&str> =
                refused.body["errors"].as_array().into_iter().flatten().filter_map(|e| e["message"].as_str()).collect();
            assert!(words.iter().any(|words| words.contains("transactions")), "{path}: {words:?}");
        }
    });
}

#[test]
fn an_entry_cannot_be_changed_or_deleted() {
    on_each(|database| async move {
        let client = database.client();
        let before = create(&client, "transactions", entry("a")).await.body;
        for method in [Method::PATCH, Method::DELETE, Method::PUT] {
            let body = (method != Method::DELETE).then(|| json!({ "amount": "1.00" }));
            let refused = client.send(method.clone(), "transactions/a", &[("If-Match", "*")], body).await.expect(405);
            assert_eq!(
                (&refused.body["code"], refused.header("allow")),
                (&json!("method_not_allowed"), "GET, HEAD"),
                "{method}"
            );
        }
        assert_eq!(client.get("transactions/a").await.expect(200).body, before);
        let reversal = json!({ "kind": "reversal", "reverses": "a" });
        create(&client, "transactions", with(entry("b"), reversal)).await;
        let events = walk(&client, "transactions/a/history", "", 100).await;
        assert_eq!(events.len(), 1, "a reversal is an entry of its own");
        assert_eq!((&events[0]["action"], &events[0]["after"]["amount"]), (&json!("create"), &json!("100.00")));
        assert!(events[0]["after"].get("reversed").is_none(), "what is computed is no part of the entry");
    });
}

/// Imports a bundle; returns the outcomes of its records, or the faults that it was refused with.
fn import_bundle(database: &Database, text: &str) -> Result<Vec<Outcome>, Vec<String>> {
    let lines = files::import_bundles(database, &mut [source("a.yaml", text)], true);
    lines
        .map(|lines| lines.iter().map(|line| line.outcome).collect())
        .map_err(|faults| faults.into_iter().map(|fault| fault.code).collect())
}

#[test]
fn a_bundle_adds_entries_and_changes_none() {
    let bundle = |amount: &str| {
        format!(
            "\
transactions:
  - {{code: back, kind: reversal, amount: \"40\", value_on: \"2022-06-01\", reverses: whole}}
  - {{code: whole, kind: pledge, amount: \"{amount}\", value_on: \"2022-05-01\", pairing: xinhui-taishan}}
"
        )
    };
    on_each(|database| async move {
        use Outcome::{Create, Unchanged};
        assert_eq!(import_bundle(&database, &bundle("100")), Ok(vec![Create, Create]), "what is reversed comes first");
        assert_eq!(import_bundle(&database, &bundle("100.00")), Ok(vec![Unchanged, Unchanged]));
        assert_eq!(import_bundle(&database, &bundle("90")), Err(vec!["append_only".to_owned()]));
        let read = database.client().get("transactions/whole").await.expect(200).body;
        assert_eq!((&read["amount"], &read["reversed"]), (&json!("100.00"), &json!("40.00")));
        let back = database.client().get("transactions/back").await.expect(200).body;
        assert_eq!(back["pairing"]["code"], "xinhui-taishan");
    });
}

#[test]
fn an_editor_books_only_in_the_pairings_of_the_key() {
    on_each(|database| async move {
        let admin = database.client();
        create_places(&admin).await;
        let editor = admin.with_key(database.key("of one", Role::Editor, &["xinhui-taishan"]));
        let everywhere = admin.with_key(database.key("of all", Role::Editor, &[]));
        for (code, place) in [
            ("own", json!({ "pairing": "xinhui-taishan" })),
            ("foreign", json!({ "pairing": "heshan-kaiping" })),
            ("shared", json!({ "fund": "pot" })),
        ] {
            create(&everywhere, "transactions", with(entry(code), place)).await;
        }
        let back = |code: &str| json!({ "kind": "reversal", "reverses": code, "amount": "1.00" });
        for (place, status) in [
            (json!({ "pairing": "xinhui-taishan" }), 201),
            (json!({ "project": "park", "fund": "pot" }), 201),
            (back("own"), 201),
            (json!({ "pairing": "heshan-kaiping" }), 403),
            (json!({ "project": "school" }), 403),
            (back("foreign"), 403),
            (with(back("foreign"), json!({ "pairing": "xinhui-taishan" })), 403),
            (json!({ "fund": "pot" }), 403),
            (json!({}), 403),
            (back("shared"), 403),
        ] {
            let mut new = with(entry("x"), place.clone());
            new["code"] = json!(null);
            let response = editor.post("transactions", new.clone()).await;
            assert_eq!(response.status.as_u16(), status, "{place}: {}", response.body);
            // A caller who may not write there must not learn which codes are taken.
            new["code"] = json!("own");
            let response = editor.post("transactions", new).await;
            assert_eq!(
                response.status.as_u16(),
                if status == 201 { 409 } else { status },
                "{place}: {}",
                response.body
            );
        }
        editor.anonymous().post("transactions", entry("x")).await.expect(401);
        let read = admin.get("transactions/foreign").await.expect(200).body;
        assert_eq!(read["reversed"], "0.00");
    });
}
