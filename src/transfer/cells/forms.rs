//! The forms in which people write days, numbers and yes or no.

use chrono::NaiveDate;

use crate::transfer::columns::Column;

/// A cell's number as text, as a spreadsheet shows it: with 15 significant digits at most, so that a computed
/// 0.30000000000000004 is 0.3, and without an exponent.
pub fn number_text(number: f64) -> String {
    let rounded = format!("{number:.14e}").parse().unwrap_or(number);
    // Without the sign of a zero.
    format!("{}", if rounded == 0.0 { 0.0 } else { rounded })
}

/// A day in one of the forms that people use: `2022-04-11`, `2022/4/11`, `2022.4.11`, `2022年4月11日`, `20220411`; a
/// midnight behind it says no more.
pub fn day(text: &str) -> Option<NaiveDate> {
    let day = match text.split_once([' ', 'T']) {
        Some((day, "00:00" | "0:00" | "00:00:00" | "0:00:00")) => day,
        Some(_) => return None,
        None => text,
    };
    if day.len() == 8 && day.bytes().all(|byte| byte.is_ascii_digit()) {
        return of_parts(&day[..4], &day[4..6], &day[6..]);
    }
    if let Some((year, rest)) = day.split_once('年') {
        let (month, day) = rest.strip_suffix(['日', '号'])?.split_once('月')?;
        return of_parts(year.trim(), month.trim(), day.trim());
    }
    let separator = ['-', '/', '.'].into_iter().find(|separator| day.contains(*separator))?;
    let mut parts = day.split(separator);
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() { None } else { of_parts(year, month, day) }
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

/// Yes or no.
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

/// What a plain decimal number is, however it is written: its sign, and its digits without needless zeros. `None` where
/// it is none.
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

/// A number's text in ASCII, and without separators of thousands where they stand as such: `1,234,567.8`.
pub fn ungrouped(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|letter| match letter {
            '０'..='９' => char::from_u32(u32::from(letter) - u32::from('０') + u32::from('0')).unwrap_or(letter),
            '．' => '.',
            '，' => ',',
            '－' => '-',
            other => other,
        })
        .collect();
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut groups = whole.strip_prefix('-').unwrap_or(whole).split(',');
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    if rest.is_empty() || !(1..=3).contains(&first.len()) || rest.iter().any(|group| group.len() != 3) {
        return text;
    }
    let whole = whole.replace(',', "");
    fraction.map_or(whole.clone(), |fraction| format!("{whole}.{fraction}"))
}
