//! The API catalog at its well-known address (RFC 9727).

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::common::{DOCUMENT, on_each};

const PATH: &str = "/.well-known/api-catalog";

#[test]
fn the_api_is_discoverable_from_the_host_alone() {
    on_each(|database| async move {
        // The catalog is public even where the data are private, as the document is.
        let client = database.client_with(|settings| settings.private = true).anonymous();
        let response = client.get(PATH).await.expect(200);
        let media_type = "application/linkset+json; profile=\"https://www.rfc-editor.org/info/rfc9727\"";
        assert_eq!(response.header("content-type"), media_type);
        // RFC 9264, 4.2.1: `linkset` is the sole member.
        let members: Vec<&str> = response.body.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(members, ["linkset"]);
        let [api] = &response.body["linkset"].as_array().expect("a set")[..] else {
            panic!("one API: {}", response.body)
        };
        let anchor = api["anchor"].as_str().expect("an anchor");
        let paths = DOCUMENT["paths"].as_object().expect("paths");
        assert!(paths.keys().any(|path| path.starts_with(anchor)), "{anchor}");

        let mut followed = Vec::new();
        for (relation, links) in api.as_object().expect("links").iter().filter(|(name, _)| *name != "anchor") {
            for link in links.as_array().expect("an array, of one link too") {
                let href = link["href"].as_str().expect("an address");
                // The link is relative to the host, so that it works behind any proxy.
                assert!(href.starts_with('/') && !href.starts_with("//"), "{href}");
                let there = client.get(href).await.expect(200);
                let media_type = there.header("content-type").split(';').next().unwrap_or_default().to_owned();
                assert_eq!(link["type"], json!(media_type), "{href}");
                if relation == "service-desc" {
                    let file = format!("{}/openapi{href}", env!("CARGO_MANIFEST_DIR"));
                    assert!(std::fs::read(file).expect("a committed file") == there.bytes, "{href}");
                }
                followed.push((relation.clone(), href.to_owned()));
            }
        }
        let wanted = [
            ("service-desc", "/openapi.json"),
            ("service-desc", "/openapi.yaml"),
            ("service-desc", "/openapi-3.0.json"),
            ("service-doc", "/docs/"),
            ("status", "/readyz"),
        ];
        assert_eq!(followed, wanted.map(|(relation, href)| (relation.to_owned(), href.to_owned())));
    });
}

#[test]
fn a_head_request_for_the_catalog_links_to_it() {
    on_each(|database| async move {
        let client = database.client();
        for method in [Method::HEAD, Method::GET] {
            let response = client.send(method, PATH, &[], None).await.expect(200);
            let link = "</.well-known/api-catalog>; rel=\"api-catalog\"; type=\"application/linkset+json\"";
            assert_eq!(response.header("link"), link);
        }
        let refused = client.get(&format!("{PATH}?format=xml")).await.expect(400);
        assert_eq!(refused.body["code"], "malformed_request");
        client.post(PATH, Value::Null).await.expect(405);
        let limited = database.client_with(|settings| settings.rate_per_address = 1).at("192.0.2.1");
        assert!(!limited.get(PATH).await.expect(200).header("ratelimit").is_empty());
        limited.get(PATH).await.expect(429);
    });
}
