//! Number formats (ECMA-376 part 1, 18.8.31): the text that a spreadsheet shows for a number.
//!
//! The crate [`ssfmt`] parses and applies formats. For formats whose text depends on the locale of the computer (system dates,
//! eras, month names, Chinese numerals) the text is unknown.

use ssfmt::ast::{DatePart, FormatPart, Section};
use ssfmt::{DateSystem, FormatOptions};

use crate::transfer::cells::number_text;

/// The most characters of a format in Excel.
const LONGEST: usize = 255;
/// The first serial number after 9999-12-31, the last date of Excel.
const AFTER_DAYS: f64 = 2_958_466.0;

/// A number format of a workbook.
#[derive(Debug)]
pub struct NumberFormat {
    /// `None` if the format could not be parsed.
    parsed: Option<ssfmt::NumberFormat>,
    /// The kind of each section: the parser does not distinguish an empty one from `General`.
    bodies: Vec<Body>,
    is_general: bool,
    /// Whether the text depends on the locale of the computer.
    is_local: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// Shows nothing, as in `;;;`.
    Empty,
    General,
    Parts,
}

/// The parts of a date or time that a format shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    pub has_year: bool,
    pub has_month: bool,
    pub has_day: bool,
    pub has_time: bool,
}

impl Moment {
    pub fn is_whole_day(self) -> bool {
        self.has_year && self.has_month && self.has_day
    }

    pub fn has_date(self) -> bool {
        self.has_year || self.has_month || self.has_day
    }
}

/// A number with the signs and words of its format, unrounded: `35%`, `3.5万元`, `￥1200`.
#[derive(Debug, PartialEq, Eq)]
pub struct Presented {
    pub text: String,
    /// Whether the format divides by thousands (scaling commas), so that the number shown differs from the value.
    pub is_scaled: bool,
}

impl NumberFormat {
    /// Creates the format of a code and its id. The ids 27 to 36 and 50 to 58 have no code in the file but one for each locale;
    /// this uses those of zh-CN (18.8.30).
    pub fn new(code: &str, id: Option<u32>) -> NumberFormat {
        let is_bare = code.eq_ignore_ascii_case("general");
        let code = match id {
            Some(id) if is_bare => east_asian(id).unwrap_or(code),
            _ => code,
        };
        let is_general = code.eq_ignore_ascii_case("general") || code == "@" || code.is_empty();
        let is_system_date = id.is_some_and(|id| matches!(id, 14..=17 | 22 | 27..=36 | 50..=58));
        let (literal, is_closed) = escaped(code);
        let is_whole = is_closed && code.len() <= LONGEST;
        let parsed = if is_whole { ssfmt::NumberFormat::parse(&literal).ok() } else { None };
        let bodies = bodies(&literal);
        NumberFormat { parsed, bodies, is_general, is_local: is_system_date || is_local(&literal) }
    }

    /// Whether this is the general format, which shows numbers as typed.
    pub fn is_general(&self) -> bool {
        self.is_general
    }

    /// The parts of a date and time that the format shows; `None` if it shows a number or is not understood.
    pub fn moment(&self, value: f64) -> Option<Moment> {
        let (section, _) = self.section(value)?;
        let mut moment = Moment::default();
        for part in &section.parts {
            match part {
                FormatPart::DatePart(DatePart::Year2 | DatePart::Year3 | DatePart::Year4) => moment.has_year = true,
                FormatPart::DatePart(
                    DatePart::Month
                    | DatePart::Month2
                    | DatePart::MonthAbbr
                    | DatePart::MonthFull
                    | DatePart::MonthLetter,
                ) => moment.has_month = true,
                FormatPart::DatePart(DatePart::Day | DatePart::Day2) => moment.has_day = true,
                FormatPart::DatePart(
                    DatePart::Hour
                    | DatePart::Hour2
                    | DatePart::Minute
                    | DatePart::Minute2
                    | DatePart::Second
                    | DatePart::Second2,
                )
                | FormatPart::AmPm(_)
                | FormatPart::Elapsed(_) => moment.has_time = true,
                _ => {}
            }
        }
        section.has_date_parts().then_some(moment)
    }

    /// The text that a spreadsheet shows; `None` if the file does not determine it.
    pub fn shown(&self, value: f64, is_1904: bool) -> Option<String> {
        if self.is_general {
            return general(value);
        }
        let (section, body) = self.section(value)?;
        match body {
            Body::Empty => return Some(String::new()),
            Body::General => return general(value),
            Body::Parts if self.is_local => return None,
            Body::Parts => {}
        }
        if section.has_date_parts() && !(0.0..AFTER_DAYS).contains(&value) {
            return None;
        }
        // Programs differ on the serial numbers below 61: Excel has a January 0 and a February 29 of 1900, neither of which existed.
        if self.moment(value).is_some_and(Moment::has_date) && !is_1904 && value < 61.0 {
            return None;
        }
        if section.parts.iter().any(|part| matches!(part, FormatPart::GeneralNumber)) {
            general(value)?;
        }
        let is_filled = |part: &FormatPart| matches!(part, FormatPart::Fill(fill) if *fill != ' ');
        if section.parts.iter().any(is_filled) {
            return None;
        }
        let date_system = if is_1904 { DateSystem::Date1904 } else { DateSystem::Date1900 };
        let options = FormatOptions { date_system, ..FormatOptions::default() };
        self.parsed.as_ref()?.try_format(value, &options).ok()
    }

