//! The guides as pages: all of them in both languages, with links that resolve and no external resources.

use std::collections::BTreeSet;
use std::path::Path;

use actix_web::http::Method;
use percent_encoding::percent_decode_str;

use crate::common::client::Response;
use crate::common::{Client, databases, on_each};

fn text(response: &Response) -> String {
    String::from_utf8(response.bytes.clone()).expect("UTF-8")
}

/// The values of an attribute of the page's elements, by the beginning of the element.
fn values(page: &str, element: &str, attribute: &str) -> BTreeSet<String> {
    let begin = format!("{attribute}=\"");
    let start = format!("<{element} ");
    let elements = page.split(&start).skip(1).filter_map(|rest| rest.split('>').next());
    elements
        .filter_map(|element| element.split(&begin).nth(1)?.split('"').next())
        .map(|value| value.replace("&amp;", "&"))
        .collect()
}

/// The names of the guides, from the files in `docs`; each must exist in both languages.
fn guides() -> BTreeSet<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let files: BTreeSet<String> = std::fs::read_dir(directory)
        .expect("a directory")
        .filter_map(|entry| entry.expect("an entry").file_name().to_str().map(str::to_owned))
        .filter(|name| name.ends_with(".md"))
        .collect();
    let english = files.iter().filter(|name| !name.ends_with(".zh-CN.md")).map(|name| name.trim_end_matches(".md"));
    let guides: BTreeSet<String> = english.map(str::to_owned).collect();
    for guide in &guides {
        assert!(files.contains(&format!("{guide}.zh-CN.md")), "{guide} is not in Chinese");
    }
    assert_eq!(files.len(), 2 * guides.len(), "{files:?}");
    guides.into_iter().map(|guide| if guide == "README" { "index".to_owned() } else { guide }).collect()
}

async fn page(client: &Client, path: &str, language: &str) -> Response {
    client.send(Method::GET, path, &[("Accept-Language", language)], None).await
}

#[test]
fn every_guide_is_a_page_in_both_languages() {
    on_each(|database| async move {
        // The guides are public even where the data are private.
        let client = database.client_with(|settings| settings.private = true).anonymous();
        let guides = guides();
        assert!(guides.len() >= 9 && guides.contains("importing"), "{guides:?}");
        for guide in &guides {
            for (suffix, tag, words) in [("zh", "zh-CN", "接口文档"), ("en", "en", "API documentation")] {
                let fixed = page(&client, &format!("/docs/guides/{guide}.{suffix}"), "fr").await.expect(200);
                assert_eq!(fixed.header("content-type"), "text/html; charset=utf-8");
                assert_eq!(fixed.header("content-language"), tag, "{guide}.{suffix}");
                assert!(fixed.header("content-security-policy").starts_with("default-src 'none'; script-src 'self'"));
                let html = text(&fixed);
                assert!(html.contains(&format!("<html lang=\"{tag}\">")) && html.contains(words), "{guide}.{suffix}");
                assert_eq!(html.matches("<h1 ").count(), 1, "{guide}.{suffix}");
                // The same page, in the language that the client prefers.
                let preferred = page(&client, &format!("/docs/guides/{guide}"), tag).await.expect(200);
                assert_eq!(preferred.bytes, fixed.bytes, "{guide}.{suffix}");
                assert!(
                    preferred.headers.get_all("vary").any(|v| v.to_str().is_ok_and(|v| v.contains("Accept-Language")))
                );
            }
        }
        for index in ["/docs/guides", "/docs/guides/"] {
            for tag in ["zh-CN", "en"] {
                let html = text(&page(&client, index, tag).await.expect(200));
                let suffix = &tag[..2];
                for guide in guides.iter().filter(|guide| *guide != "index") {
                    assert!(html.contains(&format!("href=\"/docs/guides/{guide}.{suffix}\"")), "{guide} in {tag}");
                }
            }
        }
        for none in ["/docs/guides/none", "/docs/guides/importing.fr", "/docs/guides/README", "/docs/guides/a/b"] {
            client.get(none).await.expect(404);
        }
    });
}

#[test]
fn links_resolve_and_no_external_resource_is_loaded() {
    let database = databases(true).swap_remove(0);
    crate::common::builders::block_on(async || {
        let client = database.client().anonymous();
        let style = text(&client.get("/docs/guides.css").await.expect(200));
        assert!(!style.contains("://") && !style.contains("url(") && !style.contains("@import"), "{style}");
        let mut followed = 0;
        for guide in guides() {
            for language in ["zh", "en"] {
                let path = format!("/docs/guides/{guide}.{language}");
                let html = text(&client.get(&path).await.expect(200));
                for element in ["script", "img", "iframe", "source", "form", "style"] {
                    assert!(!html.contains(&format!("<{element}")), "{element} in {path}");
                }
                for loaded in values(&html, "link", "href") {
                    assert!(loaded.starts_with("/docs/"), "{loaded} in {path}");
                    client.get(&loaded).await.expect(200);
                }
                for link in values(&html, "a", "href") {
                    let link = percent_decode_str(&link).decode_utf8().expect("UTF-8").into_owned();
                    let (address, fragment) = link.split_once('#').unwrap_or((&link, ""));
                    if address.contains("://") {
                        continue;
                    }
                    assert!(address.is_empty() || address.starts_with('/'), "{link} in {path}");
                    let there =
                        if address.is_empty() { html.clone() } else { text(&client.get(address).await.expect(200)) };
                    let is_there = fragment.is_empty() || there.contains(&format!("id=\"{fragment}\""));
                    assert!(is_there, "{link} in {path} names no heading");
                    followed += 1;
                }
            }
        }
        assert!(followed > 100, "{followed} links");
    });
}
