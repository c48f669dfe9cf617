//! Calendar feeds: their content, and how changes, cancellations and deletions reach a calendar program.

use std::collections::BTreeMap;

use actix_web::http::Method;
use diesel::prelude::*;
use pairing_tracker::db::schema::audit_events;
use serde_json::{Value, json};

use crate::common::client::Response;
use crate::common::records::{conference, create, milestone, with};
use crate::common::{Client, on_each};

pub const MILESTONES: &str = "pairings/xinhui-taishan/milestones.ics";
pub const CONFERENCES: &str = "pairings/xinhui-taishan/conferences.ics";

/// The properties of one event, by name with parameters, unparsed.
pub type Event = BTreeMap<String, String>;

/// The content lines of a feed, unfolded; checks the form of each physical line.
fn lines(response: &Response) -> Vec<String> {
    assert_eq!(response.header("content-type"), "text/calendar; charset=utf-8");
    let text = std::str::from_utf8(&response.bytes).expect("UTF-8");
    let mut lines: Vec<String> = Vec::new();
    for line in text.strip_suffix("\r\n").expect("ends with a line").split("\r\n") {
        assert!(line.len() <= 75 && !line.contains(['\r', '\n']), "{line:?}");
        match line.strip_prefix(' ') {
            Some(rest) => lines.last_mut().expect("a line before").push_str(rest),
            None => lines.push(line.to_owned()),
        }
    }
    assert_eq!(
        (lines.first().map(String::as_str), lines.last().map(String::as_str)),
        (Some("BEGIN:VCALENDAR"), Some("END:VCALENDAR"))
    );
    lines
}

fn events(response: &Response) -> Vec<Event> {
    let lines = lines(response);
    let mut events = Vec::new();
    for line in &lines {
        match line.as_str() {
            "BEGIN:VEVENT" => events.push(Event::new()),
            "END:VEVENT" | "BEGIN:VCALENDAR" | "END:VCALENDAR" => {}
            property => {
                let (name, value) = property.split_once(':').expect("a property");
                if let Some(event) = events.last_mut() {
                    assert_eq!(event.insert(name.to_owned(), value.to_owned()), None, "{name} twice");
                }
            }
        }
    }
    events
}

pub async fn read(client: &Client, path: &str) -> Vec<Event> {
    let events = events(&client.anonymous().get(path).await.expect(200));
    let uids: std::collections::BTreeSet<&String> = events.iter().map(|event| &event["UID"]).collect();
    assert_eq!(uids.len(), events.len(), "one event a UID");
    events
}

/// The event with this summary.
fn event_of<'a>(events: &'a [Event], summary: &str) -> &'a Event {
    let found: Vec<&Event> = events.iter().filter(|event| event["SUMMARY"] == summary).collect();
    let [event] = found.as_slice() else { panic!("{summary}: {events:?}") };
    event
}

#[test]
fn a_milestone_is_an_all_day_event_with_its_details() {
    on_each(|database| async move {
        let client = database.client();
        create(
            &client,
            "organizations",
            json!({ "code": "office", "name": { "zh": "新会区文旅局" }, "kind": "department", "region": "xinhui" }),
        )
        .await;
        let record = json!({ "title": { "zh": "编制四张图，含路线图；初稿", "en": "Four maps" }, "responsible": ["office"], "note": "第一行\r\n第二行" });
        let made = create(&client, "milestones", with(milestone("maps"), record)).await.body;
        client.patch("milestones/maps", json!({ "due_on": "2022-07-31", "reason": "汛期" })).await.expect(200);
        let events = read(&client, &format!("{MILESTONES}?as_of=2022-08-10")).await;
        let event = event_of(&events, "编制四张图，含路线图\\;初稿".replace("\\;", "；").as_str());
        let get = |name: &str| event.get(name).map(String::as_str);
        assert_eq!(get("DTSTART;VALUE=DATE"), Some("20220731"));
        assert_eq!(get("DTEND;VALUE=DATE"), Some("20220801"));
        assert_eq!((get("SEQUENCE"), get("STATUS")), (Some("2"), Some("CONFIRMED")));
        assert_eq!(get("CATEGORIES"), Some("里程碑,未开始,逾期"));
        let description = get("DESCRIPTION").expect("a description");
        for part in [
            "状态：未开始（0%）\\n",
            "协议：",
            "责任单位：新会区文旅局\\n",
            "原定到期日：2022-06-30\\n",
            "已逾期 10 天\\n",
            "第一行\\n第二行",
        ] {
            assert!(description.contains(part), "{part}: {description}");
        }
        assert!(event["UID"].starts_with(&format!("milestone-{}@", made["id"])), "{event:?}");
        assert_eq!(event["DTSTAMP"], event["LAST-MODIFIED"]);
        // The milestone is not overdue on this date.
        let events = read(&client, &format!("{MILESTONES}?as_of=2022-07-31")).await;
        assert_eq!(event_of(&events, "编制四张图，含路线图；初稿")["CATEGORIES"], "里程碑,未开始");
        // English where the client prefers it; Chinese where there is no English text.
        let english = client.send(Method::GET, MILESTONES, &[("Accept-Language", "en")], None).await.expect(200);
        let told = lines(&english);
        assert!(
            told.iter().any(|line| line.starts_with("X-WR-CALNAME:") && line.ends_with(": milestones")),
            "{told:?}"
        );
        event_of(&events_of(&english), "Four maps");
    });
}

