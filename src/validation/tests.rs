//! Unit tests of the validation of bodies, parameters and headers.

use super::*;

fn contract() -> Contract {
    let document = json!({
        "paths": { "/things": { "get": { "operationId": "listThings", "parameters": [
            { "in": "query", "name": "since", "schema": { "type": "string", "format": "date-time" } },
            { "in": "query", "name": "limit", "schema": { "type": "integer", "minimum": 1 } },
            { "in": "query", "name": "status", "schema": { "type": "array", "items": { "$ref": "#/components/schemas/Status" } } },
        ] } }, "/things/{ref}": { "get": {}, "patch": {} } },
        "components": { "schemas": {
            "Status": { "type": "string", "enum": ["met", "scheduled"] },
            "Thing": { "type": "object", "additionalProperties": false, "required": ["name"],
                "properties": { "name": { "type": "string" }, "status": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Status" }] } } },
        } },
    });
    Contract::new(document.to_string()).unwrap()
}

fn codes(error: Error) -> (u16, Vec<(String, &'static str)>) {
    let problem = error.problem();
    (problem.status, problem.faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect())
}

#[test]
fn all_faults_of_a_body_are_reported() {
    let contract = contract();
    let body = json!({ "status": "done", "colour": 1 });
    let (status, mut faults) = codes(contract.validate("Thing", &body).unwrap_err());
    faults.sort();
    assert_eq!(status, 400);
    assert_eq!(
        faults,
        [("/colour".to_owned(), "unknown_field"), ("/name".to_owned(), "required"), ("/status".to_owned(), "enum"),]
    );
    assert!(contract.validate("Thing", &json!({ "name": "x", "status": null })).is_ok());
    assert_eq!(codes(contract.validate("Thing", &json!({ "name": 1 })).unwrap_err()).0, 422);
}

#[test]
fn a_query_is_converted_to_the_types_of_its_parameters() {
    let contract = contract();
    let query = contract.query("listThings", "limit=5&status=met&status=scheduled").unwrap();
    assert_eq!(query, json!({ "limit": 5, "status": ["met", "scheduled"] }));
    let (status, faults) = codes(contract.query("listThings", "limit=0&limit=2&stauts=met").unwrap_err());
    assert_eq!(status, 400);
    assert_eq!(
        faults,
        [
            ("/query/limit".to_owned(), "repeated"),
            ("/query/stauts".to_owned(), "unknown_parameter"),
            ("/query/limit".to_owned(), "too_small"),
        ]
    );
}

#[test]
fn a_format_fault_quotes_the_value() {
    const OFFSET: &str = "since=2022-01-01T00:00:00+08:00";
    let contract = contract();
    for (query, zh, en) in [
        (OFFSET, "“2022-01-01T00:00:00 08:00”", "received \"2022-01-01T00:00:00 08:00\""),
        (OFFSET, "%2B", "%2B"),
        ("since=yesterday%00", "收到的是“yesterday”。", "received \"yesterday\""),
    ] {
        let faults = contract.query("listThings", query).unwrap_err().problem().faults;
        let [fault] = faults.as_slice() else { panic!("{faults:?}") };
        assert_eq!((fault.pointer.as_str(), fault.code), ("/query/since", "format"));
        assert!(fault.message.zh.contains(zh) && fault.message.en.contains(en), "{:?}", fault.message);
    }
    assert!(contract.query("listThings", "since=2022-01-01T00:00:00%2B08:00").is_ok());
}

#[test]
fn a_path_has_methods() {
    assert_eq!(contract().methods_of("/things/7"), ["GET", "PATCH"]);
    assert!(contract().methods_of("/other").is_empty());
}
