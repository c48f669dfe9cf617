//! Words for people: bilingual names as data ([`Text`]), and what the service itself says ([`Msg`]).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A name or a passage in Chinese and, where somebody gave it, in English.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Chinese (简体中文).
    #[schema(min_length = 1, max_length = 4000, example = "新会区—台山市")]
    pub zh: String,
    /// English; null if there is no translation.
    #[serde(default)]
    #[schema(max_length = 4000, example = "Xinhui – Taishan")]
    pub en: Option<String>,
}

impl Text {
    /// Returns the text in a language, or in Chinese if there is no translation.
    pub fn get(&self, language: Language) -> &str {
        match (language, &self.en) {
            (Language::En, Some(en)) => en,
            _ => &self.zh,
        }
    }

    /// A text that may be absent, from its two columns.
    pub fn optional(zh: Option<String>, en: Option<String>) -> Option<Text> {
        zh.map(|zh| Text { zh, en })
    }

    /// What a text that may be absent says, in each language that it has.
    pub fn all(text: Option<&Text>) -> impl Iterator<Item = &str> {
        text.into_iter().flat_map(|text| std::iter::once(text.zh.as_str()).chain(text.en.as_deref()))
    }

    /// The two columns of a text that may be absent.
    pub fn columns(text: Option<&Text>) -> (Option<String>, Option<String>) {
        match text {
            Some(text) => (Some(text.zh.clone()), text.en.clone()),
            None => (None, None),
        }
    }
}

/// The pattern of free text: anything but NUL, which PostgreSQL cannot store.
pub const NO_NUL: &str = "^[^\\u0000]*$";

/// Removes NUL, which texts in responses never contain.
pub fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A change of a text: a language that is absent stays as it is, null clears the English.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextPatch {
    /// Chinese (简体中文); required of a text that is not there yet.
    #[schema(nullable = false, min_length = 1, max_length = 4000, example = "新会区—台山市")]
    pub zh: Option<String>,
    /// English; null clears it.
    #[schema(max_length = 4000, example = "Xinhui – Taishan")]
    pub en: Option<String>,
}

/// The language of an answer's words, negotiated by `Accept-Language`; English unless Chinese is preferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    #[default]
    En,
    Zh,
}

impl Language {
    /// The tag for `Content-Language`.
    pub fn tag(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::Zh => "zh-CN",
        }
    }
}

/// One message of the service in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Msg {
    pub zh: String,
    pub en: String,
}

impl Msg {
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Msg {
        Msg { zh: zh.into(), en: en.into() }
    }

    /// The message in one language.
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::Zh => &self.zh,
            Language::En => &self.en,
        }
    }
}

/// Creates a [`Msg`] from two format strings: `msg!("缺少 {name}", "{name} is missing")` expands to
/// `Msg::new(format!("缺少 {name}"), format!("{name} is missing"))`.
#[macro_export]
macro_rules! msg {
    ($zh:literal, $en:literal) => {
        $crate::model::text::Msg::new(format!($zh), format!($en))
    };
}
