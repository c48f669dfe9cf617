//! Records with random content.

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::common::Client;
use crate::common::records::{create, with};

/// Texts that file formats and their parsers are known to corrupt.
const TEXTS: [&str; 30] = [
    "no",
    "1e3",
    "2022-04-11",
    " leading and trailing ",
    "a\nb\n",
    "\n x",
    "'=1+1",
    "=1+1",
    "+1",
    "😀",
    "a\u{85}b",
    "a\u{2028}b",
    "\ttab\t",
    "\\",
    "\"",
    "'",
    "a\r\nb",
    "null",
    "~",
    "true",
    "0x1F",
    "- x",
    "# x",
    "x: y",
    "{x",
    "| y",
    "\u{feff}x",
    "\u{7f}",
    "甲；乙，丙、丁",
    "1.50",
];

/// The random choices of a case, consumed one after the other.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn next(&mut self) -> usize {
        usize::from(self.0.next().copied().unwrap_or_default())
    }

    fn text(&mut self) -> &'static str {
        TEXTS[self.next() % TEXTS.len()]
    }

    fn text_or_null(&mut self) -> Value {
        if self.next().is_multiple_of(3) { Value::Null } else { json!(self.text()) }
    }

    fn name(&mut self) -> Value {
        json!({ "zh": self.text(), "en": self.text_or_null() })
    }

    fn day(&mut self) -> String {
        let first = NaiveDate::from_ymd_opt(2022, 1, 1).expect("a day");
        (first + chrono::Days::new(self.next() as u64)).to_string()
    }

    fn day_or_null(&mut self) -> Value {
        if self.next().is_multiple_of(2) { Value::Null } else { json!(self.day()) }
    }

    fn some<'a>(&mut self, of: &[&'a str]) -> Vec<&'a str> {
        of.iter().filter(|_| self.next().is_multiple_of(2)).copied().collect()
    }

    fn code(&mut self, code: &str) -> Value {
        if self.next().is_multiple_of(2) { Value::Null } else { json!(code) }
    }

    fn citations(&mut self) -> Value {
        let cite = |one: &&str| json!({ "document": one, "field": "note", "locator": "第1页", "note": null });
        let mut cited: Vec<Value> = self.some(&["doc-a", "doc-b"]).iter().map(cite).collect();
        cited.iter_mut().for_each(|one| one["note"] = self.text_or_null());
        json!(cited)
    }
}

/// The code of a record, or its id if it has none.
fn key(record: &Value) -> String {
    record["code"].as_str().map_or_else(|| record["id"].to_string(), str::to_owned)
}

/// Creates a record with citations, and returns its [`key`].
macro_rules! make {
    ($client:ident, $c:ident, $path:literal, $record:tt) => {{
        let record = with(json!($record), json!({ "citations": $c.citations() }));
        key(&create($client, $path, record).await.body)
    }};
}

/// A record of every kind, in each state that is hard to import, with random content.
pub async fn fill(client: &Client, bytes: &[u8]) {
    let c = &mut Choices(bytes.iter());
    create_registers(client, c).await;
    let measured = create_agreements(client, c).await;
    create_reports(client, c, &measured).await;
    let milestone = create_works(client, c).await;
    create_resolutions(client, c, &measured, &milestone).await;
    create_exchanges(client, c).await;
    create_funds_and_assets(client, c).await;
}

