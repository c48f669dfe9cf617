//! The audit log as evidence: tampering with the chain is detected, and each caller sees only the events that they may see.

use std::collections::BTreeMap;

use actix_web::http::Method;
use diesel::prelude::*;
use diesel::result::Error::RollbackTransaction;
use pairing_tracker::access::Role;
use pairing_tracker::audit::chain::{self, Break, Head};
use pairing_tracker::audit::{Action, Event};
use pairing_tracker::db::Conn;
use pairing_tracker::db::schema::audit_events::dsl as e;
use pairing_tracker::model::hex;
use pairing_tracker::model::types::Instant;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::common::builders::{block_on, ids, in_threads, on_each_with_own_runtime, walk};
use crate::common::files::{self, source};
use crate::common::records::{column, create, milestone, with};
use crate::common::tamper::{drop_triggers, execute};
use crate::common::{Client, Database, on_each};

const OWN: &str = "xinhui-taishan";

/// The head of a database's chain.
fn verified_head(database: &Database) -> Head {
    chain::verify(&mut database.connect(), None).expect("it can be read").expect("it is whole")
}

/// Creates, changes and deletes a record, which records three events.
async fn write_one_record(client: &Client) {
    create(client, "milestones", milestone("step")).await;
    client.patch("milestones/step", json!({ "note": "改" })).await.expect(200);
    client.delete("milestones/step").await.expect(204);
}

/// Recomputes every hash as the documentation describes it.
fn recompute_hashes(conn: &mut Conn) {
    type Texts = (Option<String>, Option<String>, Option<String>, Option<String>);
    type Row = ((i64, Instant, String, String, String, String), Option<i64>, Texts, String);
    let rows: Vec<Row> = e::audit_events
        .order(e::id)
        .select((
            (e::id, e::at, e::actor, e::actor_id, e::action, e::entity),
            e::record_id,
            (e::record_code, e::reason, e::before_json, e::after_json),
            e::request_id,
        ))
        .load(conn)
        .expect("rows");
    let mut hash = "0".repeat(64);
    for ((id, at, actor, actor_id, action, entity), record_id, (code, reason, before, after), request_id) in rows {
        let at = at.utc().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        let row =
            json!([hash, id, at, actor, actor_id, action, entity, record_id, code, reason, before, after, request_id]);
        hash = hex(&Sha256::digest(row.to_string()));
        diesel::update(e::audit_events.find(id)).set(e::hash.eq(&hash)).execute(conn).expect("a change");
    }
}

/// What verification finds, without a noted head and with the right one, after the owner of the database ran some statements;
/// they are rolled back.
fn verify_after(database: &Database, noted: &Head, tamper: impl FnOnce(&mut Conn)) -> Found {
    let mut found = None;
    let undone = database.connect().transaction(|conn| {
        drop_triggers(conn);
        tamper(conn);
        let look = |conn: &mut Conn, head| chain::verify(conn, head).expect("it can be read").map(|head| head.id);
        found = Some([look(conn, None), look(conn, Some(noted))]);
        Err::<(), _>(RollbackTransaction)
    });
    assert_eq!(undone, Err(RollbackTransaction));
    found.expect("it was looked at")
}

/// Changes of an event, of each column.
const CHANGES: [&str; 13] = [
    "at = '2001-01-01 00:00:00'",
    "actor = actor || ' '",
    "actor_id = 'key:99'",
    "action = 'amend'",
    "entity = 'region'",
    "record_id = record_id + 1",
    "record_code = NULL",
    "reason = ''",
    "before_json = before_json || ' '",
    "before_json = NULL",
    "after_json = replace(after_json, '改', '变')",
    "request_id = 'another'",
    "hash = replace(hash, substr(hash, 1, 1), 'g')",
];

type Found = [Result<i64, Break>; 2];

fn both(found: Break) -> Found {
    [Err(found.clone()), Err(found)]
}