    /// The number with the signs and words that the format puts around it, unrounded; `None` if the format hides or replaces the
    /// number, or puts words between its digits.
    pub fn presented(&self, value: f64) -> Option<Presented> {
        if self.is_general {
            return Some(Presented { text: number_text(value), is_scaled: false });
        }
        let (section, body) = self.section(value)?;
        if body == Body::General {
            return Some(Presented { text: number_text(value), is_scaled: false });
        }
        let parts = &section.parts;
        let is_digit = |part: &FormatPart| {
            matches!(part, FormatPart::Digit(_) | FormatPart::GeneralNumber | FormatPart::Fraction { .. })
        };
        let Some(first) = parts.iter().position(is_digit) else {
            return replaced(section, value);
        };
        let last = parts.iter().rposition(is_digit).unwrap_or(first);
        if parts[first..last].iter().any(|part| !literal(part).trim().is_empty()) {
            return None;
        }
        let behind =
            parts[last + 1..].iter().take_while(|part| is_comma(part) || matches!(part, FormatPart::DecimalPoint));
        let before_point = parts[first..].iter().take_while(|part| !matches!(part, FormatPart::DecimalPoint));
        let before_point: Vec<&FormatPart> = before_point.collect();
        let at_point = before_point.iter().rev().take_while(|part| is_comma(part)).count();
        let commas = behind.filter(|part| is_comma(part)).count().max(at_point);
        let percents = parts.iter().filter(|part| matches!(part, FormatPart::Percent)).count();
        let shift = i32::try_from(2 * percents).ok()? - i32::try_from(3 * commas).ok()?;
        let words = |parts: &[FormatPart]| parts.iter().map(literal).collect::<String>();
        let (before, after) = (words(&parts[..first]), words(&parts[last + 1..]));
        let is_signed = |text: &str| text.contains(['-', '(', '（', '−']);
        let is_own_section = self.parsed.as_ref().is_some_and(|parsed| parsed.sections().len() > 1);
        // The section for negative numbers must show a sign itself; the colour red counts as one.
        if value < 0.0 && is_own_section && section.color.is_none() && !is_signed(&before) && !is_signed(&after) {
            return None;
        }
        if value >= 0.0 && (is_signed(&before) || before.contains('-')) {
            return None;
        }
        let bare = |text: String| text.replace(['(', ')', '（', '）', '-', '−', '+'], "").trim().to_owned();
        let sign = if value < 0.0 { "-" } else { "" };
        let number = crate::transfer::amounts::shifted(&number_text(value.abs()), shift);
        Some(Presented { text: format!("{sign}{}{number}{}", bare(before), bare(after)), is_scaled: commas > 0 })
    }

    /// The text that a spreadsheet shows for a text, if the format adds words to it or hides it.
    pub fn shown_text(&self, text: &str) -> Option<String> {
        let sections = self.parsed.as_ref()?.sections();
        let section = match sections {
            [_, _, _, fourth] => fourth,
            [only] if only.has_text_placeholder() => only,
            [.., last] if last.has_text_placeholder() => last,
            _ => return None,
        };
        let part = |part: &FormatPart| match part {
            FormatPart::TextPlaceholder => text.to_owned(),
            part => literal(part),
        };
        Some(section.parts.iter().map(part).collect())
    }

    /// The section of the format that applies to a number, selected as in ssfmt.
    fn section(&self, value: f64) -> Option<(&Section, Body)> {
        let sections = self.parsed.as_ref()?.sections();
        let is_for_text = |at: usize| sections.get(at).is_none_or(Section::has_text_placeholder);
        let at = if sections.iter().any(|section| section.condition.is_some()) {
            let fits = |section: &Section| section.condition.as_ref().is_none_or(|one| one.evaluate(value));
            sections.iter().position(fits).unwrap_or(sections.len().saturating_sub(1))
        } else if value < 0.0 && !is_for_text(1) {
            1
        } else if value == 0.0 && !is_for_text(2) {
            2
        } else {
            0
        };
        Some((sections.get(at)?, self.bodies.get(at).copied().unwrap_or(Body::Parts)))
    }
}

/// The kinds of the sections of a code.
fn bodies(code: &str) -> Vec<Body> {
    let body = |text: &str| match text.trim() {
        "" => Body::Empty,
        text if text.eq_ignore_ascii_case("general") => Body::General,
        _ => Body::Parts,
    };
    let (mut bodies, mut text, mut letters) = (Vec::new(), String::new(), code.chars());
    while let Some(letter) = letters.next() {
        match letter {
            ';' => bodies.push(body(&std::mem::take(&mut text))),
            '[' => {
                // An elapsed time or a currency shows something; a colour or a condition does not.
                let inner: String = letters.by_ref().take_while(|letter| *letter != ']').collect();
                if inner.starts_with(['h', 'H', 'm', 'M', 's', 'S', '$']) && !inner.eq_ignore_ascii_case("magenta") {
                    text.push('x');
                }
            }
            '"' => {
                letters.by_ref().take_while(|letter| *letter != '"').for_each(drop);
                text.push('x');
            }
            '\\' => {
                letters.next();
                text.push('x');
            }
            letter => text.push(letter),
        }
    }
    bodies.push(body(&text));
    bodies
}

