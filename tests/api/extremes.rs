//! Extreme values that validation accepts, read through every operation: no stored record makes a response fail, and sums are
//! exact beyond the width of a column.
//!
//! The values come from the schemas of the operations that create, and the reads from the operations that read, so that new
//! fields and new reports are covered.

use std::collections::BTreeMap;

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::common::builders::{Operation, example, ids, operations, with_query};
use crate::common::records::{approved, commitment, create, milestone, with};
use crate::common::{Client, DOCUMENT, Database, on_each};
use crate::examples::create_examples;

/// The first and the last date that a request may contain.
const DAYS: [&str; 2] = ["0000-01-01", "9999-12-31"];
/// Records of each kind that are read one by one.
const READ_EACH: usize = 12;
/// Copies of one record that SQL makes, so that their sum exceeds 64 bits.
const COPIES: i64 = 1_000;

/// A schema, resolved where it is a reference or nullable.
fn resolved(schema: &Value) -> Value {
    let reference = schema["$ref"].as_str().and_then(|path| DOCUMENT.pointer(path.trim_start_matches('#')));
    let branches = schema["oneOf"].as_array().into_iter().flatten();
    let other = branches.into_iter().find(|branch| branch["type"] != "null");
    match (reference, other) {
        (Some(target), _) => resolved(target),
        (None, Some(branch)) => resolved(branch),
        (None, None) => schema.clone(),
    }
}

fn is(schema: &Value, wanted: &str) -> bool {
    schema["type"] == wanted || schema["type"].as_array().is_some_and(|types| types.iter().any(|one| one == wanted))
}

/// The extremes of a value: the longest texts, the smallest and largest numbers, the first and last date.
fn extremes(schema: &Value) -> Vec<Value> {
    let schema = resolved(schema);
    let pattern = schema["pattern"].as_str().unwrap_or_default();
    if schema["enum"].is_array() {
        return Vec::new();
    }
    if is(&schema, "integer") || is(&schema, "number") {
        return vec![schema["minimum"].clone(), schema["maximum"].clone()];
    }
    if is(&schema, "object") && schema["properties"].is_object() {
        let fields = schema["properties"].as_object().into_iter().flatten();
        return fields
            .flat_map(|(name, schema)| extremes(schema).into_iter().map(move |one| json!({ name: one })))
            .collect();
    }
    if !is(&schema, "string") {
        return Vec::new();
    }
    if schema["format"] == "date" {
        return DAYS.map(|day| json!(day)).into();
    }
    if let Some((_, places)) = pattern.split_once(r"(\.[0-9]{1,") {
        let places: usize = places[..1].parse().expect("a number of places");
        let most = format!("999999999999.{}", "9".repeat(places));
        let least = format!("-{most}");
        return if pattern.starts_with("^-?") {
            vec![json!(least), json!(most)]
        } else {
            vec![json!("0.01"), json!(most)]
        };
    }
    let length = usize::try_from(schema["maxLength"].as_u64().unwrap_or(0)).expect("a length");
    ["😀", "＝", "9", "Z", "\r", "http://a"]
        .map(|text| {
            json!(if text.len() < 5 {
                text.repeat(length)
            } else {
                format!("{text}{}", "a".repeat(length.saturating_sub(8)))
            })
        })
        .into()
}

/// Creates each extreme of each field, alone and combined with the other fields of the example; returns how many were accepted.
async fn create_all(client: &Client, operation: &Operation) -> usize {
    let Some((_, media)) = operation.bodies().into_iter().find(|(name, _)| *name == "application/json") else {
        return 0;
    };
    let (schema, mut whole) = (resolved(&media["schema"]), example(media).cloned().unwrap_or_default());
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if whole["period_start_on"].is_string() {
        // The days of the example are locked, as the example is approved.
        whole["period_start_on"] = json!("1995-01-01");
        whole["period_end_on"] = json!("1995-01-31");
    }
    let mut least = whole.clone();
    least.as_object_mut().expect("an object").retain(|name, _| required.contains(&name.as_str()));
    let (mut admitted, mut number) = (0, 0);
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        for extreme in extremes(field) {
            for base in [&least, &whole] {
                number += 1;
                let mut record = base.clone();
                if schema["properties"]["code"].is_object() {
                    record["code"] = json!(format!("extreme-{number}{}", "x".repeat(88)));
                }
                match (&mut record[name], &extreme) {
                    (Value::Object(fields), Value::Object(more)) => fields.extend(more.clone()),
                    (value, extreme) => *value = extreme.clone(),
                }
                let response = client.post(operation.template, record).await;
                assert!(response.status.as_u16() < 500, "{} with {name}", operation.id);
                admitted += usize::from(response.status == 201);
            }
        }
    }
    admitted
}

