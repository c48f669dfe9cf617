//! What each role may do: readers without a key, invalid keys, viewers, editors in their pairings, administrators.

use actix_web::http::Method;
use pairing_tracker::access::Role;
use serde_json::{Value, json};

use crate::common::builders::bare_agreement;
use crate::common::records::{create, milestone, pairing, with};
use crate::common::{Client, Database, on_each};

const OWN: &str = "xinhui-taishan";
const FOREIGN: &str = "heshan-kaiping";

/// A key that may write in [`OWN`] only.
fn editor(database: &Database, client: &Client) -> Client {
    client.with_key(database.key("editor of one", Role::Editor, &[OWN]))
}

fn refused(response: crate::common::client::Response) {
    assert_eq!(response.expect(403).body["code"], "forbidden");
}

/// The responses to a create, a change and a deletion.
async fn write_all(client: &Client, path: &str, code: &str, new: Value, change: Value) -> [u16; 3] {
    let item = format!("{path}/{code}");
    let created = client.post(path, new).await.status.as_u16();
    let changed = client.patch(&item, change).await.status.as_u16();
    let deleted = client.delete(&item).await.status.as_u16();
    [created, changed, deleted]
}

#[test]
fn an_editor_writes_only_in_the_pairings_of_the_key() {
    on_each(|database| async move {
        let admin = database.client();
        let editor = editor(&database, &admin);
        let note = || json!({ "note": "改" });
        let at = |code: &str, agreement: &str| with(milestone(code), json!({ "agreement": agreement }));
        assert_eq!(write_all(&editor, "agreements", "own", bare_agreement("own", OWN), note()).await, [201, 200, 204]);
        let own = at("own-point", "xinhui-taishan-framework-2022");
        assert_eq!(write_all(&editor, "milestones", "own-point", own, note()).await, [201, 200, 204]);
        editor.patch("pairings/xinhui-taishan", note()).await.expect(200);
        let amendment = || json!({ "title": { "zh": "变更" } });
        editor.post("agreements/xinhui-taishan-framework-2022/amendments", amendment()).await.expect(201);

        create(&admin, "agreements", bare_agreement("foreign", FOREIGN)).await;
        create(&admin, "milestones", at("foreign-point", "foreign")).await;
        refused(editor.post("agreements", bare_agreement("new-foreign", FOREIGN)).await);
        refused(editor.post("milestones", at("new-foreign-point", "foreign")).await);
        for path in ["milestones/foreign-point", "agreements/heshan-kaiping-framework-2022", "pairings/heshan-kaiping"]
        {
            refused(editor.patch(path, note()).await);
            // An empty patch changes nothing and returns the record, so it is refused too.
            refused(editor.patch(path, json!({})).await);
        }
        refused(editor.delete("milestones/foreign-point").await);
        refused(editor.post("agreements/heshan-kaiping-framework-2022/amendments", amendment()).await);
        let met = "milestones/heshan-kaiping-first-joint-conference-held";
        refused(editor.post(&format!("{met}/confirmations"), json!({ "side": "supporter" })).await);
        refused(editor.post("pairings", pairing("of-nobody-yet")).await);
        admin.delete("milestones/foreign-point").await.expect(204);
        refused(editor.delete("agreements/foreign").await);
        admin.get("agreements/foreign").await.expect(200);
        assert_eq!(admin.get(met).await.expect(200).body["supporter_confirmed_at"], Value::Null);
    });
}

#[test]
fn an_editor_cannot_move_records_into_or_out_of_another_pairing() {
    on_each(|database| async move {
        let admin = database.client();
        let editor = editor(&database, &admin);
        for (code, pairing) in [("own", OWN), ("foreign", FOREIGN)] {
            create(&admin, "agreements", bare_agreement(code, pairing)).await;
            let point = with(milestone(&format!("{code}-point")), json!({ "agreement": code }));
            create(&admin, "milestones", point).await;
        }
        refused(editor.patch("agreements/own", json!({ "pairing": FOREIGN })).await);
        refused(editor.patch("agreements/foreign", json!({ "pairing": OWN })).await);
        refused(editor.patch("milestones/own-point", json!({ "agreement": "foreign" })).await);
        refused(editor.patch("milestones/foreign-point", json!({ "agreement": "own" })).await);
        for (path, pairing) in [("milestones/own-point", OWN), ("milestones/foreign-point", FOREIGN)] {
            assert_eq!(admin.get(path).await.expect(200).body["pairing"]["code"], pairing);
        }
        admin.patch("agreements/own", json!({ "pairing": FOREIGN })).await.expect(200);
        let moved = admin.get("milestones/own-point").await.expect(200);
        assert_eq!(moved.body["pairing"]["code"], FOREIGN, "a milestone follows its agreement");
    });
}

