//! Promises of the published document, checked for every operation.

use actix_web::http::Method;
use serde_json::Value;

use crate::common::builders::{Operation, example, operations, writes};
use crate::common::client::Response;
use crate::common::{CONTRACT, DOCUMENT, on_each};
use crate::examples::create_examples;

/// Whether the document lists the status of the response for the operation.
fn listed(operation: &Operation, response: Response) -> Response {
    let status = response.status.as_str().to_owned();
    assert!(
        !operation.document["responses"][&status].is_null(),
        "{} answers {status}, which it does not list",
        operation.id
    );
    response
}

/// The faults of an example by the schema of its media type.
fn faults(media: &Value, example: &Value) -> Vec<String> {
    let reference = media["schema"]["$ref"].as_str().expect("a body has a component of its own");
    let component = reference.trim_start_matches("#/components/schemas/");
    let faults = CONTRACT.faults(component, example).expect("the schema is good");
    faults.into_iter().map(|fault| format!("{}: {}", fault.pointer, fault.message.en)).collect()
}

fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || media_type.ends_with("+json")
}

#[test]
fn every_write_requires_a_key() {
    on_each(|database| async move {
        let client = database.client();
        create_examples(&client).await;
        let anonymous = client.anonymous();
        let operations = writes();
        assert!(operations.len() > 20, "the document has its writes");
        for operation in operations {
            for reference in [operation.some_record(&client).await, "no-such-record".to_owned()] {
                let response = listed(&operation, operation.send(&anonymous, &reference).await).expect(401);
                assert!(response.header("www-authenticate").starts_with("Bearer"), "{}", operation.id);
            }
        }
    });
}

#[test]
fn every_operation_on_an_unknown_record_responds_with_404() {
    on_each(|database| async move {
        let client = database.client();
        let operations: Vec<Operation> = operations().into_iter().filter(Operation::takes_reference).collect();
        assert!(operations.len() > 30, "the document has its operations");
        for operation in operations {
            for reference in ["no-such-record", "987654321"] {
                let response = listed(&operation, operation.send(&client, reference).await).expect(404);
                assert_eq!(response.body["code"], "not_found", "{} {reference}", operation.id);
            }
        }
    });
}

#[test]
fn every_read_responds_as_its_schema_says() {
    on_each(|database| async move {
        let client = database.client();
        create_examples(&client).await;
        for operation in operations().iter().filter(|operation| operation.method == Method::GET) {
            let Some(media) = operation.document["responses"]["200"]["content"].get("application/json") else {
                continue;
            };
            let reference = operation.some_record(&client).await;
            let response = operation.send(&client, &reference).await.expect(200);
            assert_eq!(faults(media, &response.body), Vec::<String>::new(), "{}", operation.id);
        }
    });
}

#[test]
fn every_json_request_has_a_valid_example() {
    let mut seen = 0;
    for operation in operations() {
        for (media_type, media) in operation.bodies() {
            if is_json(media_type) {
                let example =
                    example(media).unwrap_or_else(|| panic!("{} has no example of its request", operation.id));
                assert_eq!(faults(media, example), Vec::<String>::new(), "the request of {}", operation.id);
                seen += 1;
            }
        }
    }
    assert!(seen > 15, "the document has its requests");
}

#[test]
fn every_json_response_has_a_valid_example() {
    let mut seen = 0;
    for operation in operations() {
        for (status, response) in operation.document["responses"].as_object().expect("responses") {
            if !status.starts_with('2') {
                continue;
            }
            for (media_type, media) in response["content"].as_object().into_iter().flatten() {
                if is_json(media_type) {
                    let example =
                        example(media).unwrap_or_else(|| panic!("{} has no example of its {status}", operation.id));
                    assert_eq!(faults(media, example), Vec::<String>::new(), "the {status} of {}", operation.id);
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 40, "the document has its answers");
    for (name, response) in DOCUMENT["components"]["responses"].as_object().expect("shared responses") {
        for media in response["content"].as_object().into_iter().flatten().map(|(_, media)| media) {
            let example = example(media).unwrap_or_else(|| panic!("{name} has no example"));
            assert_eq!(faults(media, example), Vec::<String>::new(), "{name}");
        }
    }
}