/// Statements that delete, swap or insert events, with what verification finds.
fn tampered(head: &Head) -> Vec<(String, Found)> {
    let last = head.id;
    let copy = |id: i64, of: i64| {
        format!(
            "INSERT INTO audit_events SELECT {id}, at, actor, actor_id, action, entity, record_id, record_code, reason, \
             before_json, after_json, request_id, hash FROM audit_events WHERE id = {of};"
        )
    };
    let swapped = "UPDATE audit_events SET id = -1 WHERE id = 5; UPDATE audit_events SET id = 5 WHERE id = 6; \
                   UPDATE audit_events SET id = 6 WHERE id = -1;";
    vec![
        ("DELETE FROM audit_events WHERE id = 5".to_owned(), both(Break::Missing(5))),
        ("DELETE FROM audit_events WHERE id = 1".to_owned(), both(Break::Missing(1))),
        (format!("DELETE FROM audit_events WHERE id = {last}"), [Ok(last - 1), Err(Break::CutOff(head.clone()))]),
        (swapped.to_owned(), both(Break::Changed(5))),
        (format!("DELETE FROM audit_events WHERE id = 5; {}", copy(5, 4)), both(Break::Changed(5))),
        (copy(last + 1, last), both(Break::Changed(last + 1))),
        (copy(0, 1), both(Break::Inserted(0))),
    ]
}

#[test]
fn any_tampering_with_the_chain_is_detected() {
    on_each(|database| async move {
        write_one_record(&database.client()).await;
        let head = verified_head(&database);
        let last = head.id;
        assert!(last > 50, "the seed has its events");
        for column in CHANGES {
            let changed = last - 1;
            let sql = format!("UPDATE audit_events SET {column} WHERE id = {changed}");
            let found = verify_after(&database, &head, |conn| execute(conn, &sql).expect("a change"));
            assert_eq!(found, both(Break::Changed(changed)), "{column}");
        }
        for (sql, found) in tampered(&head) {
            let done = verify_after(&database, &head, |conn| execute(conn, &sql).expect("a change"));
            assert_eq!(done, found, "{sql}");
        }
        let anew = verify_after(&database, &head, |conn| {
            execute(conn, "UPDATE audit_events SET actor = 'nobody' WHERE id = 5").expect("a change");
            recompute_hashes(conn);
        });
        assert_eq!(anew, [Ok(last), Err(Break::Rewritten(head.clone()))]);
        if database.name == "sqlite" {
            let unreadable = verify_after(&database, &head, |conn| {
                execute(conn, "UPDATE audit_events SET at = 'never' WHERE id = 5").expect("a change");
            });
            assert_eq!(unreadable, both(Break::Unreadable(5)));
        }

        assert_eq!(verify_after(&database, &head, |_| ()), [Ok(last), Ok(last)], "untouched, it is whole");
        assert_eq!(
            verify_after(&database, &head, recompute_hashes),
            [Ok(last), Ok(last)],
            "the hashes are as documented"
        );
        create(&database.client(), "milestones", milestone("later")).await;
        let mut conn = database.connect();
        // The creation of the client's key is an event, too.
        assert_eq!(chain::verify(&mut conn, Some(&head)).expect("it can be read").map(|head| head.id), Ok(last + 2));
    });
}

#[test]
fn the_database_refuses_changes_of_audit_events() {
    on_each(|database| async move {
        let mut conn = database.connect();
        let replace = "REPLACE INTO audit_events SELECT id, at, 'nobody', actor_id, action, entity, record_id, record_code, \
                       reason, before_json, after_json, request_id, hash FROM audit_events WHERE id = 1";
        let own = if database.name == "sqlite" { replace } else { "TRUNCATE audit_events" };
        for sql in [
            "UPDATE audit_events SET actor = 'nobody' WHERE id = 1",
            "UPDATE audit_events SET request_id = request_id",
            "DELETE FROM audit_events WHERE id = 1",
            "DELETE FROM audit_events",
            own,
        ] {
            let refused = execute(&mut conn, sql).expect_err(sql).to_string();
            assert!(refused.contains("audit_events are never"), "{sql}: {refused}");
        }
        let head = verified_head(&database);
        drop_triggers(&mut conn);
        execute(&mut conn, "UPDATE audit_events SET actor = 'nobody' WHERE id = 1").expect("nothing refuses it now");
        let found = chain::verify(&mut conn, Some(&head)).expect("it can be read");
        assert_eq!(found, Err(Break::Changed(1)));
    });
}

#[test]
fn a_head_parses_as_it_is_printed() {
    let hash = "0123456789abcdef".repeat(4);
    let head: Head = format!("12:{hash}").parse().expect("a head");
    assert_eq!((head.id, head.to_string()), (12, format!("12:{hash}")));
    let nothing = format!("0:{}", "0".repeat(64));
    assert_eq!(nothing.parse::<Head>().expect("that of no event").to_string(), nothing);
    for bad in [
        String::new(),
        hash.clone(),
        format!("-1:{hash}"),
        format!("0:{hash}"),
        format!("x:{hash}"),
        format!("1:{}", hash.to_uppercase()),
        format!("1:{}", &hash[1..]),
    ] {
        assert!(bad.parse::<Head>().is_err(), "{bad}");
    }
}

