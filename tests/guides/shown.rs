//! Compares output with what a page shows of it.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// Stands for what a page leaves out.
const GAP: &str = "…";

/// Values that differ at each run, and the word that takes their place, so that they are compared by kind.
static VOLATILE: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let kinds = [
        (r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z", "<instant>"),
        (r"(?-u:\b)(ptk|ptf)_[0-9a-z]+_[0-9A-Za-z]+(?-u:\b)", "<key>"),
        (r"whsec_[0-9A-Za-z+/]+=*", "<secret>"),
        (r"msg_[0-9a-f]{32}", "<message>"),
        // Of requests, versions of data and files.
        (r"(?-u:\b)[0-9a-f]{12,64}(?-u:\b)", "<digest>"),
    ];
    kinds.map(|(pattern, name)| (Regex::new(pattern).expect("a pattern"), name)).into()
});

/// Whether output is what a page shows, by the rules of [`super`].
pub fn is_shown(shown: &str, real: &str) -> bool {
    // Terminals show neither carriage returns nor the byte order mark of a CSV file.
    let (shown, real) = (shown.trim_end(), real.replace(['\r', '\u{feff}'], ""));
    let real = real.trim_end();
    if shown.starts_with("HTTP/") {
        let [(head, body), (real_head, real_body)] =
            [shown, real].map(|text| text.split_once("\n\n").unwrap_or((text, "")));
        return has_head(head, real_head) && is_shown(body, real_body);
    }
    if let (Some(shown), Ok(real)) = (json(shown), serde_json::from_str(real)) {
        return same(&shown, &real);
    }
    let [shown, real] = [shown, real].map(|text| text.lines().map(str::trim_end).collect::<Vec<_>>());
    sequence(&shown, &real, |line| line.trim() == GAP, |shown, real| has_line(shown, real))
}

/// Whether a response's head has the first line and the headers that the page shows.
fn has_head(shown: &str, real: &str) -> bool {
    let mut lines = shown.lines();
    let first = real.lines().next().unwrap_or_default();
    lines.next().is_some_and(|line| has_text(line, first.trim_end()))
        && lines.all(|line| real.lines().any(|header| has_text(line, header)))
}

fn has_line(shown: &str, real: &str) -> bool {
    match (json(shown), serde_json::from_str(real)) {
        (Some(shown), Ok(real)) => same(&shown, &real),
        _ => has_text(shown, real),
    }
}

fn has_text(shown: &str, real: &str) -> bool {
    let [shown, real] = [shown, real].map(|text| {
        let named = VOLATILE
            .iter()
            .fold(text.to_owned(), |text, (pattern, name)| pattern.replace_all(&text, *name).into_owned());
        named.chars().collect::<Vec<char>>()
    });
    sequence(&shown, &real, |letter| *letter == '…', |shown, real| shown == real)
}

fn same(shown: &Value, real: &Value) -> bool {
    match (shown, real) {
        (Value::String(gap), _) if gap == GAP => true,
        (Value::String(shown), Value::String(real)) => has_text(shown, real),
        (Value::Array(shown), Value::Array(real)) => sequence(shown, real, |value| value == GAP, same),
        (Value::Object(shown), Value::Object(real)) => {
            let members = shown.iter().filter(|(name, _)| *name != GAP);
            (shown.contains_key(GAP) || shown.len() == real.len())
                && members.clone().all(|(name, value)| real.get(name).is_some_and(|real| same(value, real)))
        }
        _ => shown == real,
    }
}

/// Whether two sequences are equal, except for gaps.
fn sequence<T>(
    mut shown: &[T],
    mut real: &[T],
    is_gap: impl Fn(&T) -> bool + Copy,
    same: impl Fn(&T, &T) -> bool + Copy,
) -> bool {
    while let Some((first, rest)) = shown.split_first() {
        if is_gap(first) {
            return (0..=real.len()).any(|left_out| sequence(rest, &real[left_out..], is_gap, same));
        }
        let Some((there, others)) = real.split_first() else { return false };
        if !same(first, there) {
            return false;
        }
        (shown, real) = (rest, others);
    }
    real.is_empty()
}

/// JSON in which `…` may stand for members, for items and for values.
fn json(text: &str) -> Option<Value> {
    let (mut read, mut nested, mut before) = (String::new(), Vec::new(), ' ');
    let (mut quoted, mut escaped) = (false, false);
    for letter in text.chars() {
        match letter {
            '"' if !escaped => quoted = !quoted,
            '{' | '[' if !quoted => nested.push(letter),
            '}' | ']' if !quoted => drop(nested.pop()),
            _ => {}
        }
        match letter {
            '…' if !quoted && nested.last() == Some(&'{') && before != ':' => read.push_str("\"…\":null"),
            '…' if !quoted => read.push_str("\"…\""),
            _ => read.push(letter),
        }
        escaped = quoted && letter == '\\' && !escaped;
        if !letter.is_whitespace() {
            before = letter;
        }
    }
    serde_json::from_str(&read).ok()
}