#[test]
fn an_editor_of_some_pairings_cannot_write_shared_records() {
    on_each(|database| async move {
        let admin = database.client();
        let editor = editor(&database, &admin);
        let everywhere = admin.with_key(database.key("editor of all", Role::Editor, &[]));
        let name = json!({ "zh": "共用" });
        for (path, new, change) in [
            ("regions", json!({ "code": "shared", "name": name, "level": "county" }), json!({ "note": "改" })),
            (
                "organizations",
                json!({ "code": "shared", "name": name, "kind": "other", "region": "enping" }),
                json!({ "kind": "park" }),
            ),
            ("sectors", json!({ "code": "shared", "name": name }), json!({ "vocabulary": "改" })),
            ("programmes", json!({ "code": "shared", "name": name }), json!({ "lead_body": "改" })),
        ] {
            refused(editor.post(path, new.clone()).await);
            create(&admin, path, new.clone()).await;
            refused(editor.patch(&format!("{path}/shared"), change.clone()).await);
            refused(editor.delete(&format!("{path}/shared")).await);
            everywhere.patch(&format!("{path}/shared"), change).await.expect(200);
            everywhere.delete(&format!("{path}/shared")).await.expect(204);
        }
    });
}

#[test]
fn a_document_belongs_to_the_pairings_of_the_key_that_created_it() {
    on_each(|database| async move {
        let admin = database.client();
        let editor = editor(&database, &admin);
        let foreign = admin.with_key(database.key("of another", Role::Editor, &[FOREIGN]));
        let both = admin.with_key(database.key("of both", Role::Editor, &[OWN, FOREIGN]));
        let document = |code: &str| json!({ "code": code, "title": { "zh": "纪要" } });
        let note = || json!({ "note": "改" });
        let attach = async |client: &Client, code: &str| {
            let headers = [("Content-Type", "text/plain")];
            let path = format!("documents/{code}/content");
            client.send_bytes(Method::PUT, &path, &headers, Some(b"text".to_vec())).await
        };
        let pairings = |record: &Value| -> Vec<Value> {
            record["pairings"].as_array().expect("pairings").iter().map(|pairing| pairing["code"].clone()).collect()
        };
        let change = json!({ "note": "改" });
        assert_eq!(write_all(&editor, "documents", "minutes", document("minutes"), change).await, [201, 200, 204]);

        let own = editor.post("documents", document("own")).await.expect(201).body;
        assert_eq!(pairings(&own), [OWN]);
        let joint = both.post("documents", document("joint")).await.expect(201).body;
        assert_eq!(pairings(&joint), [OWN, FOREIGN]);
        assert_eq!(pairings(&create(&admin, "documents", document("shared")).await.body), [] as [&str; 0]);
        let listed = admin.get(&format!("documents?pairing={FOREIGN}")).await.expect(200);
        assert_eq!(listed.codes(), ["joint"]);

        // Whoever may write a record may cite a document in it; a citation gives no right to the document.
        let cites = json!({ "citations": [{ "document": "own" }] });
        foreign.patch("pairings/heshan-kaiping", cites.clone()).await.expect(200);
        refused(foreign.patch("pairings/xinhui-taishan", cites).await);
        for (client, code) in [(&foreign, "own"), (&foreign, "joint"), (&editor, "joint"), (&editor, "shared")] {
            refused(client.patch(&format!("documents/{code}"), note()).await);
            refused(attach(client, code).await);
            refused(client.delete(&format!("documents/{code}")).await);
        }
        refused(attach(&editor, "gb-t-2260").await);
        for (client, code) in [(&editor, "own"), (&both, "joint"), (&admin, "shared")] {
            attach(client, code).await.expect(200);
            client.patch(&format!("documents/{code}"), note()).await.expect(200);
        }
    });
}

#[test]
fn a_key_of_one_pairing_gains_no_rights_when_the_pairing_is_deleted() {
    on_each(|database| async move {
        let admin = database.client();
        create(&admin, "pairings", pairing("short-lived")).await;
        let editor = admin.with_key(database.key("short-lived", Role::Editor, &["short-lived"]));
        editor.patch("pairings/short-lived", json!({ "note": "改" })).await.expect(200);
        refused(editor.patch("pairings/xinhui-taishan", json!({ "note": "改" })).await);
        // Whether or not a pairing can be deleted while a key names it, the key gains no rights by the deletion.
        admin.delete("pairings/short-lived").await;
        refused(editor.patch("pairings/xinhui-taishan", json!({ "note": "改" })).await);
        refused(editor.post("sectors", json!({ "code": "gained", "name": { "zh": "越权" } })).await);
    });
}

#[test]
fn a_retry_with_another_key_does_not_return_the_first_response() {
    on_each(|database| async move {
        let admin = database.client();
        let stranger = admin.with_key(database.key("tester", Role::Editor, &[FOREIGN]));
        let body = || Some(with(milestone(""), json!({ "code": null })));
        let headers = [("Idempotency-Key", "shared-key")];
        admin.send(Method::POST, "milestones", &headers, body()).await.expect(201);
        // The name of a key is not its identity: another key with the same name is another caller.
        refused(stranger.send(Method::POST, "milestones", &headers, body()).await);
    });
}
