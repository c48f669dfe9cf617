//! The names of a resource: in the texts of its operations, and in their ids.

use super::Routes;
use crate::db::reference::Kind;

/// What texts and ids call the records of a kind.
pub struct Words {
    /// In English: `progress report`.
    pub one: String,
    pub many: String,
    /// With its indefinite article.
    pub a: String,
    /// In Chinese.
    pub label: &'static str,
    /// In ids: `ProgressReport`.
    pub one_id: String,
    pub many_id: String,
}

impl Words {
    pub fn of(kind: &Kind, routes: &Routes) -> Words {
        let (one, many) = match routes.english {
            Some((one, many)) => (one.to_owned(), many.to_owned()),
            None => (kind.name.replace('_', " "), kind.path.replace('-', " ")),
        };
        let a = with_article(&one);
        Words { one, many, a, label: routes.label, one_id: kind.singular_id(), many_id: kind.plural_id() }
    }
}

/// A noun with its indefinite article.
pub fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O']) { "an" } else { "a" };
    format!("{article} {noun}")
}
