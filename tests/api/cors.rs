//! Requests from pages of other origins, bodies and heads that are too large, and the headers of files.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::common::client::Response;
use crate::common::{Client, on_each};

const PAGE: &str = "https://page.example.org";

fn allowed(response: &Response) -> Vec<String> {
    let names = response.headers.keys().map(|name| name.as_str().to_owned());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("access-control-")).collect();
    names.sort();
    names
}

async fn preflight(client: &Client, origin: &str, method: &str, headers: &str) -> Response {
    let asked =
        [("Origin", origin), ("Access-Control-Request-Method", method), ("Access-Control-Request-Headers", headers)];
    client.send(Method::OPTIONS, "pairings", &asked, None).await
}

#[test]
fn pages_of_other_origins_may_not_call_the_api_by_default() {
    on_each(|database| async move {
        let client = database.client().anonymous();
        for path in ["pairings", "pairings/none", "/openapi.json"] {
            let response = client.send(Method::GET, path, &[("Origin", PAGE)], None).await;
            assert_eq!(allowed(&response), [""; 0], "{path}");
            assert_eq!(response.header("cross-origin-resource-policy"), "same-origin", "{path}");
        }
        let response = preflight(&client, PAGE, "GET", "authorization").await.expect(405);
        assert_eq!((allowed(&response), response.header("allow").contains("GET")), (vec![], true));
    });
}

#[test]
fn pages_of_configured_origins_may_call_the_api() {
    on_each(|database| async move {
        let client = database.client_with(|settings| {
            settings.cors_origins = vec![PAGE.to_owned(), "http://localhost:5173".to_owned()];
            settings.rate_per_address = 2;
        });
        let client = client.anonymous();
        let headers = "authorization,content-type,if-match,if-none-match,idempotency-key,accept-language,x-request-id";
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let response = preflight(&client, PAGE, method, headers).await.expect(200);
            assert_eq!(response.header("access-control-allow-origin"), PAGE);
            assert!(response.header("access-control-allow-methods").contains(method));
            assert_eq!(response.header("access-control-max-age"), "3600");
            assert_eq!(response.header("access-control-allow-credentials"), "");
        }
        for (origin, method, asked) in [
            ("https://evil.example", "GET", "authorization"),
            (PAGE, "TRACE", "authorization"),
            (PAGE, "GET", "cookie"),
        ] {
            let response = preflight(&client, origin, method, asked).await.expect(400);
            assert_eq!(allowed(&response), [""; 0], "{origin} {method} {asked}");
        }
        let here = client.at("198.51.100.7");
        for status in [200, 404, 429] {
            let path = if status == 200 { "pairings" } else { "pairings/none" };
            let response = here.send(Method::GET, path, &[("Origin", PAGE)], None).await.expect(status);
            assert_eq!(allowed(&response), ["access-control-allow-origin", "access-control-expose-headers"]);
            assert_eq!(response.header("access-control-allow-origin"), PAGE);
            let exposed = response.header("access-control-expose-headers").to_ascii_lowercase();
            for name in [
                "content-disposition",
                "deprecation",
                "etag",
                "link",
                "location",
                "retry-after",
                "sunset",
                "ratelimit",
                "ratelimit-policy",
                "x-request-id",
                "idempotent-replayed",
            ] {
                assert!(exposed.split(", ").any(|exposed| exposed == name), "{name}: {exposed}");
            }
            let vary: Vec<&str> = response.headers.get_all("vary").filter_map(|value| value.to_str().ok()).collect();
            assert!(vary.join(", ").contains("Origin"), "{vary:?}");
        }
        for origin in ["https://evil.example", "https://page.example.org:8443", "http://page.example.org", "null"] {
            let response = client.send(Method::GET, "pairings", &[("Origin", origin)], None).await.expect(200);
            assert_eq!(allowed(&response), [""; 0], "{origin}");
        }
        assert_eq!(allowed(&client.get("pairings").await.expect(200)), [""; 0]);
        // Without the headers of a preflight, OPTIONS is an unsupported method.
        client.send(Method::OPTIONS, "pairings", &[("Origin", PAGE)], None).await.expect(405);
    });
}

/// Nested lists of this depth.
fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, _| json!([inner]))
}

#[test]
fn json_that_is_nested_too_deep_is_refused() {
    on_each(|database| async move {
        let client = database.client();
        let refused = client.post("regions", json!({ "code": nested(32) })).await.expect(400);
        assert_eq!(refused.body["code"], "too_deep");
        let refused = client.patch("regions/xinhui", json!({ "note": nested(100) })).await.expect(400);
        assert_eq!(refused.body["code"], "too_deep");
        // One level less is validated field by field, and brackets inside a text do not count.
        let validated = client.post("regions", json!({ "code": nested(31) })).await;
        assert!(validated.body["code"] != "too_deep" && !validated.faults().is_empty(), "{validated:?}");
        client.patch("regions/xinhui", json!({ "note": "[".repeat(1000) })).await.expect(200);
        // 262,144 brackets: no parser may recurse into them.
        let bomb = "[".repeat(256 * 1024).into_bytes();
        let headers = [("Content-Type", "application/json")];
        let refused = client.send_bytes(Method::POST, "regions", &headers, Some(bomb)).await.expect(400);
        assert_eq!(refused.body["code"], "too_deep");
    });
}

#[test]
fn a_head_that_is_too_large_is_refused_with_the_part_that_is_too_large() {
    on_each(|database| async move {
        let client = database.client();
        let refused = client.get(&format!("pairings?q={}", "a".repeat(9000))).await.expect(414);
        assert_eq!(refused.body["code"], "uri_too_long");
        let large = "a".repeat(17_000);
        let refused = client.send(Method::GET, "pairings", &[("X-Large", &large)], None).await.expect(431);
        assert_eq!(refused.body["code"], "head_too_large");
        client.send(Method::GET, "pairings", &[("X-Large", &large[..8000])], None).await.expect(200);
    });
}

#[test]
fn a_file_is_never_rendered_as_a_page_of_this_service() {
    on_each(|database| async move {
        let client = database.client();
        let document = json!({ "code": "page", "title": { "zh": "网页" }, "kind": "other" });
        client.post("documents", document).await.expect(201);
        let html = b"<!doctype html><script>alert(1)</script>".to_vec();
        let headers = [("Content-Type", "text/html; charset=utf-8")];
        client.send_bytes(Method::PUT, "documents/page/content", &headers, Some(html.clone())).await.expect(200);
        let file = client.get("documents/page/content").await.expect(200);
        assert_eq!(file.bytes, html);
        assert_eq!(file.header("content-type"), "text/html; charset=utf-8");
        assert!(file.header("content-disposition").starts_with("attachment;"));
        assert_eq!(file.header("x-content-type-options"), "nosniff");
        let policy = file.header("content-security-policy");
        assert!(policy.split("; ").any(|directive| directive == "sandbox"), "{policy}");
    });
}
