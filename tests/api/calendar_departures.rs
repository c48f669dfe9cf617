//! Calendar feeds: a record that leaves a feed is cancelled in it, and is announced with a higher SEQUENCE when it returns.

use actix_web::http::Method;
use serde_json::json;

use super::calendars::{CONFERENCES, Event, MILESTONES, read};
use crate::common::builders::bare_agreement;
use crate::common::records::{conference, create, milestone, project, with};
use crate::common::{Client, on_each};

const OTHER_MILESTONES: &str = "pairings/heshan-kaiping/milestones.ics";

/// The event of a record in a feed, if there is one.
async fn event(client: &Client, path: &str, uid: &str) -> Option<Event> {
    read(client, path).await.into_iter().find(|event| event["UID"].starts_with(&format!("{uid}@")))
}

fn sequence(event: &Event) -> i64 {
    event["SEQUENCE"].parse().expect("a number")
}

#[test]
fn a_record_that_moves_to_another_pairing_is_cancelled_in_the_old_feed() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "agreements", with(bare_agreement("here", "xinhui-taishan"), json!({}))).await;
        create(&client, "agreements", bare_agreement("there", "heshan-kaiping")).await;
        let of = |agreement: &str| json!({ "agreement": agreement });
        let made = create(&client, "milestones", with(milestone("maps"), of("here"))).await.body;
        let uid = format!("milestone-{}", made["id"]);
        assert!(event(&client, OTHER_MILESTONES, &uid).await.is_none());
        let before = event(&client, MILESTONES, &uid).await.expect("an event");

        client.patch("milestones/maps", of("there")).await.expect(200);
        client.patch("milestones/maps", json!({ "title": { "zh": "新名称" } })).await.expect(200);
        let old = event(&client, MILESTONES, &uid).await.expect("a cancellation");
        assert_eq!((old["STATUS"].as_str(), old["SUMMARY"].as_str()), ("CANCELLED", "编制线路图"), "{old:?}");
        assert_eq!(old["DESCRIPTION"], "已移出此日历");
        assert!(sequence(&old) > sequence(&before), "{old:?}");
        assert_eq!(old["UID"], before["UID"]);
        let new = event(&client, OTHER_MILESTONES, &uid).await.expect("an event");
        assert_eq!((new["STATUS"].as_str(), new["SUMMARY"].as_str()), ("CONFIRMED", "新名称"));

        // After its return the event is confirmed here and cancelled in the other feed.
        client.patch("milestones/maps", of("here")).await.expect(200);
        let back = event(&client, MILESTONES, &uid).await.expect("an event");
        assert_eq!(back["STATUS"], "CONFIRMED");
        assert!(sequence(&back) > sequence(&old), "{back:?}");
        let left = event(&client, OTHER_MILESTONES, &uid).await.expect("a cancellation");
        assert_eq!(left["STATUS"], "CANCELLED");
        assert!(sequence(&left) > sequence(&new));
        assert!(event(&client, "pairings/pengjiang-jianghai-enping/milestones.ics", &uid).await.is_none());
    });
}

