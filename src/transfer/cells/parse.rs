//! Parsing of the notations that people use for dates, numbers and booleans.

use chrono::NaiveDate;

use crate::normalize::half_width;
use crate::transfer::columns::Column;

/// A number as text without an exponent, rounded to 15 significant digits as spreadsheets do, so that a computed
/// 0.30000000000000004 is 0.3.
pub fn number_text(number: f64) -> String {
    let rounded = format!("{number:.14e}").parse().unwrap_or(number);
    // Drops the sign of a negative zero.
    format!("{}", if rounded == 0.0 { 0.0 } else { rounded })
}

/// Parses a date: `2022-04-11`, `2022/4/11`, `2022.4.11`, `2022年4月11日` or `20220411`, also in full-width characters and with
/// spaces. A time of midnight after it is ignored.
pub fn day(text: &str) -> Option<NaiveDate> {
    let text = half_width(text);
    let day = match text.split_once([' ', 'T']) {
        Some((day, "00:00" | "0:00" | "00:00:00" | "0:00:00")) => day,
        _ => &*text,
    };
    // Spaces are allowed only next to separators.
    let parts: Vec<&str> = day.split(['年', '月', '日', '号', '-', '/', '.']).map(str::trim).collect();
    let separators: String = day.chars().filter(|letter| !letter.is_ascii_digit() && *letter != ' ').collect();
    match (parts.as_slice(), separators.as_str()) {
        ([whole], "") if whole.len() == 8 && whole.is_ascii() => of_parts(&whole[..4], &whole[4..6], &whole[6..]),
        ([year, month, day], "--" | "//" | ".." | "年月") => of_parts(year, month, day),
        ([year, month, day, ""], "年月日" | "年月号") => of_parts(year, month, day),
        _ => None,
    }
}

/// Why [`day`] rejects a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoDay {
    /// `2022.3`, `2022年3月`, `3月底`: the day of the month is missing.
    Imprecise,
    /// `22/3/31`: the century is missing.
    ShortYear,
    /// `44651`: the serial number of a date in a spreadsheet.
    Serial,
}

/// Why a text is not a date; `None` if the reason is unknown.
pub fn no_day(text: &str) -> Option<NoDay> {
    let text = half_width(text);
    let is_number = |part: &str, least, most| {
        (least..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let vague = ["底", "初", "旬", "末", "季度", "上半年", "下半年", "左右", "前", "年内", "中"];
    let parts: Vec<&str> =
        text.split(['年', '月', '日', '号', '-', '/', '.']).map(str::trim).filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [serial] if is_number(serial, 5, 5) => Some(NoDay::Serial),
        [year] if is_number(year, 4, 4) => Some(NoDay::Imprecise),
        [year, month] if is_number(year, 4, 4) && is_number(month, 1, 2) => Some(NoDay::Imprecise),
        [month, day] if text.contains('月') && is_number(month, 1, 2) && is_number(day, 1, 2) => {
            Some(NoDay::Imprecise)
        }
        [year, month, day] if is_number(year, 2, 2) && is_number(month, 1, 2) && is_number(day, 1, 2) => {
            Some(NoDay::ShortYear)
        }
        _ if vague.iter().any(|word| text.contains(word)) && text.contains(['年', '月']) => Some(NoDay::Imprecise),
        _ if text.ends_with('月') => Some(NoDay::Imprecise),
        _ => None,
    }
}

fn of_parts(year: &str, month: &str, day: &str) -> Option<NaiveDate> {
    let is = |part: &str, least: usize, most: usize| {
        (least..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !(is(year, 4, 4) && is(month, 1, 2) && is(day, 1, 2)) {
        return None;
    }
    NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

/// Parses yes or no.
pub fn truth(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "是" | "true" | "yes" | "1" => Some(true),
        "否" | "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// Whether a column's numbers are percentages, so that `35%` in it is 35.
pub fn is_percent(column: &Column) -> bool {
    column.zh.contains(['%', '％']) || column.zh.contains("百分比") || column.en.ends_with("percent")
}

/// Parses a plain decimal number into its sign, integer digits and decimals without redundant zeros, so that equal numbers
/// compare equal. `None` if the text is not one.
pub fn plain(text: &str) -> Option<(bool, String, String)> {
    let text = ungrouped(text);
    let (is_negative, digits) = text.strip_prefix('-').map_or((false, text.as_str()), |rest| (true, rest));
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (digits, ""),
    };
    let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    Some((is_negative && !(whole.is_empty() && fraction.is_empty()), whole.to_owned(), fraction.to_owned()))
}

/// A number in ASCII and without thousands separators, if these are in the right places: `1,234,567.8`.
pub fn ungrouped(text: &str) -> String {
    let text = half_width(text);
    let (whole, fraction) = text.split_once('.').map_or((&*text, None), |(whole, rest)| (whole, Some(rest)));
    let mut groups = whole.strip_prefix('-').unwrap_or(whole).split(',');
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    if rest.is_empty() || !(1..=3).contains(&first.len()) || rest.iter().any(|group| group.len() != 3) {
        return text.into_owned();
    }
    let whole = whole.replace(',', "");
    match fraction {
        Some(fraction) => format!("{whole}.{fraction}"),
        None => whole,
    }
}

/// The text if it is an error value of a spreadsheet: `#N/A`.
pub fn error_value(text: &str) -> Option<&str> {
    const ERRORS: [&str; 14] = [
        "#N/A",
        "#REF!",
        "#DIV/0!",
        "#VALUE!",
        "#NAME?",
        "#NUM!",
        "#NULL!",
        "#SPILL!",
        "#CALC!",
        "#FIELD!",
        "#BLOCKED!",
        "#CONNECT!",
        "#GETTING_DATA",
        "#UNKNOWN!",
    ];
    let text = text.trim();
    let is_of_libre_office = || {
        text.strip_prefix("Err:").is_some_and(|code| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit()))
    };
    // Shown where the column is too narrow for its number.
    let is_too_narrow = || text.len() > 2 && text.bytes().all(|byte| byte == b'#');
    (ERRORS.iter().any(|error| error.eq_ignore_ascii_case(text)) || is_of_libre_office() || is_too_narrow())
        .then_some(text)
}
