//! Lists read page by page to the end, in every order that the document names: no item is missing or repeated, even during
//! concurrent writes; and search.

use std::cell::Cell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::common::builders::{bare_agreement, block_on, ids, lists, on_each_with_own_runtime, walk, with_query};
use crate::common::records::{create, fault, listed, milestone, with};
use crate::common::{Client, on_each};
use crate::examples::create_examples;

/// Gives each list under a record more than one item, and gives orders by date ties and gaps.
async fn fill(client: &Client) {
    let agreement = "agreements/xinhui-taishan-framework-2022";
    for title in ["一", "二", "三"] {
        let amendment = json!({ "title": { "zh": title } });
        client.post(&format!("{agreement}/amendments"), amendment).await.expect(201);
    }
    let met = "milestones/heshan-kaiping-first-joint-conference-held";
    for (due_on, side) in [("2022-05-01", "supporter"), ("2022-06-01", "recipient")] {
        client.patch(met, json!({ "due_on": due_on, "reason": "顺延" })).await.expect(200);
        client.post(&format!("{met}/confirmations"), json!({ "side": side })).await.expect(200);
    }
    for (code, due_on) in [("a", "2022-03-31"), ("b", "2022-03-31"), ("c", "2022-01-01"), ("d", "2022-12-31")] {
        create(client, "milestones", with(milestone(code), json!({ "due_on": due_on }))).await;
    }
    for path in
        ["regions/enping", "documents/gb-t-2260", "programmes/jiangmen-east-west", "pairings/xinhui-taishan", agreement]
    {
        client.patch(path, json!({ "note": "改" })).await;
    }
}

/// The sort key of an item; items without a date come last.
fn key(item: &Value, field: &str) -> (bool, String, i64) {
    let id = item["id"].as_i64().unwrap_or_default();
    match &item[field] {
        Value::Null => (true, String::new(), id),
        Value::Number(_) => (false, String::new(), id),
        other => (false, other.as_str().unwrap_or_default().to_owned(), id),
    }
}

#[test]
fn the_pages_of_every_list_contain_every_item_once_in_every_order() {
    on_each(|database| async move {
        let client = database.client();
        create_examples(&client).await;
        fill(&client).await;
        let lists = lists();
        assert!(lists.len() >= 20, "the document has its lists");
        for list in lists {
            let path = list.path(&list.some_record(&client).await);
            let plain = walk(&client, &path, "", 1000).await;
            assert!(!plain.is_empty(), "{path} has items to walk over");
            for sort in list.sorts() {
                let query = if sort.is_empty() { String::new() } else { format!("sort={sort}") };
                let whole = walk(&client, &path, &query, 1000).await;
                let single = walk(&client, &path, &query, 1).await;
                assert_eq!(single, whole, "{path}?{query}");
                let distinct: BTreeSet<String> = single.iter().map(ToString::to_string).collect();
                assert_eq!((distinct.len(), whole.len()), (whole.len(), plain.len()), "{path}?{query}");
                if let (Some(field), false) = (sort.strip_prefix('-'), sort.is_empty()) {
                    let mut mirrored = walk(&client, &path, &format!("sort={field}"), 3).await;
                    assert!(mirrored.is_sorted_by_key(|item| key(item, field)), "{path}?sort={field}");
                    mirrored.reverse();
                    assert_eq!(whole, mirrored, "{path}: {sort} is {field} turned round");
                }
            }
        }
    });
}

#[test]
fn every_list_has_a_total_only_on_request() {
    on_each(|database| async move {
        let client = database.client();
        create_examples(&client).await;
        fill(&client).await;
        for list in lists() {
            let path = list.path(&list.some_record(&client).await);
            let items = walk(&client, &path, "", 1000).await;
            for uncounted in ["limit=1", "limit=1&count=false"] {
                let page = client.get(&with_query(&path, &[uncounted])).await.expect(200);
                assert!(page.body.get("total").is_none(), "{path} counts unasked");
            }
            let page = client.get(&with_query(&path, &["limit=1&count=true"])).await.expect(200);
            assert_eq!(page.body["total"], items.len(), "{path}");
            if let Some(cursor) = page.body["next_cursor"].as_str() {
                let next =
                    client.get(&with_query(&path, &["count=true", &format!("cursor={cursor}")])).await.expect(200);
                assert_eq!(next.body["total"], items.len(), "{path}: a later page counts the whole list");
            }
        }
        let filtered =
            client.get("milestones?pairing=xinhui-taishan&due_to=2022-03-31&limit=1&count=true").await.expect(200);
        assert_eq!(filtered.body["total"], 3);
    });
}

