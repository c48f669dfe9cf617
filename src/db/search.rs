//! Full-text search in names and texts, including Chinese words of one or two characters.
//!
//! Texts are indexed with a space around every CJK character and queried as phrases, which finds words of any length
//! without false positives on both backends. The last word of a phrase matches as a prefix, so `tour` finds `tourism`.

use diesel::dsl::sql;
use diesel::expression::BoxableExpression;
use diesel::sql_types::{Bool, Text};
use unicode_normalization::UnicodeNormalization;

use super::backend::{self, Conn, MultiBackend};
use crate::normalize::is_invisible;

/// Separator between texts: a word to both backends that does not occur in practice.
const BETWEEN: &str = "endoftextendoftext";

/// Normalizes a text for the index: lower case, half width, every CJK character a word of its own, no invisible
/// characters.
pub fn spaced(text: &str) -> String {
    let mut words = String::with_capacity(text.len() * 2);
    for c in text.nfkc().filter(|c| !is_invisible(*c)) {
        if is_cjk(c) {
            words.push(' ');
            words.push(c);
            words.push(' ');
        } else if c.is_alphanumeric() {
            words.extend(c.to_lowercase());
        } else {
            words.push(' ');
        }
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Normalizes several texts, joined by a separator so that phrases do not match across texts.
pub fn spaced_apart(texts: &[&str]) -> String {
    texts.iter().map(|text| spaced(text)).collect::<Vec<_>>().join(&format!(" {BETWEEN} "))
}

/// Returns the phrases of a query, which are separated by spaces; empty if it contains no searchable character.
pub fn phrases(query: &str) -> Vec<String> {
    query.split_whitespace().map(spaced).filter(|phrase| !phrase.is_empty()).collect()
}

fn is_cjk(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{2FDF}' | '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Returns a condition on `id_column` (such as "agreements.id"): the record contains every phrase of `query`.
pub fn matches<QS: 'static>(
    conn: &Conn,
    id_column: &'static str,
    kind: &'static str,
    query: &str,
) -> Box<dyn BoxableExpression<QS, MultiBackend, SqlType = Bool>> {
    let phrases = phrases(query);
    if phrases.is_empty() {
        return Box::new(sql::<Bool>("1 = 0"));
    }
    let search = backend::search_sql(conn, kind, &phrases);
    let [before, between, after] = search.pieces;
    Box::new(
        sql::<Bool>(&format!("{id_column} IN {before}"))
            .bind::<Text, _>(search.query)
            .sql(between)
            .bind::<Text, _>(kind)
            .sql(after),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cjk_character_is_a_word() {
        assert_eq!(spaced("文旅交流Memo-2022"), "文 旅 交 流 memo 2022");
        assert_eq!(phrases(" 文旅  tour' "), ["文 旅", "tour"]);
        assert_eq!(spaced("ＡＢＣ－２０２２　Ｃafe\u{301}\u{200b}s"), "abc 2022 cafés");
        assert_eq!(phrases("ｍemo２０２２"), ["memo2022"]);
        assert!(phrases("—— ·").is_empty());
    }
}
