//! The document's examples: real requests against the seed, and the answers to them.
//!
//! `UPDATE=1` writes what the service answers into `src/openapi/examples.json`, from where the document takes it; without,
//! the test holds the two against each other. What no two runs share (instants, request ids, digests) is fixed.

use std::path::Path;

use actix_web::http::Method;
use serde_json::{Map, Value, json};

use crate::common::{Client, databases};

/// Operation, method, path, body.
type Call = (&'static str, Method, &'static str, Option<Value>);

/// Every operation with a JSON body or answer, in an order in which each finds what it needs.
fn calls() -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut get = |operation, path| calls.push((operation, Method::GET, path, None));
    get("getHealth", "/healthz");
    get("getReadiness", "/readyz");
    get("listDocuments", "documents?limit=1");
    get("getDocument", "documents/ycwb-2022-jiangmen-east-west");
    get("listDocumentHistory", "documents/ycwb-2022-jiangmen-east-west/history?limit=1");
    get("listRegions", "regions?limit=1&sort=-code");
    get("getRegion", "regions/enping");
    get("listRegionHistory", "regions/enping/history?limit=1");
    get("listOrganizations", "organizations?limit=1");
    get("getOrganization", "organizations/jiangmen-polytechnic");
    get("listOrganizationHistory", "organizations/jiangmen-polytechnic/history?limit=1");
    get("listSectors", "sectors?q=文旅&limit=1");
    get("getSector", "sectors/culture-tourism");
    get("listSectorHistory", "sectors/culture-tourism/history?limit=1");
    get("listProgrammes", "programmes?limit=1");
    get("getProgramme", "programmes/jiangmen-east-west");
    get("listProgrammeHistory", "programmes/jiangmen-east-west/history?limit=1");
    get("listPairings", "pairings?recipient=enping&limit=1&count=true&as_of=2022-12-31");
    get("getPairing", "pairings/xinhui-taishan?as_of=2022-12-31");
    get("listPairingHistory", "pairings/xinhui-taishan/history?limit=1");
    get("listAgreements", "agreements?q=文旅&limit=1&count=true&as_of=2022-12-31");
    get("getAgreement", "agreements/xinhui-taishan-framework-2022?as_of=2022-12-31");
    get("listAgreementHistory", "agreements/xinhui-taishan-framework-2022/history?limit=1");
    get("getScorecard", "reports/scorecard?as_of=2022-12-31&limit=2");
    let mut write = |operation, method, path, body| calls.push((operation, method, path, Some(body)));
    write(
        "createDocument",
        Method::POST,
        "documents",
        json!({
        "code": "xinhui-taishan-tourism-memorandum-text", "title": { "zh": "文旅合作备忘录文本", "en": "Text of the tourism memorandum" },
        "kind": "agreement_text", "publisher": "新会区文化广电旅游体育局", "language": "zh-CN" }),
    );
    write(
        "updateDocument",
        Method::PATCH,
        "documents/xinhui-taishan-tourism-memorandum-text",
        json!({ "note": "扫描件待补" }),
    );
    write(
        "createRegion",
        Method::POST,
        "regions",
        json!({
        "code": "duanfen", "name": { "zh": "端芬镇", "en": "Duanfen Town" }, "level": "township", "parent": "taishan" }),
    );
    write("updateRegion", Method::PATCH, "regions/duanfen", json!({ "note": "台山市下辖镇" }));
    write(
        "createOrganization",
        Method::POST,
        "organizations",
        json!({
        "code": "taishan-culture-tourism-bureau", "name": { "zh": "台山市文化广电旅游体育局", "en": "Taishan Culture and Tourism Bureau" },
        "kind": "department", "region": "taishan" }),
    );
    write(
        "updateOrganization",
        Method::PATCH,
        "organizations/taishan-culture-tourism-bureau",
        json!({ "name": { "en": "Taishan Bureau of Culture, Radio, Television, Tourism and Sports" } }),
    );
    write(
        "createSector",
        Method::POST,
        "sectors",
        json!({
        "code": "rural-tourism", "name": { "zh": "乡村旅游", "en": "Rural tourism" }, "parent": "culture-tourism", "vocabulary": "jiangmen-2022" }),
    );
    write(
        "updateSector",
        Method::PATCH,
        "sectors/rural-tourism",
        json!({ "description": { "zh": "以村落、温泉、海岛为主的旅游" } }),
    );
    write(
        "createProgramme",
        Method::POST,
        "programmes",
        json!({
        "code": "jiangmen-next", "name": { "zh": "新一轮东西部对口协作", "en": "Next round of paired cooperation" },
        "starts_on": "2027-01-01", "ends_on": "2031-12-31" }),
    );
    write("updateProgramme", Method::PATCH, "programmes/jiangmen-next", json!({ "ends_on": null }));
    write(
        "createPairing",
        Method::POST,
        "pairings",
        json!({
        "code": "xinhui-taishan-next", "programme": "jiangmen-east-west", "name": { "zh": "新会区—台山市（新一轮）", "en": "Xinhui – Taishan (next round)" },
        "members": [{ "region": "xinhui", "role": "supporter", "is_lead": true }, { "region": "taishan", "role": "recipient" }],
        "sectors": ["culture-tourism"], "supersedes": "xinhui-taishan" }),
    );
    write("updatePairing", Method::PATCH, "pairings/xinhui-taishan-next", json!({ "established_on": "2027-01-01" }));
    write(
        "createAgreement",
        Method::POST,
        "agreements",
        json!({
        "code": "xinhui-taishan-tourism-memorandum", "pairing": "xinhui-taishan", "kind": "memorandum",
        "title": { "zh": "新会—台山文旅交流合作备忘录", "en": "Xinhui–Taishan memorandum on culture and tourism" },
        "parent": "xinhui-taishan-framework-2022", "status": "signed",
        "parties": [{ "region": "xinhui", "side": "supporter" }, { "region": "taishan", "side": "recipient" }],
        "sectors": ["culture-tourism"] }),
    );
    write(
        "updateAgreement",
        Method::PATCH,
        "agreements/xinhui-taishan-tourism-memorandum",
        json!({ "expires_on": "2026-12-31" }),
    );
    write(
        "createAgreementAmendment",
        Method::POST,
        "agreements/xinhui-taishan-tourism-memorandum/amendments",
        json!({
        "title": { "zh": "增加乡村旅游内容", "en": "Adds rural tourism" }, "signed_on": "2022-09-01" }),
    );
    write(
        "createMilestone",
        Method::POST,
        "milestones",
        json!({
        "code": "tourism-route-map", "agreement": "xinhui-taishan-tourism-memorandum",
        "title": { "zh": "编制“一程多站”文旅线路图", "en": "Draw up the multi-stop tourism route map" }, "due_on": "2022-06-30",
        "responsible": ["taishan-culture-tourism-bureau"], "weight": 2 }),
    );
    write(
        "updateMilestone",
        Method::PATCH,
        "milestones/tourism-route-map",
        json!({ "due_on": "2022-07-31", "reason": "汛期停工，顺延一个月", "status": "in_progress", "progress": 40 }),
    );
    let mut get = |operation, path| calls.push((operation, Method::GET, path, None));
    get("listAgreementAmendments", "agreements/xinhui-taishan-tourism-memorandum/amendments?limit=1");
    get("listMilestones", "milestones?agreement=xinhui-taishan-tourism-memorandum&as_of=2022-12-31&limit=1");
    get("getMilestone", "milestones/tourism-route-map?as_of=2022-12-31");
    get("listMilestoneHistory", "milestones/tourism-route-map/history?limit=1");
    get("listMilestoneRevisions", "milestones/tourism-route-map/revisions");
    get("listOverdueMilestones", "reports/overdue?as_of=2022-12-31&limit=1&count=true");
    get("listAuditEvents", "audit-events?entity=milestone&action=update&limit=1");
    calls.push((
        "confirmMilestone",
        Method::POST,
        "milestones/heshan-kaiping-first-joint-conference-held/confirmations",
        Some(json!({ "side": "supporter" })),
    ));
    calls.push((
        "listMilestoneConfirmations",
        Method::GET,
        "milestones/heshan-kaiping-first-joint-conference-held/confirmations",
        None,
    ));
    calls
}