#[test]
fn milestones_moved_by_an_agreement_or_a_project_are_cancelled_in_the_old_feed() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "agreements", bare_agreement("moves", "xinhui-taishan")).await;
        create(&client, "projects", with(project("below"), json!({ "agreement": "moves" }))).await;
        create(&client, "projects", project("alone")).await;
        let mut uids = Vec::new();
        for (code, owner) in [
            ("of-agreement", json!({ "agreement": "moves" })),
            ("of-project", json!({ "agreement": null, "project": "below" })),
            ("of-alone", json!({ "agreement": null, "project": "alone" })),
            ("deleted-there", json!({ "agreement": "moves" })),
        ] {
            let made = create(&client, "milestones", with(milestone(code), owner)).await.body;
            uids.push(format!("milestone-{}", made["id"]));
        }
        let mut before = Vec::new();
        for uid in &uids {
            before.push(event(&client, MILESTONES, uid).await.expect("an event"));
        }
        let move_to = |pairing: &'static str| {
            let client = client.clone();
            async move {
                for item in ["agreements/moves", "projects/alone"] {
                    client.patch(item, json!({ "pairing": pairing })).await.expect(200);
                }
            }
        };
        move_to("heshan-kaiping").await;
        client.delete("milestones/deleted-there").await.expect(204);
        // A record that joined after the move was never in the old feed.
        let joined =
            create(&client, "milestones", with(milestone("joined"), json!({ "agreement": "moves" }))).await.body;
        client.patch("milestones/of-agreement", json!({ "title": { "zh": "新名称" } })).await.expect(200);
        let mut old = Vec::new();
        for (uid, before) in uids.iter().zip(&before) {
            let event = event(&client, MILESTONES, uid).await.unwrap_or_else(|| panic!("{uid} is missing"));
            assert_eq!((event["STATUS"].as_str(), event["SUMMARY"].as_str()), ("CANCELLED", "编制线路图"), "{event:?}");
            assert!(sequence(&event) > sequence(before), "{event:?} after {before:?}");
            old.push(event);
        }
        assert!(event(&client, MILESTONES, &format!("milestone-{}", joined["id"])).await.is_none());
        for uid in &uids[..3] {
            assert_eq!(event(&client, OTHER_MILESTONES, uid).await.expect("an event")["STATUS"], "CONFIRMED");
        }
        // After the move back, each event has a higher SEQUENCE than its cancellation.
        move_to("xinhui-taishan").await;
        for (uid, old) in uids[..3].iter().zip(&old) {
            let back = event(&client, MILESTONES, uid).await.expect("an event");
            assert_eq!(back["STATUS"], "CONFIRMED");
            assert!(sequence(&back) > sequence(old), "{back:?} after {old:?}");
        }
    });
}

#[test]
fn a_conference_that_moves_or_loses_its_date_is_cancelled() {
    on_each(|database| async move {
        let client = database.client();
        let mut uids = Vec::new();
        for code in ["undated", "moved"] {
            let made = create(&client, "conferences", with(conference(code), json!({ "held_on": "2022-05-20" }))).await;
            uids.push(format!("conference-{}", made.body["id"]));
        }
        client.patch("conferences/undated", json!({ "held_on": null })).await.expect(200);
        client.patch("conferences/moved", json!({ "pairing": "heshan-kaiping" })).await.expect(200);
        for uid in &uids {
            let old = event(&client, CONFERENCES, uid).await.expect("a cancellation");
            let day = old["DTSTART;VALUE=DATE"].as_str();
            assert_eq!((old["STATUS"].as_str(), day, sequence(&old)), ("CANCELLED", "20220520", 2), "{old:?}");
        }
        client.patch("conferences/undated", json!({ "held_on": "2022-06-01" })).await.expect(200);
        let back = event(&client, CONFERENCES, &uids[0]).await.expect("an event");
        assert_eq!((back["STATUS"].as_str(), sequence(&back)), ("CONFIRMED", 3), "{back:?}");
    });
}

#[test]
fn a_restored_milestone_is_announced_after_its_cancellation() {
    on_each(|database| async move {
        let client = database.client();
        let made = create(&client, "milestones", milestone("maps")).await.body;
        let uid = format!("milestone-{}", made["id"]);
        client.delete("milestones/maps").await.expect(204);
        let cancelled = event(&client, MILESTONES, &uid).await.expect("a cancellation");
        client.send(Method::POST, "milestones/maps/restore", &[], None).await.expect(200);
        let back = event(&client, MILESTONES, &uid).await.expect("an event");
        assert_eq!((cancelled["STATUS"].as_str(), back["STATUS"].as_str()), ("CANCELLED", "CONFIRMED"));
        // Of two events with the same SEQUENCE the later DTSTAMP counts (RFC 5546, 2.1.5).
        assert!((sequence(&back), &back["DTSTAMP"]) >= (sequence(&cancelled), &cancelled["DTSTAMP"]));
    });
}
