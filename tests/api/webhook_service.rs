//! Webhooks of the running program: it sends without being triggered, finishes deliveries when it stops, and discloses no
//! secret.

use serde_json::{Value, json};

use crate::common::program::{Service, databases, on};
use crate::common::receiver::{Receiver, reply};

/// The body of the response to a POST.
fn post(service: &Service, key: &str, path: &str, body: &Value, status: u16) -> Value {
    let body = body.to_string();
    let request = format!(
        "POST /api/v1/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let response = service.exchange(request.as_bytes());
    assert_eq!(response.split(' ').nth(1), Some(status.to_string().as_str()), "{response}");
    let (_, body) = response.split_once("\r\n\r\n").expect("a body");
    serde_json::from_str(body).expect("JSON")
}

#[test]
fn the_program_sends_by_itself_without_a_proxy_and_logs_no_secret() {
    for url in databases() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        on(directory.path(), &url, &["migrate"]).good();
        let made = on(directory.path(), &url, &["key", "create", "--name", "office", "--role", "admin"]).good();
        let key = made.trim_end();
        let (receiver, proxy) = (Receiver::start(), Receiver::start());
        let place = format!("http://{}", proxy.address);
        let variables = [
            ("RUST_LOG", "trace"),
            ("HTTP_PROXY", place.as_str()),
            ("http_proxy", &place),
            ("ALL_PROXY", &place),
            ("PAIRING_TRACKER_WEBHOOK_NETWORKS", "127.0.0.0/8"),
        ];
        let service = Service::start_with(directory.path(), &["--database-url", &url], &variables);
        let hook = post(&service, key, "webhooks", &json!({ "code": "office", "url": receiver.url() }), 201);
        let secret = hook["secret"].as_str().expect("a secret");
        // The first delivery fails and is retried.
        receiver.respond_with([reply(500)]);
        let sector = json!({ "code": "one", "name": { "zh": "领域" } });
        post(&service, key, "sectors", &sector, 201);
        let received = receiver.wait_for(2);
        assert_eq!(received[0].type_and_code(), ("sector.created".to_owned(), "one".to_owned()));
        assert_eq!((received[1].id(), received[1].signed_with(&[secret])), (received[0].id(), vec![0]));

        // A delivery in progress is finished when the service stops, and its outcome is written.
        post(&service, key, "webhooks/office/test", &json!({}), 200);
        receiver.wait_for(3);
        let (code, output) = service.stop();
        assert_eq!(code, Some(0), "{output:?}");
        assert_eq!(proxy.received().len(), 0);
        let log = output.join("\n");
        assert!(log.contains("webhook message delivered") && log.contains("webhook message retried"), "{log}");
        let body = secret.strip_prefix("whsec_").expect("the form of a secret");
        for hidden in [body, "whsec_", "of-the-url", "/hook"] {
            assert!(!log.contains(hidden), "the log holds {hidden}: {log}");
        }
        let again = Service::start_with(directory.path(), &["--database-url", &url], &variables);
        let (status, deliveries) = again.request("GET /api/v1/webhooks/office/deliveries", Some(key));
        assert_eq!(status, 200);
        let deliveries: Value = serde_json::from_str(&deliveries).expect("JSON");
        let statuses: Vec<&Value> =
            deliveries["items"].as_array().expect("items").iter().map(|delivery| &delivery["status"]).collect();
        assert_eq!(statuses, ["delivered", "delivered"]);
    }
}
