//! The page for trying out the API: two languages, no external resources, and a key that it does not store.

use std::collections::BTreeSet;

use crate::common::client::Response;
use crate::common::on_each;

fn text(response: &Response) -> String {
    String::from_utf8(response.bytes.clone()).expect("UTF-8")
}

/// The values of an attribute of the page's elements.
fn values(page: &str, attribute: &str) -> BTreeSet<String> {
    let begin = format!(" {attribute}=\"");
    let parts = page.split(&begin).skip(1);
    parts.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

#[test]
fn the_page_loads_no_external_resource_and_its_links_resolve() {
    on_each(|database| async move {
        let client = database.client().anonymous();
        let page = client.get("/docs/").await.expect(200);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(
            page.header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        assert_eq!(page.header("x-frame-options"), "DENY");
        let html = text(&page);
        let style = text(&client.get("/docs/page.css").await.expect(200));
        let script = text(&client.get("/docs/page.js").await.expect(200));
        for part in [&html, &style, &script] {
            assert!(
                !part.contains("://") && !part.contains("\"//") && !part.contains("url("),
                "an address of elsewhere"
            );
        }
        // Inline scripts and event handlers, which the content security policy blocks.
        let handlers = html.split(" on").filter(|rest| rest.trim_start_matches(char::is_alphabetic).starts_with('='));
        assert!(!html.contains("<script>") && handlers.count() == 0, "{html}");

        let (loaded, links) = (values(&html, "src"), values(&html, "href"));
        assert_eq!(loaded.len(), 2, "{loaded:?}");
        for address in loaded.iter().chain(&links) {
            let path = if address.starts_with('/') { address.clone() } else { format!("/docs/{address}") };
            let there = client.get(&path).await.expect(200);
            let wanted = match path.rsplit('.').next() {
                Some("js") => "text/javascript",
                Some("css") => "text/css",
                Some("png") => "image/png",
                _ => continue,
            };
            // Browsers reject any other type, as `nosniff` is set.
            assert!(there.header("content-type").starts_with(wanted), "{path}: {}", there.header("content-type"));
        }
        for document in ["/openapi.json", "/openapi.yaml", "/openapi-3.0.json"] {
            assert!(links.contains(document), "{document}");
        }
        for path in ["/docs", "/docs/index.html"] {
            assert_eq!(client.get(path).await.expect(308).header("location"), "/docs/");
        }
    });
}

#[test]
fn the_page_has_two_languages_and_stores_no_key() {
    on_each(|database| async move {
        let client = database.client().anonymous();
        let html = text(&client.get("/docs/").await.expect(200));
        for words in ["lang=\"zh-CN\"", "试用方法", "密钥", "lang=\"en\"", "How to try it out", "Authorize"] {
            assert!(html.contains(words), "{words}");
        }
        let style = text(&client.get("/docs/page.css").await.expect(200));
        for words in ["试用", "发送", "授权", "取消"] {
            assert!(style.contains(words), "{words}");
        }
        let script = text(&client.get("/docs/page.js").await.expect(200));
        for setting in ["url: \"/openapi.json\"", "persistAuthorization: false", "validatorUrl: null", "{ bearer: [] }"]
        {
            assert!(script.contains(setting), "{setting}");
        }
    });
}
