//! Search in names and texts, Chinese two-character words included.
//!
//! A text is indexed with a space around every CJK character, and asked for as a phrase. That finds words of one,
//! two or many characters without false hits on either backend; the last word of a phrase may be a beginning, so that
//! `tour` finds `tourism`.

use diesel::dsl::sql;
use diesel::expression::BoxableExpression;
use diesel::sql_types::{Bool, Text};
use unicode_normalization::UnicodeNormalization;

use super::backend::{self, Conn, MultiBackend};
use crate::normalize::is_invisible;

/// Stands between texts. Long enough that nobody writes it, and a word to both backends.
const BETWEEN: &str = "endoftextendoftext";

/// The text as it is indexed: words in lower case and half width, every CJK character a word of its own, without
/// characters that cannot be seen.
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

/// Several texts as they are indexed, with a word between them that no query holds: a phrase is found within one text.
pub fn spaced_apart(texts: &[&str]) -> String {
    texts.iter().map(|text| spaced(text)).collect::<Vec<_>>().join(&format!(" {BETWEEN} "))
}

/// The phrases of a query: what stands between spaces belongs together. None when nothing can be searched for.
pub fn phrases(query: &str) -> Vec<String> {
    query.split_whitespace().map(spaced).filter(|phrase| !phrase.is_empty()).collect()
}

fn is_cjk(c: char) -> bool {
    matches!(c, '\u{2E80}'..='\u{2FDF}' | '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// The condition on `id_column` ("agreements.id") that the record holds every phrase of `query`.
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