/// The values that each parameter of an operation is set to, one at a time.
fn values_of(operation: &Operation) -> Vec<String> {
    let mut queries = vec![String::new(), "count=true&limit=1000".to_owned()];
    for parameter in operation.document["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap_or_default();
        let schema = resolved(&parameter["schema"]);
        if schema["format"] == "date" {
            queries.extend(DAYS.map(|day| format!("{name}={day}")));
        } else if schema["format"] == "date-time" {
            let instants = ["0000-01-01T00:00:00Z", "2999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59Z"];
            queries.extend(instants.map(|instant| format!("{name}={instant}")));
        } else if name == "group_by" || name == "sort" {
            let values = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
            queries.extend(values.map(|value| format!("{name}={value}")));
        }
    }
    let takes = |name: &str| operation.parameters().iter().any(|other| other == name);
    if !takes("count") {
        queries.remove(1);
    }
    if operation.id == "getProgrammeIati" {
        queries.iter_mut().for_each(|query| {
            *query = with_query("", &["reporting_org=CN-1", "reporting_org_type=10", query]).replace('?', "")
        });
    }
    queries
}

/// Reads everything that can be read, in every format; returns the statuses by operation.
async fn read_all(client: &Client) -> BTreeMap<&'static str, Vec<u16>> {
    let mut seen: BTreeMap<&'static str, Vec<u16>> = BTreeMap::new();
    for operation in operations().into_iter().filter(|operation| operation.method == "GET") {
        let mut paths = vec![operation.template.to_owned()];
        if let Some((collection, _)) = operation.template.split_once("/{ref}") {
            let page = client.get(&format!("{collection}?limit=1000")).await.expect(200);
            let all = ids(page.body["items"].as_array().expect("items"));
            // The newest, which may be copies without audit events, and the oldest.
            let read = all.iter().rev().take(READ_EACH / 2).chain(all.iter().take(READ_EACH / 2));
            paths = read.map(|id| operation.path(&id.to_string())).collect();
        }
        let formats = operation.document["responses"]["200"]["content"].as_object().expect("a content");
        let suffixes = [("csv", "text/csv"), ("xlsx", "spreadsheetml"), ("ndjson", "x-ndjson"), ("yaml", "yaml")]
            .into_iter()
            .filter(|(_, part)| formats.len() > 1 && formats.keys().any(|name| name.contains(part)));
        for (index, path) in paths.iter().enumerate() {
            for query in values_of(&operation) {
                let response = client.get(&with_query(path, &[&query])).await;
                assert!(response.status.as_u16() < 500, "{path}?{query}: {}", String::from_utf8_lossy(&response.bytes));
                seen.entry(operation.id).or_default().push(response.status.as_u16());
            }
            // A file contains the whole list, so two records are enough.
            for (suffix, _) in suffixes.clone().filter(|_| index < 2) {
                let response = client.get(&format!("{path}.{suffix}")).await;
                assert!(
                    response.status.as_u16() < 500,
                    "{path}.{suffix}: {}",
                    String::from_utf8_lossy(&response.bytes)
                );
                seen.entry(operation.id).or_default().push(response.status.as_u16());
            }
        }
    }
    seen
}

/// Copies a row of a table [`COPIES`] times with other values in some columns, which may use `n.i` from 1 on.
fn copies(database: &Database, table: &str, id: &Value, same: &str, other: &[(&str, &str)]) {
    let numbers = match database.name {
        "sqlite" => format!(
            "(WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {COPIES}) SELECT i FROM c) n"
        ),
        _ => format!("(SELECT i FROM generate_series(1, {COPIES}) i) n"),
    };
    let (names, values): (Vec<&str>, Vec<&str>) = other.iter().copied().unzip();
    let sql = format!(
        "INSERT INTO {table} ({same}, {}) SELECT {same}, {} FROM {table} JOIN {numbers} ON {table}.id = {id}",
        names.join(", "),
        values.join(", ")
    );
    database.connect().batch_execute(&sql).expect("the rows are inserted");
}

/// 1,001 pledges of the largest amount, in a currency of their own, and their sum. Sums beyond 64 bits of fen are covered by
/// the tests of the figures.
async fn largest_money(database: &Database, client: &Client) -> &'static str {
    let entry = json!({ "kind": "pledge", "amount": "999999999999.99", "currency": "XTS", "value_on": "2022-05-01",
        "pairing": "xinhui-taishan" });
    let made = create(client, "transactions", entry).await;
    let same = "version, created_at, updated_at, kind, currency, value_on, pairing_id, pass_through";
    copies(database, "transactions", &made.body["id"], same, &[("amount", "99999999999999")]);
    "1000999999999989.99"
}