/// Documents, regions, organizations, sectors, a programme, and its pairings.
async fn create_registers(client: &Client, c: &mut Choices<'_>) {
    create(client, "documents", json!({ "code": "doc-a", "title": c.name(), "kind": "news_report", "note": c.text_or_null(), "publisher": c.text_or_null() })).await;
    create(client, "documents", json!({ "code": "doc-b", "title": c.name(), "kind": "minutes", "citations": [{ "document": "doc-a" }], "published_on": c.day_or_null() })).await;
    make!(client, c, "regions", { "code": "north", "name": (c.name()), "level": "prefecture", "note": (c.text_or_null()) });
    make!(client, c, "regions", { "code": "east", "name": (c.name()), "level": "county", "parent": "north", "latitude": 22.5, "longitude": 113.25 });
    make!(client, c, "regions", { "code": "west", "name": (c.name()), "level": "county", "parent": "north" });
    make!(client, c, "organizations", { "code": "zz-board", "name": (c.name()), "kind": "government", "region": "east" });
    make!(client, c, "organizations", { "code": "aa-school", "name": (c.name()), "kind": "school", "region": "west", "parent": "zz-board" });
    make!(client, c, "sectors", { "code": "z-industry", "name": (c.name()), "description": (c.name()) });
    make!(client, c, "sectors", { "code": "parks", "name": (c.name()), "parent": "z-industry" });
    make!(client, c, "programmes", { "code": "plan", "name": (c.name()), "lead_body": (c.text_or_null()), "starts_on": (c.day_or_null()) });
    let members =
        json!([{ "region": "east", "role": "supporter", "is_lead": true }, { "region": "west", "role": "recipient" }]);
    make!(client, c, "pairings", { "code": "z-old", "programme": "plan", "name": (c.name()), "members": (members.clone()), "ended_on": (c.day_or_null()) });
    make!(client, c, "pairings", { "code": "new-one", "programme": "plan", "name": (c.name()), "members": (members.clone()), "supersedes": "z-old", "sectors": (c.some(&["parks", "z-industry"])), "note": (c.text_or_null()) });
}

/// A conference, agreements and commitments. Returns the commitment with an indicator.
async fn create_agreements(client: &Client, c: &mut Choices<'_>) -> String {
    make!(client, c, "conferences", { "code": "first", "pairing": "new-one", "status": "held", "held_on": (c.day()), "venue": (c.text_or_null()), "summary": (c.text_or_null()),
        "participants": [{ "name": (c.text()), "organization": "aa-school" }, { "region": "west", "title": (c.text_or_null()) }] });
    let parties = json!([{ "region": "east", "side": "supporter", "signatory": c.text_or_null() }, { "organization": "aa-school", "side": "recipient" }]);
    make!(client, c, "agreements", { "code": "z-frame", "pairing": "new-one", "kind": "framework_agreement", "title": (c.name()), "status": "signed", "signed_on": "2022-01-01",
        "parties": (parties.clone()), "sectors": (c.some(&["parks", "z-industry"])), "conference": "first", "number": (c.text_or_null()) });
    make!(client, c, "agreements", { "code": "a-note", "pairing": "new-one", "kind": "memorandum", "title": (c.name()), "status": "suspended", "status_on": (c.day()),
        "status_reason": (c.text()), "signed_on": "2022-01-01", "parties": parties, "parent": "z-frame", "summary": (c.name()) });
    let measured = make!(client, c, "commitments", { "code": (c.code("measured")), "agreement": "z-frame", "text": (c.name()), "starts_on": "2022-01-01", "due_on": "2022-12-31",
        "clause": (c.text_or_null()), "responsible": (c.some(&["zz-board", "aa-school"])), "indicator": { "name": (c.text_or_null()), "unit": (c.text()), "target": "100", "baseline": "0.5" } });
    make!(client, c, "commitments", { "code": (c.code("worded")), "agreement": "z-frame", "text": (c.name()), "sector": "parks", "note": (c.text_or_null()) });
    measured
}

/// Reports of a commitment: an approved one, its correction, a draft, and one that was returned.
async fn create_reports(client: &Client, c: &mut Choices<'_>, commitment: &str) {
    let report = |from: &str, to: &str| json!({ "commitment": commitment, "period_start_on": from, "period_end_on": to, "value": "1.5" });
    let approved = create(
        client,
        "progress-reports",
        with(report("2022-01-01", "2022-01-31"), json!({ "status": "approved", "code": c.code("z-january") })),
    )
    .await;
    create(client, "progress-reports", with(report("2022-01-01", "2022-01-31"), json!({ "status": "approved", "supersedes": key(&approved.body), "code": c.code("a-correction"), "narrative": c.text() }))).await;
    create(
        client,
        "progress-reports",
        with(report("2022-02-01", "2022-02-28"), json!({ "narrative": c.text_or_null() })),
    )
    .await;
    let returned =
        create(client, "progress-reports", with(report("2022-03-01", "2022-03-31"), json!({ "status": "submitted" })))
            .await;
    client
        .post(&format!("progress-reports/{}/return", key(&returned.body)), json!({ "note": c.text() }))
        .await
        .expect(200);
}