/// Fixes what no two runs share.
fn settle(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if (name.ends_with("_at") || name == "at") && field.is_string() {
                    *field = json!("2022-04-11T01:30:00Z");
                } else if name == "request_id" {
                    *field = json!("b8c1f0d2a94e4f7c");
                } else {
                    settle(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(settle),
        _ => {}
    }
}

async fn gather(client: &Client) -> Value {
    let mut examples = Map::new();
    for (operation, method, path, body) in calls() {
        let path = path.replace("文旅", "%E6%96%87%E6%97%85");
        let headers: &[(&str, &str)] = if method == Method::PATCH { &[("If-Match", "*")] } else { &[] };
        let mut answer = client.send(method, &path, headers, body.clone()).await;
        assert!(answer.status.is_success(), "{operation}: {}", answer.body);
        settle(&mut answer.body);
        let mut example = Map::new();
        if let Some(body) = body {
            example.insert("request".to_owned(), body);
        }
        example.insert("responses".to_owned(), json!({ answer.status.as_u16().to_string(): answer.body }));
        examples.insert(operation.to_owned(), Value::Object(example));
    }
    // The file's bytes have no JSON; the answer is a document like any other.
    examples.insert(
        "putDocumentContent".to_owned(),
        json!({ "responses": { "200": examples["getDocument"]["responses"]["200"] } }),
    );
    Value::Object(examples)
}

#[test]
fn examples_are_what_the_service_answers() {
    let database = databases(true).swap_remove(0);
    let examples = actix_web::rt::System::new().block_on(async move { gather(&database.client()).await });
    let text = format!("{}\n", serde_json::to_string_pretty(&examples).expect("JSON"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/openapi/examples.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).expect("the examples are written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "the examples are not current: UPDATE=1 cargo test --test suite, twice");
}
