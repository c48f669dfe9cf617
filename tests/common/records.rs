//! POST bodies of records that the tests of resources start from, and small comparisons.

use pairing_tracker::db::reference::Kind;
use percent_encoding::{CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};

use super::client::Response;
use super::{Client, Database};

/// The fields of a record, some of them changed or added.
pub fn with(mut record: Value, changes: Value) -> Value {
    let fields = record.as_object_mut().expect("a record is an object");
    fields.extend(changes.as_object().expect("changes are an object").clone());
    record
}

/// A pairing of Xinhui and Taishan beside the seeded one.
pub fn pairing(code: &str) -> Value {
    json!({
        "code": code, "programme": "jiangmen-east-west", "name": { "zh": "新会区—台山市(测试)" },
        "members": [member("xinhui", "supporter"), member("taishan", "recipient")]
    })
}

/// A member without dates that does not lead.
pub fn member(region: &str, role: &str) -> Value {
    json!({ "region": region, "role": role })
}

/// A draft of Xinhui and Taishan with a party on each side.
pub fn agreement(code: &str) -> Value {
    json!({
        "code": code, "pairing": "xinhui-taishan", "kind": "memorandum", "title": { "zh": "合作备忘录" },
        "parties": [party("region", "xinhui", "supporter"), party("region", "taishan", "recipient")]
    })
}

/// A party: a `region` or an `organization`.
pub fn party(what: &str, code: &str, side: &str) -> Value {
    json!({ what: code, "side": side })
}

/// A milestone of the seeded framework agreement of Xinhui and Taishan, due on 30 June 2022.
pub fn milestone(code: &str) -> Value {
    json!({
        "code": code, "agreement": "xinhui-taishan-framework-2022", "title": { "zh": "编制线路图" }, "due_on": "2022-06-30"
    })
}

/// A planned joint conference of Xinhui and Taishan without a number.
pub fn conference(code: &str) -> Value {
    json!({ "code": code, "pairing": "xinhui-taishan" })
}

/// A commitment of the seeded framework agreement of Xinhui and Taishan: 100 people over the year 2022.
pub fn commitment(code: &str) -> Value {
    json!({
        "code": code, "agreement": "xinhui-taishan-framework-2022", "text": { "zh": "选派教师跟岗" },
        "starts_on": "2022-01-01", "due_on": "2022-12-31", "indicator": { "unit": "人", "target": "100" }
    })
}

/// A draft of a report on a commitment, for the days from `start` to `end`.
pub fn report(commitment: &str, start: &str, end: &str, value: &str) -> Value {
    json!({ "commitment": commitment, "period_start_on": start, "period_end_on": end, "value": value })
}

/// A report created as approved, which counts at once.
pub fn approved(commitment: &str, start: &str, end: &str, value: &str) -> Value {
    with(report(commitment, start, end, value), json!({ "status": "approved" }))
}

/// A proposed project of Xinhui and Taishan under no agreement.
pub fn project(code: &str) -> Value {
    json!({ "code": code, "pairing": "xinhui-taishan", "title": { "zh": "共建园区" } })
}

/// A sector with this code.
pub fn sector(code: &str) -> Value {
    json!({ "code": code, "name": { "zh": "领域" } })
}

/// Creates a valid record.
pub async fn create(client: &Client, path: &str, record: Value) -> Response {
    client.post(path, record).await.expect(201)
}

/// A fault as [`Response::faults`] returns it.
pub fn fault(pointer: &str, code: &str) -> (String, String) {
    (pointer.to_owned(), code.to_owned())
}

/// The English message of the fault at a pointer; empty when there is none.
pub fn message_at(response: &Response, pointer: &str) -> String {
    let faults = response.body["errors"].as_array().cloned().unwrap_or_default();
    let found = faults.iter().find(|fault| fault["pointer"] == pointer);
    found.and_then(|fault| fault["message"].as_str()).unwrap_or_default().to_owned()
}

/// The codes of embedded references.
pub fn codes_of(references: &Value) -> Vec<&str> {
    references.as_array().into_iter().flatten().filter_map(|reference| reference["code"].as_str()).collect()
}

/// A column of a list's or a report's rows.
pub fn column(list: &Response, pointer: &str) -> Vec<Value> {
    let rows = list.body["items"].as_array().expect("rows");
    rows.iter().map(|row| row.pointer(pointer).cloned().unwrap_or_default()).collect()
}

/// The codes in a list of `path`, in its order; the query may contain unencoded Chinese.
pub async fn listed(client: &Client, path: &str, query: &str) -> Vec<String> {
    let query = utf8_percent_encode(query, CONTROLS);
    client.get(&format!("{path}?limit=1000&{query}")).await.expect(200).codes()
}

/// Like [`listed`], but only these codes, regardless of the seed.
pub async fn listed_of(client: &Client, path: &str, query: &str, codes: &[&str]) -> Vec<String> {
    let mut found = listed(client, path, query).await;
    found.retain(|code| codes.contains(&code.as_str()));
    found
}

/// The name of a record where others refer to it, in Chinese and English.
pub fn named(database: &Database, kind: &Kind, record: &Response) -> (String, Option<String>) {
    let id = record.body["id"].as_i64().expect("an id");
    let found = kind.references(&mut database.connect(), &[id]).expect("the record is read");
    let [reference] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(json!([reference.id, reference.code]), json!([id, record.body["code"]]));
    (reference.name.zh.clone(), reference.name.en.clone())
}
