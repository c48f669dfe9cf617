//! The language of a response, negotiated by `Accept-Language` (RFC 9110, section 12.5.4).

use actix_web::HttpMessage;
use actix_web::http::header::{AcceptLanguage, Header, Preference, Quality};

use crate::model::text::Language;

/// The better of the two languages; `neither` for a client that accepts neither of them.
pub fn negotiate(request: &impl HttpMessage, neither: Language) -> Language {
    // The header of actix-web skips malformed elements.
    let Ok(AcceptLanguage(ranges)) = AcceptLanguage::parse(request) else { return neither };
    let known = ranges.iter().filter(|range| range.quality > Quality::ZERO).filter_map(|range| {
        let Preference::Specific(tag) = &range.item else { return None };
        let language = match tag.primary_language().to_ascii_lowercase().as_str() {
            "zh" => Language::Zh,
            "en" => Language::En,
            _ => return None,
        };
        Some((language, range.quality))
    });
    // `max_by_key` returns the last of equal elements, and the first one counts.
    known.rev().max_by_key(|(_, quality)| *quality).map_or(neither, |(language, _)| language)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn chinese_is_answered_only_when_it_is_preferred() {
        for (header, neither, language) in [
            ("", Language::En, Language::En),
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::En, Language::Zh),
            ("en-GB,en;q=0.9,zh;q=0.8", Language::En, Language::En),
            ("fr, zh;q=0.5", Language::En, Language::Zh),
            ("ZH-hans-CN", Language::En, Language::Zh),
            ("zh, en", Language::En, Language::Zh),
            ("en, zh", Language::Zh, Language::En),
            ("fr;q=high, zh", Language::En, Language::Zh),
            ("*", Language::En, Language::En),
            ("zh;q=0", Language::En, Language::En),
            ("", Language::Zh, Language::Zh),
            ("*", Language::Zh, Language::Zh),
            ("fr", Language::Zh, Language::Zh),
            ("en", Language::Zh, Language::En),
        ] {
            let request = TestRequest::default().append_header(("Accept-Language", header)).to_http_request();
            assert_eq!(negotiate(&request, neither), language, "{header}");
        }
        assert_eq!(negotiate(&TestRequest::default().to_http_request(), Language::Zh), Language::Zh);
    }
}