/// The number of a section without digits: a zero shown as a dash.
fn replaced(section: &Section, value: f64) -> Option<Presented> {
    let words: String = section.parts.iter().map(literal).collect();
    let is_dash = value == 0.0 && matches!(words.trim(), "-" | "—" | "－" | "–");
    is_dash.then(|| Presented { text: "0".to_owned(), is_scaled: false })
}

fn is_comma(part: &FormatPart) -> bool {
    matches!(part, FormatPart::ThousandsSeparator)
}

/// The literal text of a part.
fn literal(part: &FormatPart) -> String {
    match part {
        FormatPart::Literal(text) | FormatPart::EscapedLiteral(text) => text.clone(),
        FormatPart::Percent => "%".to_owned(),
        FormatPart::Locale(locale) => locale.currency.clone().unwrap_or_default(),
        FormatPart::Skip(_) | FormatPart::Fill(_) => " ".to_owned(),
        _ => String::new(),
    }
}

/// A number in the general format, which has eleven characters in Excel; `None` if it would be shown with an exponent.
fn general(value: f64) -> Option<String> {
    let options = FormatOptions::default();
    let shown = ssfmt::NumberFormat::parse("General").ok()?.try_format(value, &options).ok()?;
    (!shown.contains(['E', 'e'])).then_some(shown)
}

/// The code with `\x` in place of `!x`, which Chinese and Japanese programs write, and whether its quotes are closed.
fn escaped(code: &str) -> (String, bool) {
    let mut escaped = String::with_capacity(code.len());
    let (mut is_quoted, mut letters) = (false, code.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '"' => is_quoted = !is_quoted,
            '\\' if !is_quoted => {
                escaped.push(letter);
                escaped.extend(letters.next());
                continue;
            }
            '!' if !is_quoted => {
                escaped.push('\\');
                escaped.extend(letters.next());
                continue;
            }
            _ => {}
        }
        escaped.push(letter);
    }
    (escaped, !is_quoted)
}

/// Whether the text depends on the locale: names of months and weekdays, eras, numerals, system dates.
fn is_local(code: &str) -> bool {
    let (mut bare, mut brackets) = (String::new(), Vec::new());
    let mut letters = code.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => letters.by_ref().take_while(|letter| *letter != '"').for_each(drop),
            '\\' | '_' | '*' => drop(letters.next()),
            '[' => brackets.push(letters.by_ref().take_while(|letter| *letter != ']').collect::<String>()),
            letter => bare.extend(letter.to_lowercase()),
        }
    }
    let bare = bare.replace("general", "").replace("am/pm", "").replace("a/p", "");
    let is_exponent = bare.contains("e+") || bare.contains("e-");
    let has_names = bare.contains("mmm") || bare.contains("ddd") || bare.contains("aaa");
    let has_eras = bare.contains(['g', 'b']) || (bare.contains('e') && !is_exponent);
    let has_halves = bare.contains("上午") || bare.contains("下午");
    has_names || has_eras || has_halves || brackets.iter().any(|bracket| !is_known(bracket))
}

/// Whether the content of brackets is a colour, a condition, an elapsed time, or a currency with a known locale.
fn is_known(bracket: &str) -> bool {
    const COLOURS: [&str; 8] = ["black", "blue", "cyan", "green", "magenta", "red", "white", "yellow"];
    let lower = bracket.to_lowercase();
    if let Some(locale) = lower.strip_prefix('$') {
        let id = locale.rsplit_once('-').map_or("", |(_, id)| id);
        return matches!(id, "" | "804" | "409" | "1004" | "404" | "c04" | "0804");
    }
    let is_elapsed =
        !lower.is_empty() && ['h', 'm', 's'].iter().any(|unit| lower.chars().all(|letter| letter == *unit));
    COLOURS.contains(&lower.as_str()) || lower.starts_with("color") || lower.starts_with(['<', '>', '=']) || is_elapsed
}

/// The zh-CN code of a format without a code in the file.
fn east_asian(id: u32) -> Option<&'static str> {
    Some(match id {
        27 | 36 | 50 | 52 | 57 => "yyyy\"年\"m\"月\"",
        28 | 29 | 51 | 53 | 54 | 58 => "m\"月\"d\"日\"",
        30 => "m-d-yy",
        31 => "yyyy\"年\"m\"月\"d\"日\"",
        32 => "h\"时\"mm\"分\"",
        33 => "h\"时\"mm\"分\"ss\"秒\"",
        34 | 55 => "上午/下午h\"时\"mm\"分\"",
        35 | 56 => "上午/下午h\"时\"mm\"分\"ss\"秒\"",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