#[test]
fn the_link_header_refers_to_the_next_page() {
    on_each(|database| async move {
        let client = database.client();
        create_examples(&client).await;
        fill(&client).await;
        for start in [
            "/api/v1/regions?sort=-code&limit=3",
            "/api/v1/milestones?limit=2&pairing=xinhui-taishan",
            "/api/v1/sectors?limit=10",
        ] {
            let (path, query) = start.split_once('?').expect("a query");
            let whole =
                walk(&client, path, query.split('&').find(|part| !part.starts_with("limit")).unwrap_or_default(), 1000)
                    .await;
            let (mut items, mut next) = (Vec::new(), Some(start.to_owned()));
            while let Some(url) = next {
                let page = client.get(&url).await.expect(200);
                items.extend(page.body["items"].as_array().cloned().unwrap_or_default());
                let link = page.header("link");
                assert_eq!(link.is_empty(), page.body["next_cursor"].is_null(), "{url}");
                next = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).map(str::to_owned);
                assert_eq!(next.is_some(), !link.is_empty(), "{link}");
            }
            assert_eq!(items, whole, "{start}");
        }
    });
}

#[test]
fn a_cursor_is_valid_only_for_its_own_list() {
    on_each(|database| async move {
        let client = database.client();
        create_examples(&client).await;
        fill(&client).await;
        let own = "pairing=xinhui-taishan&sort=due_on";
        let page = client.get(&format!("milestones?{own}&limit=1")).await.expect(200);
        let cursor = page.body["next_cursor"].as_str().expect("more than one page").to_owned();
        for (path, query) in [
            ("milestones", own),
            ("milestones", "sort=due_on&pairing=xinhui-taishan"),
            ("milestones", "pairing=xinhui-taishan&sort=due_on&limit=2&count=true"),
        ] {
            client.get(&with_query(path, &[query, &format!("cursor={cursor}")])).await.expect(200);
        }
        let other_record = "milestones/a/history";
        let refused = async |path: &str, query: &str, cursor: &str| {
            let response = client.get(&with_query(path, &[query, &format!("cursor={cursor}")])).await.expect(400);
            assert_eq!(response.faults(), [fault("/query/cursor", "invalid_cursor")], "{path}?{query}");
        };
        for (path, query) in [
            ("milestones", "pairing=xinhui-taishan&sort=-due_on"),
            ("milestones", "pairing=xinhui-taishan&sort=id"),
            ("milestones", "pairing=heshan-kaiping&sort=due_on"),
            ("milestones", "pairing=xinhui-taishan&sort=due_on&overdue=true"),
            ("milestones", "sort=due_on"),
            ("agreements", "pairing=xinhui-taishan"),
            (other_record, ""),
        ] {
            refused(path, query, &cursor).await;
        }
        let (start, end) = cursor.split_at(cursor.len() / 2);
        for garbage in
            ["x", "%2B%2F", "eyJ9", start, &format!("{end}{start}"), &format!("{cursor}AAAA"), &"A".repeat(2000)]
        {
            refused("milestones", own, garbage).await;
        }
        let history =
            client.get("milestones/heshan-kaiping-first-joint-conference-held/history?limit=1").await.expect(200);
        refused(other_record, "", history.body["next_cursor"].as_str().expect("more than one event")).await;
    });
}

/// Days in 2022, few of them, so that many records share one.
fn days() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(1..12_u8, 0..4)
}

/// The initial milestones of a case, and for each page its size and the milestones inserted after it.
type Steps = Vec<(usize, Vec<u8>)>;

