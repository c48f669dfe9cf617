//! Redirects from the prefix of the API, and from paths with a slash at their end.

use actix_web::http::Method;
use serde_json::json;

use crate::common::on_each;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[test]
fn the_prefix_leads_to_the_documentation_or_the_document() {
    on_each(|database| async move {
        // Public where the data are private, as the targets are.
        let client = database.client_with(|settings| settings.private = true).anonymous();
        for path in ["/api/v1", "/api/v1/", "/api/v1/?limit=2"] {
            for (accept, target) in [
                (None, "/openapi.json"),
                (Some("*/*"), "/openapi.json"),
                (Some("application/json"), "/openapi.json"),
                (Some("application/json, text/html;q=0.5"), "/openapi.json"),
                (Some(BROWSER), "/docs/"),
            ] {
                let headers: Vec<(&str, &str)> = accept.map(|accept| ("Accept", accept)).into_iter().collect();
                for method in [Method::GET, Method::HEAD] {
                    let response = client.send(method, path, &headers, None).await.expect(303);
                    assert_eq!(response.header("location"), target, "{path} {accept:?}");
                    assert!(response.header("vary").contains("Accept,"), "{}", response.header("vary"));
                    for link in ["/openapi.json", "/docs/", "/.well-known/api-catalog"] {
                        assert!(response.header("link").contains(&format!("<{link}>")), "{}", response.header("link"));
                    }
                }
                client.get(target).await.expect(200);
            }
        }
        let refused = client.post("/api/v1/", json!({})).await.expect(405);
        assert_eq!(refused.header("allow"), "GET, HEAD");
    });
}

#[test]
fn a_slash_at_the_end_of_a_known_path_is_removed() {
    on_each(|database| async move {
        let client = database.client();
        for (path, target) in [
            ("/api/v1/pairings/", "/api/v1/pairings"),
            ("/api/v1/pairings/?limit=2&q=a%2Fb", "/api/v1/pairings?limit=2&q=a%2Fb"),
            ("/api/v1/pairings//", "/api/v1/pairings"),
            ("/api/v1/pairings.csv/", "/api/v1/pairings.csv"),
            ("/api/v1/pairings/no-such/", "/api/v1/pairings/no-such"),
            ("/api/v1/pairings/a%20b/?", "/api/v1/pairings/a%20b?"),
            ("/api/v1/reports/overdue/?pairing=1", "/api/v1/reports/overdue?pairing=1"),
            ("/.well-known/api-catalog/", "/.well-known/api-catalog"),
            ("/readyz/", "/readyz"),
        ] {
            for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let body = (method == Method::POST).then(|| json!({ "code": "made" }));
                let response = client.send(method.clone(), path, &[], body).await.expect(308);
                assert_eq!(response.header("location"), target, "{method} {path}");
            }
        }
        let list = client.get("/api/v1/pairings?limit=100").await.expect(200);
        assert!(!list.codes().contains(&"made".to_owned()), "a redirect has no effect");
        client.anonymous().get("/api/v1/api-keys/").await.expect(308);
    });
}

#[test]
fn an_unknown_path_with_a_slash_is_not_found_and_no_redirect_leaves_the_host() {
    on_each(|database| async move {
        let client = database.client();
        for path in [
            "/api/v1/nothing/",
            "/api/v2/",
            "/api/",
            "//api/v1/pairings/",
            "//evil.example/",
            "//evil.example/api/v1/pairings/",
            "//evil.example//api/v1/",
            "/evil.example/",
            "/api/v1//evil.example/",
            "/api/v1/pairings//evil.example/",
            "/openapi.json/",
        ] {
            let response = client.get(path).await.expect(404);
            assert_eq!((response.header("location"), &response.body["code"]), ("", &json!("not_found")), "{path}");
        }
        for page in ["/", "/docs/", "/docs/guides/"] {
            client.get(page).await.expect(200);
        }
        client.get("/docs").await.expect(308);
    });
}
