//! The guides in `docs/`, embedded in the program and served as pages in Chinese and English.
//!
//! `/docs/guides` is the index and `/docs/guides/<guide>` a guide, in the language negotiated by `Accept-Language`.
//! `<guide>.zh` and `<guide>.en` are always in that language. Links between guides keep the language of the page.

mod render;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::web::{self, Path};
use actix_web::{HttpResponse, Responder};
use askama::Template;
use include_dir::{Dir, include_dir};

use crate::error::{Error, Problem, Result};
use crate::http::Call;
use crate::model::text::Language;
use render::{INDEX, Rendered};

const STYLE: &str = include_str!("guides.css");

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/docs");

/// The guides by name, all rendered on first use.
static GUIDES: LazyLock<BTreeMap<String, Guide>> = LazyLock::new(|| {
    let mut guides: BTreeMap<String, Guide> = BTreeMap::new();
    for file in FILES.files() {
        let name = file.path().file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".md"));
        let (Some(name), Some(text)) = (name, file.contents_utf8()) else { continue };
        match name.strip_suffix(".zh-CN") {
            Some(name) => guides.entry(guide_of(name)).or_default().zh = Some(render::page(text, Language::Zh)),
            None => guides.entry(guide_of(name)).or_default().en = Some(render::page(text, Language::En)),
        }
    }
    guides
});

/// A guide in both languages.
#[derive(Default)]
struct Guide {
    zh: Option<Rendered>,
    en: Option<Rendered>,
}

impl Guide {
    /// The guide in a language, or in the other one if it is not translated.
    fn page(&self, language: Language) -> Option<(&Rendered, Language)> {
        let (zh, en) = (self.zh.as_ref().zip(Some(Language::Zh)), self.en.as_ref().zip(Some(Language::En)));
        match language {
            Language::Zh => zh.or(en),
            Language::En => en.or(zh),
        }
    }
}

#[derive(Template)]
#[template(path = "guide.html")]
struct Page<'a> {
    zh: bool,
    title: &'a str,
    body: &'a str,
    is_index: bool,
    index: String,
    /// The same guide in Chinese and in English.
    in_chinese: String,
    in_english: String,
}

/// Mounts the pages.
pub fn mount(config: &mut web::ServiceConfig) {
    config
        .route("/docs/guides.css", web::get().to(style))
        .route("/docs/guides", web::get().to(|call: Call| async move { show(&call, INDEX) }))
        .route("/docs/guides/", web::get().to(|call: Call| async move { show(&call, INDEX) }))
        .route(
            "/docs/guides/{guide}",
            web::get().to(|call: Call, name: Path<String>| async move { show(&call, &name) }),
        );
}

async fn style() -> impl Responder {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(STYLE)
}

fn show(call: &Call, requested: &str) -> Result<HttpResponse> {
    let (name, language) = match requested.rsplit_once('.') {
        Some((name, "zh")) => (name, Language::Zh),
        Some((name, "en")) => (name, Language::En),
        _ => (requested, call.language()),
    };
    let found = GUIDES.get(name).and_then(|guide| guide.page(language));
    let (rendered, language) = found.ok_or_else(|| Problem::not_found("guide", requested))?;
    let page = Page {
        zh: language == Language::Zh,
        title: &rendered.title,
        body: &rendered.html,
        is_index: name == INDEX,
        index: render::address(INDEX, language),
        in_chinese: render::address(name, Language::Zh),
        in_english: render::address(name, Language::En),
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_LANGUAGE, language.tag()))
        .content_type("text/html; charset=utf-8")
        .body(page.render().map_err(Error::unexpected)?))
}

/// The name of the guide in a file, given without its suffix; the README is the index.
fn guide_of(file: &str) -> String {
    if file == "README" { INDEX.to_owned() } else { file.to_owned() }
}