fn cases() -> impl Strategy<Value = (Vec<u8>, Steps, &'static str)> {
    let sort = prop::sample::select(vec!["due_on", "-due_on", "id", "-id", "updated_at", "-updated_at"]);
    (proptest::collection::vec(1..12_u8, 0..20), proptest::collection::vec((1..6_usize, days()), 1..8), sort)
}

async fn insert(client: &Client, agreement: &str, days: &[u8]) -> Vec<i64> {
    let mut created = Vec::new();
    for day in days {
        let new = json!({ "agreement": agreement, "title": { "zh": "插入" }, "due_on": format!("2022-06-{day:02}") });
        created.extend(ids(&[create(client, "milestones", new).await.body]));
    }
    created
}

#[test]
fn paging_neither_skips_nor_repeats_items_during_concurrent_inserts() {
    on_each_with_own_runtime(|_, client| {
        let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let number = Cell::new(0);
        let outcome = runner.run(&cases(), |(first, pages, sort)| {
            number.set(number.get() + 1);
            let agreement = format!("case-{}", number.get());
            let (before, seen) = block_on(async || {
                create(&client, "agreements", bare_agreement(&agreement, "xinhui-taishan")).await;
                let before = insert(&client, &agreement, &first).await;
                let query = format!("agreement={agreement}&sort={sort}");
                let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), pages.into_iter());
                loop {
                    let (limit, days) = pages.next().unwrap_or((1000, Vec::new()));
                    let page =
                        client.get(&with_query("milestones", &[&query, &format!("limit={limit}"), &cursor])).await;
                    let page = page.expect(200).body;
                    seen.extend(ids(page["items"].as_array().expect("items")));
                    insert(&client, &agreement, &days).await;
                    match page["next_cursor"].as_str() {
                        Some(next) => cursor = format!("cursor={next}"),
                        None => return (before, seen),
                    }
                }
            });
            let distinct: BTreeSet<i64> = seen.iter().copied().collect();
            prop_assert_eq!(distinct.len(), seen.len(), "doubled");
            prop_assert!(before.iter().all(|id| distinct.contains(id)), "lost");
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{error}"));
    });
}

#[test]
fn a_search_finds_chinese_words_within_one_field() {
    on_each(|database| async move {
        let client = database.client();
        let text = |code: &str, zh: &str, en: &str, note: &str| {
            with(milestone(code), json!({ "title": { "zh": zh, "en": en }, "note": note }))
        };
        create(&client, "milestones", text("tour", "编制文旅线路图", "Tourism route map", "汛期顺延")).await;
        create(&client, "milestones", text("split", "图文", "Pictures", "旅游局牵头")).await;
        create(
            &client,
            "milestones",
            with(milestone("seam"), json!({ "title": { "zh": "推进人文" }, "note": "旅费自理" })),
        )
        .await;
        create(&client, "milestones", text("apart", "文化与旅游", "Culture", "")).await;
        for (q, found) in [
            ("文旅", &["tour"][..]),
            ("线路", &["tour"]),
            ("汛期", &["tour"]),
            ("旅游", &["split", "apart"]),
            ("tour", &["tour"]),
            ("TOURISM%20route", &["tour"]),
            ("文旅%20汛期", &["tour"]),
            ("路线", &[]),
            ("%22%27*", &[]),
        ] {
            let query = format!("sort=id&agreement=xinhui-taishan-framework-2022&q={}", encoded(q));
            assert_eq!(listed(&client, "milestones", &query).await, found, "{q}");
        }
        client.patch("milestones/tour", json!({ "title": { "zh": "改名" } })).await.expect(200);
        assert!(listed(&client, "milestones", &format!("q={}", encoded("文旅"))).await.is_empty());
        assert_eq!(listed(&client, "milestones", &format!("q={}", encoded("改名"))).await, ["tour"]);
        client.delete("milestones/tour").await.expect(204);
        assert!(listed(&client, "milestones", &format!("q={}", encoded("改名"))).await.is_empty());
    });
}

fn encoded(text: &str) -> String {
    text.bytes().map(|b| if b.is_ascii() { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