/// A commitment whose reports sum to more than 64 bits of ten-thousandths, and the sum.
async fn quantities_beyond_a_column(database: &Database, client: &Client) -> &'static str {
    let indicator = json!({ "unit": "元", "baseline": "-999999999999.9999", "target": "999999999999.9999" });
    let record = with(commitment("beyond"), json!({ "starts_on": DAYS[0], "due_on": DAYS[1], "indicator": indicator }));
    create(client, "commitments", record).await;
    let report =
        create(client, "progress-reports", approved("beyond", "1990-01-01", "1990-01-01", "999999999999.9999")).await;
    let day = match database.name {
        "sqlite" => "date('1990-01-01', '+' || n.i || ' days')",
        _ => "DATE '1990-01-01' + n.i::int",
    };
    let same = "version, created_at, updated_at, pairing_id, commitment_id, value, status, submitted_at, reviewed_at";
    copies(database, "progress_reports", &report.body["id"], same, &[("period_start_on", day), ("period_end_on", day)]);
    // 1,001 values, from a baseline of minus one.
    "999999999999999.9"
}

#[test]
fn extreme_values_can_be_read_everywhere_and_sums_are_exact() {
    on_each(|database| async move {
        let client = database.client();
        // A record of every kind, which the following ones refer to.
        create_examples(&client).await;
        let mut admitted = BTreeMap::new();
        for operation in operations() {
            if operation.method == "POST" && !operation.takes_reference() && operation.id != "createImport" {
                admitted.insert(operation.id, create_all(&client, &operation).await);
            }
        }
        let least = admitted.iter().filter(|(_, count)| **count < 4).collect::<Vec<_>>();
        assert!(least.is_empty(), "hardly an extreme is admitted: {least:?}");
        let moved =
            create(&client, "milestones", with(milestone("moved"), json!({ "due_on": DAYS[1], "weight": 1_000_000 })))
                .await;
        let change = json!({ "due_on": DAYS[0], "reason": "改" });
        client.patch(&format!("milestones/{}", moved.body["id"]), change).await.expect(200);
        let pledged = largest_money(&database, &client).await;
        let actual = quantities_beyond_a_column(&database, &client).await;

        let seen = read_all(&client).await;
        let reads = operations().into_iter().filter(|operation| operation.method == "GET");
        let without: Vec<&str> = reads.map(|operation| operation.id).filter(|id| !seen.contains_key(id)).collect();
        assert!(without.is_empty(), "never read: {without:?}");
        // No POST attaches a file.
        let failed: Vec<_> =
            seen.iter().filter(|(id, statuses)| !statuses.contains(&200) && **id != "getDocumentContent").collect();
        assert!(failed.is_empty(), "never read well: {failed:?}");

        let in_currency = |figures: &Value| {
            let found = figures.as_array().into_iter().flatten().find(|one| one["currency"] == "XTS");
            found.map(|one| one["pledged"].clone()).unwrap_or_default()
        };
        let funds = client.get("reports/funds?limit=1").await.expect(200).body;
        assert_eq!(in_currency(&funds["overall"]), pledged);
        let scorecard = client.get("reports/scorecard?pairing=xinhui-taishan").await.expect(200).body;
        assert_eq!(in_currency(&scorecard["overall"]["funds"]), pledged);
        let csv = client.get("reports/funds.csv?group_by=year").await.expect(200).bytes;
        assert!(String::from_utf8_lossy(&csv).contains(pledged), "a file has every digit");
        let beyond = client.get("commitments/beyond").await.expect(200).body;
        assert_eq!((&beyond["actual"], &beyond["completion"]), (&json!(actual), &json!(50_050.0)));
        let slipped = client.get(&format!("milestones/{}", moved.body["id"])).await.expect(200).body;
        assert_eq!(slipped["slippage_days"], -3_652_424);
    });
}

#[test]
fn sums_of_weights_beyond_64_bits_are_exact() {
    on_each(|database| async move {
        let client = database.client();
        let done =
            create(&client, "milestones", with(milestone("done"), json!({ "status": "met", "met_on": "2022-06-01" })))
                .await;
        let open = create(&client, "milestones", milestone("open")).await;
        let same = "version, created_at, updated_at, pairing_id, agreement_id, title_zh, due_on, baseline_due_on, met_on, \
            status, progress";
        // Far more than a request may contain: the products fit into a column, their sum does not.
        for made in [&done, &open] {
            copies(&database, "milestones", &made.body["id"], same, &[("weight_thousandths", "90000000000000000")]);
        }
        let scorecard = client.get("reports/scorecard?pairing=xinhui-taishan").await.expect(200).body;
        assert_eq!(scorecard["items"][0]["figures"]["progress"], 50.0);
        let agreement = client.get("agreements/xinhui-taishan-framework-2022").await.expect(200).body;
        assert_eq!(agreement["progress"], 50.0);
    });
}