/// A project, and milestones that depend on each other. Returns the one that is met.
async fn create_works(client: &Client, c: &mut Choices<'_>) -> String {
    make!(client, c, "projects", { "code": "works", "pairing": "new-one", "agreement": "z-frame", "title": (c.name()), "description": (c.name()), "investment": "12000000.50",
        "sectors": [{ "sector": "parks", "percent": 33.33 }, { "sector": "z-industry", "percent": 66.67 }], "organizations": [{ "organization": "zz-board", "role": "lead" }],
        "location": "west", "status": "in_progress", "actual_start_on": (c.day_or_null()) });
    let first = make!(client, c, "milestones", { "code": (c.code("z-begun")), "agreement": "z-frame", "title": (c.name()), "due_on": (c.day()), "weight": 2.5, "note": (c.text_or_null()) });
    let met = make!(client, c, "milestones", { "code": (c.code("a-met")), "project": "works", "title": (c.name()), "due_on": (c.day()), "status": "met", "met_on": (c.day()),
        "depends_on": [first.clone()], "responsible": (c.some(&["zz-board", "aa-school"])) });
    make!(client, c, "milestones", { "code": (c.code("missed")), "agreement": "z-frame", "title": (c.name()), "due_on": (c.day()), "status": "not_met", "reason": (c.text()),
        "depends_on": [met, first.clone()] });
    let dropped = make!(client, c, "milestones", { "agreement": "z-frame", "title": (c.name()), "due_on": (c.day()), "kind": (c.text_or_null()) });
    client
        .patch(&format!("milestones/{dropped}"), json!({ "status": "cancelled", "reason": c.text() }))
        .await
        .expect(200);
    client
        .patch(&format!("milestones/{first}"), json!({ "due_on": "2023-01-01", "reason": c.text() }))
        .await
        .expect(200);
    met
}

/// Resolutions: of a commitment, of a milestone, and one that is done.
async fn create_resolutions(client: &Client, c: &mut Choices<'_>, commitment: &str, milestone: &str) {
    make!(client, c, "resolutions", { "code": (c.code("became")), "conference": "first", "text": (c.name()), "commitment": commitment, "responsible": ["aa-school"] });
    make!(client, c, "resolutions", { "conference": "first", "text": (c.name()), "milestone": milestone });
    make!(client, c, "resolutions", { "conference": "first", "text": (c.name()), "status": "done", "done_on": (c.day()), "note": (c.text_or_null()) });
}

/// A liaison, an exchange and a twinning.
async fn create_exchanges(client: &Client, c: &mut Choices<'_>) {
    make!(client, c, "liaisons", { "code": (c.code("leader")), "pairing": "new-one", "name": (c.text()), "title": (c.text_or_null()), "contact": (c.text_or_null()), "body": "government" });
    make!(client, c, "exchanges", { "code": (c.code("teachers")), "pairing": "new-one", "profession": "teacher", "direction": "supporter_to_recipient", "headcount": 5,
        "names": [(c.text()), "李四"], "sending": "zz-board", "hosting": "aa-school", "planned_start_on": (c.day_or_null()) });
    make!(client, c, "twinnings", { "code": (c.code("twins")), "pairing": "new-one", "supporter_organization": "zz-board", "recipient_organization": "aa-school", "note": (c.text_or_null()) });
}

/// A fund, its transactions, and an asset.
async fn create_funds_and_assets(client: &Client, c: &mut Choices<'_>) {
    make!(client, c, "funds", { "code": "pot", "programme": "plan", "name": (c.name()), "focus": (c.some(&["parks"])), "note": (c.text_or_null()) });
    let paid = make!(client, c, "transactions", { "code": (c.code("z-paid")), "kind": "disbursement", "amount": "1000.50", "value_on": "2022-03-01", "fund": "pot", "project": "works",
        "provider": "zz-board", "receiver": "aa-school", "pass_through": true, "note": (c.text_or_null()) });
    make!(client, c, "transactions", { "code": (c.code("a-back")), "kind": "reversal", "amount": "0.50", "value_on": "2022-03-02", "reverses": paid });
    make!(client, c, "assets", { "code": (c.code("park")), "region": "west", "name": (c.name()), "kind": "park", "note": (c.text_or_null()) });
}