#[test]
fn concurrent_writers_leave_an_intact_chain_with_one_event_per_write() {
    on_each_with_own_runtime(|database, client| {
        let before = verified_head(database).id;
        block_on(async || {
            create(&client, "milestones", milestone("shared")).await;
        });
        let statuses = in_threads(&client, 16, async |client, writer| {
            let mut statuses = Vec::new();
            for number in 0..20 {
                let code = format!("storm-{writer}-{number}");
                let response = match number % 5 {
                    // Every writer requests this code; one of them gets it.
                    0 => client.post("milestones", milestone(&format!("wanted-{number}"))).await,
                    1 => client.post("milestones", with(milestone(&code), json!({ "status": "met" }))).await,
                    2 => {
                        let stale = [("If-Match", "\"0-0\"")];
                        let patch = Some(json!({ "note": code }));
                        client.send(Method::PATCH, "milestones/shared", &stale, patch).await
                    }
                    3 => client.patch("milestones/shared", json!({ "note": code })).await,
                    _ => client.post("milestones", milestone(&code)).await,
                };
                statuses.push(response.status.as_u16());
            }
            statuses
        });
        let mut counts = BTreeMap::new();
        for status in statuses.into_iter().flatten() {
            *counts.entry(status).or_insert(0) += 1;
        }
        assert_eq!(counts, BTreeMap::from([(200, 64), (201, 64 + 4), (409, 60), (412, 64), (422, 64)]));
        assert_eq!(verified_head(database).id - before, 1 + 64 + 64 + 4, "{}", database.name);
    });
}

#[test]
fn an_import_and_concurrent_writers_of_its_records_do_not_deadlock() {
    const RECORDS: usize = 30;
    let bundle = |note: &str| {
        let record = |number| {
            format!(
                "  - {{code: both-{number}, agreement: xinhui-taishan-framework-2022, title: {{zh: 节点}}, due_on: \"2022-06-30\", note: {note}}}\n"
            )
        };
        format!("milestones:\n{}", (0..RECORDS).map(record).collect::<String>())
    };
    on_each_with_own_runtime(|database, client| {
        let import_bundles = |note: &str| {
            files::import_bundles(database, &mut [source("a.yaml", &bundle(note))], true).expect("it is good");
        };
        let before = verified_head(database).id;
        import_bundles("一");
        if database.name == "sqlite" {
            // SQLite allows one writing process at a time.
            assert_eq!(verified_head(database).id - before, 30);
            return;
        }
        std::thread::scope(|scope| {
            let writers = scope.spawn(|| {
                in_threads(&client, 4, async |client, writer| {
                    for number in (0..RECORDS).rev() {
                        let note = json!({ "note": format!("{writer}/{number}") });
                        client.patch(&format!("milestones/both-{number}"), note).await.expect(200);
                    }
                })
            });
            for round in 0..4 {
                import_bundles(&format!("轮{round}"));
            }
            writers.join().expect("no writer fails");
        });
        let events = verified_head(database).id - before;
        assert!(events > 30 + 4 * 30, "{events}");
    });
}

#[test]
fn a_failed_bundle_records_no_event() {
    on_each(|database| async move {
        let before = verified_head(&database);
        let good = "regions:\n  - {code: good, name: {zh: 某地}, level: county}\n";
        let both = format!("{good}  - {{code: bad, name: {{zh: 某地}}, level: county, parent: nowhere}}\n");
        assert!(files::import_bundles(&database, &mut [source("a.yaml", good)], false).is_ok());
        assert!(files::import_bundles(&database, &mut [source("a.yaml", &both)], true).is_err());
        assert_eq!(verified_head(&database), before);
        assert!(files::import_bundles(&database, &mut [source("a.yaml", good)], true).is_ok());
        assert_eq!(verified_head(&database).id, before.id + 1);
    });
}

/// An event of refused requests, as versions before 0.2.0 recorded it.
fn record_refusal(database: &Database, request_id: &str) {
    let event = Event {
        at: Instant::now(),
        actor: "anonymous".to_owned(),
        actor_id: "anonymous".to_owned(),
        action: Action::Refuse,
        entity: "request".into(),
        record_id: None,
        record_code: None,
        reason: Some("unauthorized".to_owned()),
        before: None,
        after: Some(json!({ "code": "unauthorized", "count": 1 }).to_string()),
        request_id: request_id.to_owned(),
    };
    let recorded = database.connect().transaction(|conn| chain::append(conn, [Ok(event)]));
    recorded.expect("it is recorded");
}

