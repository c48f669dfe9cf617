//! Renders Markdown as HTML, and converts links between guide files to links between their pages.

use std::collections::HashMap;

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

use super::guide_of;
use crate::model::text::Language;

/// The name of the index among the guides.
pub const INDEX: &str = "index";

/// A guide in one language.
pub struct Rendered {
    /// The text of the first heading.
    pub title: String,
    pub html: String,
}

/// The path of a guide's page in one language.
pub fn address(guide: &str, language: Language) -> String {
    let suffix = match language {
        Language::Zh => "zh",
        Language::En => "en",
    };
    format!("/docs/guides/{guide}.{suffix}")
}

/// Renders a guide. Raw HTML is omitted, because guides use it for comments only.
pub fn page(text: &str, language: Language) -> Rendered {
    let events: Vec<Event<'_>> = Parser::new_ext(text, Options::ENABLE_TABLES).collect();
    let mut ids = Ids::default();
    let mut title = String::new();
    let mut parts = Vec::with_capacity(events.len());
    for (at, event) in events.iter().enumerate() {
        match event {
            Event::Start(Tag::Heading { level, classes, attrs, .. }) => {
                let words = text_of(&events[at..]);
                let id = Some(CowStr::from(ids.of(&words)));
                if title.is_empty() {
                    title = words;
                }
                let heading = Tag::Heading { level: *level, id, classes: classes.clone(), attrs: attrs.clone() };
                parts.push(Event::Start(heading));
            }
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => parts.push(Event::Start(Tag::Link {
                link_type: *link_type,
                dest_url: CowStr::from(target(dest_url, language)),
                title: title.clone(),
                id: id.clone(),
            })),
            Event::Html(_) | Event::InlineHtml(_) | Event::Start(Tag::HtmlBlock) | Event::End(TagEnd::HtmlBlock) => {}
            other => parts.push(other.clone()),
        }
    }
    let mut html = String::with_capacity(text.len() * 2);
    html::push_html(&mut html, parts.into_iter());
    Rendered { title, html }
}

/// The text of the heading at the beginning of the events.
fn text_of(events: &[Event<'_>]) -> String {
    let inner = events.iter().skip(1).take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
    inner
        .filter_map(|event| match event {
            Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
            _ => None,
        })
        .collect()
}

/// The target of a link: the page of a guide for a link to its file; any other target stays unchanged.
fn target(link: &str, language: Language) -> String {
    let (file, fragment) = link.split_once('#').map_or((link, None), |(file, fragment)| (file, Some(fragment)));
    let Some(name) = file.strip_suffix(".md").filter(|_| !file.contains(['/', ':'])) else { return link.to_owned() };
    let page = match name.strip_suffix(".zh-CN") {
        Some(name) => address(&guide_of(name), Language::Zh),
        // A Chinese guide links to an English file as its translation, or because there is no Chinese one.
        None => address(&guide_of(name), if language == Language::Zh { Language::En } else { language }),
    };
    match fragment {
        Some(fragment) => format!("{page}#{fragment}"),
        None => page,
    }
}

/// The ids of the headings of a page, generated as on GitHub, so that links to them work in both places.
#[derive(Default)]
struct Ids(HashMap<String, usize>);

impl Ids {
    fn of(&mut self, heading: &str) -> String {
        let lower = heading.to_lowercase();
        let allowed = lower.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
        let id: String = allowed.map(|letter| if letter == ' ' { '-' } else { letter }).collect();
        let count = self.0.entry(id.clone()).or_default();
        *count += 1;
        if *count == 1 { id } else { format!("{id}-{}", *count - 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guide_is_a_page_with_links_to_pages() {
        let text = "# Paging `limit`\n\n<!-- not run: x -->\nSee [errors](errors.md#what-it-is), [中文](paging.zh-CN.md), \
            [all](README.md), [here](#part), [there](https://example.org/a.md) and [API](/docs/).\n\n## Part\n\n## Part\n\n\
            | a | b |\n|---|---|\n| `<x>` | 2 |\n";
        let Rendered { title, html } = page(text, Language::En);
        assert_eq!(title, "Paging limit");
        for part in [
            "<h1 id=\"paging-limit\">",
            "href=\"/docs/guides/errors.en#what-it-is\"",
            "href=\"/docs/guides/paging.zh\"",
            "href=\"/docs/guides/index.en\"",
            "href=\"#part\"",
            "href=\"https://example.org/a.md\"",
            "href=\"/docs/\"",
            "<h2 id=\"part\">",
            "<h2 id=\"part-1\">",
            "<code>&lt;x&gt;</code>",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!html.contains("not run"), "{html}");
        assert_eq!(Ids::default().of("给各县（市）发放密钥：a_b C"), "给各县市发放密钥a_b-c");
    }
}
