//! What an import discloses of the records that it changes depends on the current rights of its reader.

use actix_web::http::Method;
use pairing_tracker::access::Role;
use serde_json::{Value, json};

use crate::common::records::create;
use crate::common::{Client, on_each};

const OWN: &str = "xinhui-taishan";
const OTHER: &str = "heshan-kaiping";
/// The value in the database, and the value that the file would replace it with.
const SECRET: &str = "0750-7654321";
const NEW: &str = "0750-1111111";

async fn send(client: &Client, bundle: Value) -> Value {
    let headers = [("Content-Type", "application/json"), ("Prefer", "wait=30")];
    client.send_bytes(Method::POST, "imports", &headers, Some(bundle.to_string().into_bytes())).await.expect(201).body
}

/// Everything that a reader can get of an import, as one text.
async fn shown(client: &Client, id: &Value) -> String {
    let mut all = String::new();
    for path in ["", "/lines", "/lines.csv", "/lines.ndjson", "/faults", "/faults.ndjson"] {
        let response = client.get(&format!("imports/{id}{path}")).await.expect(200);
        all.push_str(&String::from_utf8_lossy(&response.bytes));
    }
    let list = client.get("imports").await.expect(200);
    all + &String::from_utf8_lossy(&list.bytes)
}

#[test]
fn a_key_with_reduced_rights_no_longer_sees_its_earlier_plan() {
    on_each(|database| async move {
        let admin = database.client();
        for (code, pairing) in [("leader", OWN), ("guest", OTHER)] {
            create(&admin, "liaisons", json!({ "code": code, "pairing": pairing, "name": "甲", "contact": SECRET }))
                .await;
        }
        let key = database.key("两地", Role::Editor, &[OWN, OTHER]);
        let editor = admin.with_key(&key);
        let change = |code: &str| json!({ "code": code, "contact": NEW, "note": "已核对" });
        let sent = send(&editor, json!({ "liaisons": [change("leader"), change("guest")] })).await;
        assert_eq!((&sent["status"], &sent["counts"]["update"]), (&json!("planned"), &json!(2)), "{sent}");
        assert_eq!(
            shown(&editor, &sent["id"]).await.matches(SECRET).count(),
            2 * 3,
            "the control: in each of the lines"
        );
        // The plan is now stale, so that the import itself reports what changed.
        admin.patch("liaisons/leader", json!({ "note": "另改" })).await.expect(200);
        admin.patch("liaisons/guest", json!({ "note": "另改" })).await.expect(200);
        let path = format!("imports/{}/apply", sent["id"]);
        let stale = editor.send(Method::POST, &path, &[("Prefer", "wait=30")], None).await.expect(409);
        assert_eq!(stale.body["code"], "plan_is_stale");
        assert_eq!(shown(&editor, &sent["id"]).await.matches(SECRET).count(), 2 * 5, "and in the import, twice");

        let code = key.split('_').nth(1).expect("a code");
        admin.patch(&format!("api-keys/{code}"), json!({ "pairings": [OWN] })).await.expect(200);
        let after = shown(&editor, &sent["id"]).await;
        assert_eq!(after.matches(SECRET).count(), 5, "of its own pairing alone: {after}");
        assert_eq!(after.matches(NEW).count(), 5, "{after}");
        assert!(after.contains("已核对"), "what is nobody's secret is shown: {after}");
        // A deleted record belongs to no pairing.
        admin.delete("liaisons/leader").await.expect(204);
        let after = shown(&editor, &sent["id"]).await;
        assert!(!after.contains(SECRET) && !after.contains(NEW), "{after}");
        assert_eq!(shown(&admin, &sent["id"]).await.matches(SECRET).count(), 2 * 5);
    });
}

#[test]
fn faults_suggestions_and_the_marked_workbook_disclose_no_personal_data() {
    on_each(|database| async move {
        let admin = database.client();
        create(&admin, "liaisons", json!({ "code": "leader", "pairing": OTHER, "name": "甲", "contact": SECRET }))
            .await;
        let editor = admin.with_key(database.key("新会", Role::Editor, &[OWN]));
        // Refused for each possible reason: another pairing's record, a violation of the schema, an unknown name.
        let bundle = json!({ "liaisons": [
            { "code": "leader", "contact": &SECRET[..SECRET.len() - 1] },
            { "code": "leaders", "pairing": "heshan-kaipin", "contact": "x", "body": "nobody" },
            { "code": "leader-2", "pairing": OTHER, "contact": 7 },
        ] });
        let sent = send(&editor, bundle).await;
        assert_eq!(sent["status"], "refused", "{sent}");
        let all = shown(&editor, &sent["id"]).await;
        assert!(!all.contains(SECRET), "{all}");
        let marked = editor.get(&format!("imports/{}/marked.xlsx", sent["id"])).await.expect(200).bytes;
        let mut book = zip::ZipArchive::new(std::io::Cursor::new(marked)).expect("a workbook");
        for index in 0..book.len() {
            let text = std::io::read_to_string(book.by_index(index).expect("a part")).unwrap_or_default();
            assert!(!text.contains(SECRET), "{text}");
        }
    });
}

#[test]
fn keys_with_equal_rights_see_only_their_own_imports() {
    on_each(|database| async move {
        let admin = database.client();
        let keys = ["甲", "乙"].map(|name| admin.with_key(database.key(name, Role::Editor, &[OWN])));
        let [first, second] = &keys;
        let bundle = json!({ "milestones": [crate::common::records::milestone("step")] });
        let sent = send(first, bundle).await;
        let (lines, faults) = (format!("imports/{}/lines", sent["id"]), format!("imports/{}/faults", sent["id"]));
        // No write in between: a response cached for one key would be available to the other.
        assert_eq!(first.get("imports").await.expect(200).body["items"][0]["id"], sent["id"]);
        first.get(&lines).await.expect(200);
        first.get(&faults).await.expect(200);
        assert_eq!(second.get("imports").await.expect(200).body["items"], json!([]));
        second.get(&lines).await.expect(404);
        second.get(&faults).await.expect(404);
    });
}
