//! Text normalization for all inputs.
//!
//! Names, codes and references that look the same must compare equal. White space is therefore trimmed and collapsed, invisible
//! characters are removed, and characters are composed (NFC). Free text keeps its line breaks and spaces.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Normalizes a text of one line, such as a name: trims it, collapses white space, removes invisible characters, and composes
/// characters (NFC).
pub fn line(text: &str) -> Cow<'_, str> {
    if is_plain_line(text) {
        return Cow::Borrowed(text);
    }
    let visible = passage(text);
    let mut words = visible.split_whitespace();
    let mut line = words.next().unwrap_or_default().to_owned();
    for word in words {
        line.push(' ');
        line.push_str(word);
    }
    if line == text { Cow::Borrowed(text) } else { Cow::Owned(line) }
}

/// Normalizes a text of several lines, such as a note: converts line breaks to `\n`, removes invisible characters, and composes
/// characters (NFC). Spaces are kept.
pub fn passage(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c != '\r' && c != '\u{2028}' && c != '\u{2029}' && !is_invisible(c);
    if text.chars().all(is_plain) && is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return Cow::Borrowed(text);
    }
    let mut visible = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\r' if letters.peek() == Some(&'\n') => {}
            '\r' | '\u{2028}' | '\u{2029}' => visible.push('\n'),
            // A zero-width joiner between emoji joins them to one.
            '\u{200d}' if visible.ends_with(is_emoji) && letters.peek().is_some_and(|next| is_emoji(*next)) => {
                visible.push(letter);
            }
            letter if is_invisible(letter) => {}
            letter => visible.push(letter),
        }
    }
    Cow::Owned(visible.nfc().collect())
}

/// Normalizes a code, a reference, a header or a number: like [`line`], and converts full-width ASCII and dashes to ASCII.
pub fn half_width(text: &str) -> Cow<'_, str> {
    let line = line(text);
    if line.is_ascii() {
        return line;
    }
    let half = |letter: char| match letter {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter) - 0xfee0).unwrap_or(letter),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe63}' => '-',
        '\u{ffe5}' => '\u{a5}',
        other => other,
    };
    // A converted letter can compose with a combining mark that follows it.
    Cow::Owned(line.chars().map(half).nfc().collect())
}

/// A key that is equal for names that differ in width, case or white space only.
pub fn name_key(name: &str) -> String {
    half_width(name).to_lowercase()
}

/// A text for a message, with invisible characters escaped as `\u{200b}`.
pub fn spelled(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter == '\n'
            || letter == '\t'
            || !(is_invisible(letter) || is_unusual_space(letter) || letter.is_control())
        {
            shown.push(letter);
        } else {
            shown.extend(letter.escape_unicode());
        }
    }
    shown
}

/// Whether a character is invisible and not a separator: zero-width and direction marks, soft hyphens, byte order marks.
pub fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}')
}

/// White space other than the space and the ideographic space.
fn is_unusual_space(letter: char) -> bool {
    letter.is_whitespace() && !matches!(letter, ' ' | '\u{3000}')
}

fn is_emoji(letter: char) -> bool {
    matches!(letter, '\u{2600}'..='\u{27bf}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
}

/// Whether a text needs no change by [`line`]; a fast check that can miss some.
fn is_plain_line(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && !text.contains("  ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_look_the_same_compare_equal() {
        for name in [
            " 新会区 教育局",
            "新会区\u{3000}教育局\u{3000}",
            "新会区\n教育局",
            "新会区\u{a0}\u{a0}教育局\t",
            "\u{feff}新会区 \u{200b}教育局\u{200e}",
            "新会区\r\n教育局\u{202c}",
        ] {
            assert_eq!(line(name), "新会区 教育局", "{name:?}");
        }
        assert_eq!(line("Cafe\u{301}"), "Caf\u{e9}");
        assert_eq!(half_width("ａｂ－０１（甲）"), "ab-01(甲)");
        assert_eq!(name_key("Ｔaishan（甲）"), name_key("taishan(甲)"));
        assert_eq!(spelled("a\u{200b}b\u{a0}c\u{3000}d"), "a\\u{200b}b\\u{a0}c\u{3000}d");
    }

    #[test]
    fn passages_keep_their_lines() {
        assert_eq!(passage("一\r\n二\r三\u{2028} 四\u{200b} "), "一\n二\n三\n 四 ");
        assert_eq!(passage("\u{1f469}\u{200d}\u{1f467} a\u{200d}b"), "\u{1f469}\u{200d}\u{1f467} ab");
    }

    fn texts() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            proptest::collection::vec(
                proptest::sample::select(vec![
                    'a',
                    ' ',
                    '\u{3000}',
                    '\n',
                    '\r',
                    '\u{200b}',
                    '\u{200d}',
                    '\u{1f469}',
                    'e',
                    '\u{301}',
                    '\u{feff}',
                    '\u{2028}',
                    '\u{1100}',
                    '\u{1161}',
                    'Ａ',
                    '－',
                ]),
                0..12
            )
            .prop_map(|letters| letters.into_iter().collect()),
        ]
    }

    proptest! {
        #[test]
        fn normalizing_twice_is_normalizing_once(text in texts()) {
            for normalize in [line, passage, half_width] {
                let once = normalize(&text).into_owned();
                prop_assert_eq!(normalize(&once).into_owned(), once);
            }
            let key = name_key(&text);
            prop_assert_eq!(name_key(&line(&text)), key);
        }
    }
}