#[test]
fn events_for_administrators_are_hidden_from_the_lists_counts_and_pages_of_others() {
    on_each(|database| async move {
        let admin = database.client();
        write_one_record(&admin).await;
        for _ in 0..3 {
            record_refusal(&database, "first-refused");
            admin.get("audit-events?limit=1").await.expect(200);
            record_refusal(&database, "later-refused");
            create(
                &admin,
                "sectors",
                json!({ "code": format!("s{}", verified_head(&database).id), "name": { "zh": "行" } }),
            )
            .await;
        }
        let all = walk(&admin, "audit-events", "", 2).await;
        let (refused, written): (Vec<Value>, Vec<Value>) =
            all.iter().cloned().partition(|event| event["entity"] == "request");
        let (of_keys, written): (Vec<Value>, Vec<Value>) =
            written.into_iter().partition(|event| event["entity"] == "api_key");
        assert_eq!((refused.len(), of_keys.len()), (6, 1));
        assert!(all.iter().all(|event| event["actor_id"].is_string()));
        assert_eq!(admin.get("audit-events?count=true").await.expect(200).body["total"], all.len());
        let written = ids(&written);
        let key = |role, pairings: &[&str]| admin.with_key(database.key("reader", role, pairings));
        let request_id = refused[0]["request_id"].as_str().expect("an id");
        for other in [
            admin.anonymous(),
            key(Role::Viewer, &[]),
            key(Role::Viewer, &[OWN]),
            key(Role::Editor, &[OWN]),
            key(Role::Editor, &[]),
        ] {
            let seen = walk(&other, "audit-events", "", 2).await;
            assert_eq!(ids(&seen), written);
            assert!(seen.iter().all(|event| event["actor_id"].is_null()));
            assert_eq!(other.get("audit-events?count=true").await.expect(200).body["total"], written.len());
            for query in ["entity=request", "action=refuse", "actor=anonymous", &format!("request_id={request_id}")] {
                let list = other.get(&format!("audit-events?count=true&{query}")).await.expect(200);
                assert_eq!(json!([list.body["items"], list.body["total"]]), json!([[], 0]), "{query}");
                let seen = admin.get(&format!("audit-events?count=true&{query}")).await.expect(200);
                assert!(seen.body["total"].as_i64() > Some(0), "{query}");
            }
            let history = other.get("milestones/step/history").await.expect(200);
            assert_eq!(column(&history, "/actor_id"), [Value::Null, Value::Null, Value::Null]);
        }
        let history = admin.get("milestones/step/history").await.expect(200);
        assert!(column(&history, "/actor_id").iter().all(Value::is_string));
    });
}

#[test]
fn events_of_keys_are_visible_only_to_administrators() {
    on_each(|database| async move {
        let admin = database.client();
        for query in ["", "&entity=api_key", "&actor=operator&action=create"] {
            let path = format!("audit-events?limit=1&count=true{query}");
            let seen = admin.get(&path).await.expect(200);
            assert_eq!(seen.body["items"][0]["entity"], "api_key", "{query}");
            let unseen = admin.anonymous().get(&path).await.expect(200);
            assert_ne!(unseen.body["items"][0]["entity"], "api_key", "{query}");
            let less = seen.body["total"].as_i64().map(|n| if query == "&entity=api_key" { 0 } else { n - 1 });
            assert_eq!(unseen.body["total"].as_i64(), less, "{query}");
        }
    });
}

#[test]
fn audit_events_can_be_filtered_by_request() {
    on_each(|database| async move {
        let client = database.client();
        let named = |id: &'static str| [("X-Request-Id", id)];
        for (id, code) in [("first", "one"), ("second", "two")] {
            client.send(Method::POST, "milestones", &named(id), Some(milestone(code))).await.expect(201);
        }
        let found = client.get("audit-events?request_id=second&count=true").await.expect(200);
        assert_eq!((column(&found, "/record_code"), &found.body["total"]), (vec![json!("two")], &json!(1)));
        let none = client.get("audit-events?request_id=third").await.expect(200);
        assert_eq!(none.body["items"], json!([]));
    });
}
