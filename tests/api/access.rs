//! Who may do what: readers without a key, keys that are no good, viewers, editors in their pairings, administrators.

use actix_web::http::Method;
use pairing_tracker::access::{self, Role};
use serde_json::{Value, json};

use crate::common::builders::{bare_agreement, operations, writes};
use crate::common::records::{create, milestone, pairing, with};
use crate::common::{Client, Database, on_each};
use crate::examples::gather;

const OWN: &str = "xinhui-taishan";
const FOREIGN: &str = "heshan-kaiping";

/// A key that may write in [`OWN`] alone.
fn editor(database: &Database, client: &Client) -> Client {
    client.with_key(database.key("editor of one", Role::Editor, &[OWN]))
}

fn refused(answer: crate::common::client::Answer) {
    assert_eq!(answer.expect(403).body["code"], "forbidden");
}

#[test]
fn reading_needs_no_key() {
    on_each(|database| async move {
        let client = database.client();
        gather(&client).await;
        let anonymous = client.anonymous();
        let mut asked = 0;
        for operation in operations().iter().filter(|operation| operation.method == Method::GET) {
            if operation.id != "getDocumentContent" {
                let reference = operation.some_record(&client).await;
                operation.send(&anonymous, &reference).await.expect(200);
                asked += 1;
            }
        }
        assert!(asked > 20, "the document has its operations");
    });
}

#[test]
fn a_private_service_answers_nobody_without_a_key() {
    on_each(|database| async move {
        let client = database.client_with(|settings| settings.private = true);
        gather(&client).await;
        let viewer = client.with_key(database.key("viewer", Role::Viewer, &[]));
        for operation in operations() {
            let reference = &operation.some_record(&client).await;
            let answer = operation.send(&client.anonymous(), reference).await.expect(401);
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{}", operation.id);
            if operation.method == Method::GET && operation.id != "getDocumentContent" {
                // An answer that is kept for who may read it is not given to who may not.
                operation.send(&viewer, reference).await.expect(200);
                operation.send(&client.anonymous(), reference).await.expect(401);
            }
        }
        client.anonymous().get("/healthz").await.expect(200);
    });
}

#[test]
fn a_key_that_is_no_good_is_refused_everywhere() {
    on_each(|database| async move {
        let client = database.client();
        let good = database.key("good", Role::Admin, &[]);
        let revoked = database.key("revoked", Role::Admin, &[]);
        client.with_key(&revoked).get("sectors").await.expect(200);
        let mut conn = database.connect();
        let keys = access::list_keys(&mut conn).expect("keys");
        let id = keys.iter().find(|key| key.name == "revoked").expect("the key").id;
        assert!(access::revoke_key(&mut conn, id).expect("a revocation"));
        assert!(!access::revoke_key(&mut conn, id).expect("a second one"), "it was revoked before");

        let other = crate::common::databases(false).swap_remove(0).key("elsewhere", Role::Admin, &[]);
        let flipped = good.replace(&good[8..9], if &good[8..9] == "x" { "y" } else { "x" });
        for bad in
            [revoked.as_str(), &other, &flipped, "", "ptk_", &good[..good.len() - 1], &good.to_uppercase(), "ключ"]
        {
            let answer = client.with_key(bad).get("sectors").await.expect(401);
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
            let body = json!({ "code": "by-nobody", "name": { "zh": "无" } });
            client.with_key(bad).post("sectors", body).await.expect(401);
        }
        for scheme in ["Basic", "Token", "Bearer:"] {
            let header = format!("{scheme} {good}");
            client.anonymous().send(Method::GET, "sectors", &[("Authorization", &header)], None).await.expect(401);
        }
        let header = format!("bearer {good}");
        client.anonymous().send(Method::GET, "sectors", &[("Authorization", &header)], None).await.expect(200);
        client.get("sectors/by-nobody").await.expect(404);
    });
}

#[test]
fn a_viewer_writes_nothing() {
    on_each(|database| async move {
        let client = database.client();
        gather(&client).await;
        let viewer = client.with_key(database.key("viewer", Role::Viewer, &[]));
        let before = client.get("audit-events?count=true&limit=1").await.expect(200);
        let operations = writes();
        assert!(operations.len() > 20, "the document has its writes");
        for operation in operations {
            refused(operation.send(&viewer, &operation.some_record(&client).await).await);
        }
        let after = client.get("audit-events?count=true&limit=1").await.expect(200);
        assert_eq!(after.body, before.body);
    });
}

/// The answers to a create, a change, and a deletion.
async fn write_all(client: &Client, path: &str, code: &str, new: Value, change: Value) -> [u16; 3] {
    let item = format!("{path}/{code}");
    let created = client.post(path, new).await.status.as_u16();
    let changed = client.patch(&item, change).await.status.as_u16();
    let deleted = client.delete(&item).await.status.as_u16();
    [created, changed, deleted]
}

#[test]
fn an_editor_writes_in_the_pairings_of_the_key_alone() {
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
            // Not even what changes nothing, which is answered with the record.
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
fn an_editor_moves_no_record_into_or_out_of_a_foreign_pairing() {
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
fn an_editor_of_some_pairings_writes_documents_and_no_other_shared_record() {
    on_each(|database| async move {
        let admin = database.client();
        let editor = editor(&database, &admin);
        let everywhere = admin.with_key(database.key("editor of all", Role::Editor, &[]));
        let document = json!({ "code": "minutes", "title": { "zh": "纪要" } });
        assert_eq!(
            write_all(&editor, "documents", "minutes", document, json!({ "note": "改" })).await,
            [201, 200, 204]
        );
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
        let put = |client: Client| async move {
            let headers = [("Content-Type", "text/plain")];
            client.send_bytes(Method::PUT, "documents/gb-t-2260/content", &headers, Some(b"text".to_vec())).await
        };
        put(editor).await.expect(200);
    });
}

#[test]
fn a_key_of_one_pairing_never_becomes_a_key_of_all() {
    on_each(|database| async move {
        let admin = database.client();
        create(&admin, "pairings", pairing("short-lived")).await;
        let editor = admin.with_key(database.key("short-lived", Role::Editor, &["short-lived"]));
        editor.patch("pairings/short-lived", json!({ "note": "改" })).await.expect(200);
        refused(editor.patch("pairings/xinhui-taishan", json!({ "note": "改" })).await);
        // Whether the pairing can go while a key names it or not: the key gains nothing by it.
        admin.delete("pairings/short-lived").await;
        refused(editor.patch("pairings/xinhui-taishan", json!({ "note": "改" })).await);
        refused(editor.post("sectors", json!({ "code": "gained", "name": { "zh": "越权" } })).await);
    });
}

#[test]
fn a_retry_with_another_holders_key_gets_nothing_of_the_first() {
    on_each(|database| async move {
        let admin = database.client();
        let stranger = admin.with_key(database.key("tester", Role::Editor, &[FOREIGN]));
        let body = || Some(with(milestone(""), json!({ "code": null })));
        let headers = [("Idempotency-Key", "shared-key")];
        admin.send(Method::POST, "milestones", &headers, body()).await.expect(201);
        // A key's name is not its identity: another key of the same name is another caller.
        refused(stranger.send(Method::POST, "milestones", &headers, body()).await);
    });
}