fn events_of(response: &Response) -> Vec<Event> {
    events(response)
}

#[test]
fn a_feed_has_a_name_and_a_refresh_interval() {
    on_each(|database| async move {
        let client = database.client();
        let told = lines(&client.get(MILESTONES).await.expect(200));
        let head: Vec<&str> = told.iter().map(String::as_str).take_while(|line| *line != "BEGIN:VEVENT").collect();
        for line in
            ["VERSION:2.0", "METHOD:PUBLISH", "REFRESH-INTERVAL;VALUE=DURATION:PT21600S", "X-PUBLISHED-TTL:PT21600S"]
        {
            assert!(head.contains(&line), "{line}: {head:?}");
        }
        for start in ["PRODID:-//pairing-tracker//", "NAME:", "X-WR-CALNAME:"] {
            assert!(head.iter().any(|line| line.starts_with(start)), "{start}: {head:?}");
        }
        assert!(head.iter().any(|line| line.starts_with("X-WR-CALNAME:") && line.ends_with("：里程碑")), "{head:?}");
        client.get("pairings/none/milestones.ics").await.expect(404);
        client.get(&format!("{MILESTONES}?colour=red")).await.expect(400);
    });
}

#[test]
fn an_unchanged_feed_is_not_sent_again() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "milestones", milestone("maps")).await;
        for (path, change) in [(MILESTONES, "milestones/maps"), (CONFERENCES, "conferences/talk")] {
            if path == CONFERENCES {
                create(&client, "conferences", with(conference("talk"), json!({ "held_on": "2022-05-01" }))).await;
            }
            let first = client.get(path).await.expect(200);
            let tag = first.header("etag").to_owned();
            let conditional_get = |client: &Client, tag: String| {
                let client = client.clone();
                async move { client.send(Method::GET, path, &[("If-None-Match", &tag)], None).await.status.as_u16() }
            };
            assert_eq!(conditional_get(&client, tag.clone()).await, 304);
            // Another replica, with an empty cache, returns the same bytes.
            let other = database.client().get(path).await.expect(200);
            assert_eq!(other.bytes, first.bytes);
            client.patch(change, json!({ "note": "改" })).await.expect(200);
            assert_eq!(conditional_get(&client, tag).await, 200);
        }
        // A key in the URL does not change the feed, but forbids shared caches to store it.
        let made =
            client.post("pairings/xinhui-taishan/calendar-keys", json!({ "name": "甲", "feed": "milestones" })).await;
        let path = made.expect(201).body["subscribe_path"].as_str().expect("a path").to_owned();
        let with_key = client.anonymous().get(&path).await.expect(200);
        assert_eq!(with_key.bytes, client.get(MILESTONES).await.expect(200).bytes);
        assert_eq!(
            (with_key.header("cache-control"), with_key.header("referrer-policy")),
            ("private, no-cache", "no-referrer")
        );
    });
}

#[test]
fn an_event_keeps_its_uid_and_is_cancelled_when_its_record_is_deleted() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "milestones", milestone("maps")).await;
        let first = event_of(&read(&client, MILESTONES).await, "编制线路图").clone();
        // The UID is independent of the title, the code and the code of the programme.
        let change = json!({ "title": { "zh": "编制四张图" }, "code": "four-maps" });
        client.patch("milestones/maps", change).await.expect(200);
        client.patch("programmes/jiangmen-east-west", json!({ "code": "east-west" })).await.expect(200);
        let second = event_of(&read(&client, MILESTONES).await, "编制四张图").clone();
        assert_eq!(first["UID"], second["UID"]);
        assert_eq!((first["SEQUENCE"].as_str(), second["SEQUENCE"].as_str()), ("1", "2"));
        client.patch("milestones/four-maps", json!({ "status": "cancelled", "reason": "不再需要" })).await.expect(200);
        let third = event_of(&read(&client, MILESTONES).await, "编制四张图").clone();
        assert_eq!((third["STATUS"].as_str(), third["SEQUENCE"].as_str()), ("CANCELLED", "3"));
        client.delete("milestones/four-maps").await.expect(204);
        let fourth = event_of(&read(&client, MILESTONES).await, "编制四张图").clone();
        assert_eq!((fourth["STATUS"].as_str(), fourth["SEQUENCE"].as_str()), ("CANCELLED", "4"));
        assert_eq!((&fourth["UID"], &fourth["DTSTART;VALUE=DATE"]), (&first["UID"], &first["DTSTART;VALUE=DATE"]));
        assert!(fourth["LAST-MODIFIED"] >= third["LAST-MODIFIED"]);
        assert_eq!(fourth["DESCRIPTION"], "已删除", "nothing else is told of what is gone");
        // The event is not in the feed of another pairing.
        let other = read(&client, "pairings/heshan-kaiping/milestones.ics").await;
        assert!(other.iter().all(|event| event["UID"] != first["UID"]));
    });
}

#[test]
fn events_of_different_databases_have_different_uids() {
    on_each(|database| async move {
        let client = database.client();
        let part = |event: &Event| event["UID"].split_once('@').expect("a part of the database").1.to_owned();
        create(&client, "milestones", milestone("maps")).await;
        let own = part(&read(&client, MILESTONES).await[0]);
        assert!(own.len() > 20 && own.ends_with(".pairing-tracker"), "{own}");
        let hash: String =
            audit_events::table.find(1).select(audit_events::hash).first(&mut database.connect()).expect("an event");
        assert!(own.starts_with(&hash[..16]));
    });
}

#[test]
fn deletions_stay_in_the_feed_for_ninety_days() {
    on_each(|database| async move {
        let client = database.client();
        create(&client, "milestones", milestone("maps")).await;
        client.delete("milestones/maps").await.expect(204);
        let mut conn = database.connect();
        let last: (i64, Option<String>) = audit_events::table
            .order(audit_events::id.desc())
            .select((audit_events::id, audit_events::before_json))
            .first(&mut conn)
            .expect("the deletion");
        let has = |events: &[Event]| events.iter().any(|event| event["SUMMARY"] == "编制线路图");
        assert!(has(&read(&client, MILESTONES).await));
        // An older deletion: events cannot be changed, but one can be appended with an earlier instant.
        let mut before: Value = serde_json::from_str(&last.1.expect("a state")).expect("JSON");
        before["title"]["zh"] = json!("旧的");
        for (days, title, told) in [(89, "近的", true), (92, "旧的", false)] {
            before["title"]["zh"] = json!(title);
            before["id"] = json!(100_000 + days);
            let at = pairing_tracker::model::types::Instant::from(chrono::Utc::now() - chrono::TimeDelta::days(days));
            let id: i64 = audit_events::table
                .select(diesel::dsl::max(audit_events::id).assume_not_null())
                .first(&mut conn)
                .expect("an id");
            diesel::insert_into(audit_events::table)
                .values((
                    audit_events::id.eq(id + 1),
                    audit_events::at.eq(at),
                    audit_events::actor.eq("tester"),
                    audit_events::actor_id.eq("operator"),
                    audit_events::action.eq("delete"),
                    audit_events::entity.eq("milestone"),
                    audit_events::record_id.eq(100_000 + days),
                    audit_events::before_json.eq(before.to_string()),
                    audit_events::request_id.eq("tests"),
                    audit_events::hash.eq("0".repeat(64)),
                ))
                .execute(&mut conn)
                .expect("an event");
            let events = read(&database.client(), MILESTONES).await;
            assert_eq!(events.iter().any(|event| event["SUMMARY"] == title), told, "{title}");
        }
    });
}

#[test]
fn a_conference_event_has_a_date_and_a_place_and_no_personal_data() {
    on_each(|database| async move {
        let client = database.client();
        let record = json!({
            "held_on": "2022-05-20", "venue": "台山市, 台城; 会议室", "sequence_number": 7, "host_region": "taishan",
            "participants": [{ "name": "甲某人", "title": "区长" }]
        });
        create(&client, "conferences", with(conference("seventh"), record)).await;
        create(&client, "conferences", with(conference("undated"), json!({ "title": { "zh": "未定日期" } }))).await;
        let events = read(&client, CONFERENCES).await;
        let event = event_of(&events, "第7次联席会议");
        assert_eq!(
            (event["DTSTART;VALUE=DATE"].as_str(), event["LOCATION"].as_str()),
            ("20220520", "台山市\\, 台城\\; 会议室")
        );
        assert_eq!((event["STATUS"].as_str(), event["CATEGORIES"].as_str()), ("CONFIRMED", "联席会议,拟召开"));
        assert!(event["UID"].starts_with("conference-") && event["DESCRIPTION"].contains("主办：台山市"));
        assert!(events.iter().all(|event| event["SUMMARY"] != "未定日期" && !format!("{event:?}").contains("甲某人")));
        client.patch("conferences/seventh", json!({ "status": "postponed" })).await.expect(200);
        assert_eq!(event_of(&read(&client, CONFERENCES).await, "第7次联席会议")["STATUS"], "TENTATIVE");
        client.patch("conferences/seventh", json!({ "status": "cancelled" })).await.expect(200);
        assert_eq!(event_of(&read(&client, CONFERENCES).await, "第7次联席会议")["STATUS"], "CANCELLED");
        client.delete("conferences/seventh").await.expect(204);
        client.delete("conferences/undated").await.expect(204);
        let events = read(&client, CONFERENCES).await;
        assert_eq!(event_of(&events, "第7次联席会议")["SEQUENCE"], "4");
        assert!(events.iter().all(|event| event["SUMMARY"] != "未定日期"));
    });
}
