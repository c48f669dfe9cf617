//! Numbers with units: `3.5万元`, `1,200 元`, `￥1,200.00`, `35%`, and units that a header gives to a whole column.
//!
//! A unit is converted exactly, by moving the decimal point. A text that is not understood stays unchanged, so that the
//! validation reports it; an amount marked with another currency is never read as yuan.

use super::cells::{is_percent, plain, ungrouped};
use super::columns::{Column, Shape};
use crate::normalize::half_width;

/// The quantity that a unit measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Yuan: `元`.
    Money,
    /// People and things: `人`, `个`.
    Count,
    /// Percentages: `%`, `‰`.
    Percent,
    /// A scale alone: `万`.
    Any,
}

/// A unit: its measure and its scale as a power of ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    pub measure: Measure,
    pub power: i32,
}

const SCALES: &[(&str, i32)] = &[
    ("万亿", 12),
    ("千亿", 11),
    ("百亿", 10),
    ("十亿", 9),
    ("亿", 8),
    ("千万", 7),
    ("百万", 6),
    ("十万", 5),
    ("万", 4),
    ("千", 3),
    ("百", 2),
];
const MONEY: &[&str] = &["人民币元", "人民币", "元人民币", "元", "圆", "cny", "rmb", "yuan"];
const COUNTS: &[&str] = &["人次", "人", "名", "个", "项", "次", "位", "家"];

impl Unit {
    /// The unit that a text names: `万元`, `亿元`, `%`, `‰`, `人`.
    pub fn of(text: &str) -> Option<Unit> {
        let text = half_width(text).to_lowercase().replace(' ', "");
        let text = text.strip_prefix("单位:").unwrap_or(&text);
        match text {
            "%" | "百分比" | "百分数" | "percent" => return Some(Unit { measure: Measure::Percent, power: 0 }),
            "‰" | "千分比" | "permille" => return Some(Unit { measure: Measure::Percent, power: -1 }),
            _ => {}
        }
        let (scale, base) = SCALES
            .iter()
            .find_map(|(word, power)| text.strip_prefix(word).map(|base| (*power, base)))
            .unwrap_or((0, text));
        let measure = match base {
            "" if scale > 0 => Measure::Any,
            base if MONEY.contains(&base) => Measure::Money,
            base if COUNTS.contains(&base) => Measure::Count,
            _ => return None,
        };
        Some(Unit { measure, power: scale })
    }

    /// Whether a column's numbers can be given in this unit.
    pub fn fits(self, column: &Column) -> bool {
        match (self.measure, &column.shape) {
            (Measure::Percent, Shape::Integer | Shape::Number | Shape::Decimal) => is_percent(column),
            (_, _) if is_percent(column) => false,
            (Measure::Money, Shape::Decimal) => is_money(column),
            (Measure::Count, Shape::Integer) => true,
            (Measure::Any, Shape::Integer | Shape::Decimal) => true,
            _ => false,
        }
    }
}

/// Whether a column is an amount of money: its record has a currency.
fn is_money(column: &Column) -> bool {
    matches!(column.en.as_str(), "amount" | "investment")
}

fn is_same(one: Measure, other: Measure) -> bool {
    one == other || one == Measure::Any || other == Measure::Any
}

/// The plain digits of the number in a cell, in the column's own unit. `unit` is the one that the header gives. `None` if the
/// text is not such a number.
pub fn digits(column: &Column, unit: Option<Unit>, text: &str) -> Option<String> {
    let text = half_width(text);
    let (sign, rest) = text.strip_prefix('-').map_or(("", &*text), |rest| ("-", rest.trim_start()));
    let (sign, rest) = match rest.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        // Accounting notation: parentheses mark a negative number.
        Some(inner) if sign.is_empty() => ("-", inner.trim()),
        _ => (sign, rest),
    };
    let symbol = ["¥", "人民币", "CNY", "RMB"].iter().find_map(|symbol| rest.strip_prefix(symbol));
    let rest = symbol.map_or(rest, str::trim_start);
    let (sign, rest) = match rest.strip_prefix('-') {
        Some(inner) if sign.is_empty() && symbol.is_some() => ("-", inner),
        _ => (sign, rest),
    };
    let end = rest.rfind(|letter: char| letter.is_ascii_digit()).map_or(0, |last| last + 1);
    let (number, suffix) = (rest[..end].trim(), rest[end..].trim());
    plain(number)?;
    let own = if suffix.is_empty() { None } else { Some(Unit::of(suffix).filter(|own| own.fits(column))?) };
    let symbol = symbol.is_some().then_some(Unit { measure: Measure::Money, power: 0 });
    if symbol.is_some_and(|symbol| !symbol.fits(column)) {
        return None;
    }
    // The currency sign alone gives the unit yuan.
    let own = own.or(symbol);
    let unit = match (unit, own) {
        // If the cell and its header give different units, it is ambiguous which one applies.
        (Some(unit), Some(own)) if unit.power != own.power || !is_same(unit.measure, own.measure) => return None,
        (unit, own) => own.or(unit),
    };
    let digits = ungrouped(number);
    let digits = match unit {
        Some(Unit { power, .. }) if power != 0 => shifted(&digits, power),
        _ => digits,
    };
    let is_zero = digits.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    Some(if sign.is_empty() || is_zero { digits } else { format!("-{digits}") })
}

/// A plain number times a power of ten, by moving its point.
pub fn shifted(digits: &str, power: i32) -> String {
    if power == 0 {
        return digits.to_owned();
    }
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let places = usize::try_from(power.unsigned_abs()).unwrap_or_default();
    let (whole, fraction) = if power > 0 {
        let fraction = format!("{fraction:0<places$}");
        (format!("{whole}{}", &fraction[..places]), fraction[places..].to_owned())
    } else {
        let padded = format!("{whole:0>width$}", width = places + 1);
        let cut = padded.len() - places;
        (padded[..cut].to_owned(), format!("{}{fraction}", &padded[cut..]))
    };
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn column(en: &str, zh: &str, shape: Shape) -> Column {
        Column {
            pointer: format!("/{en}"),
            en: en.to_owned(),
            zh: zh.to_owned(),
            shape,
            is_required: false,
            is_nullable: true,
            is_read_only: false,
            about: String::new(),
            schema: Value::Null,
        }
    }

    #[test]
    fn units_are_converted_exactly_or_refused() {
        let money = column("investment", "投资额", Shape::Decimal);
        let quantity = column("value", "数值", Shape::Decimal);
        let percent = column("progress", "进度（%）", Shape::Integer);
        let people = column("headcount", "人数", Shape::Integer);
        let cases = [
            (&money, None, "3.5万元", Some("35000")),
            (&money, None, "1,200元", Some("1200")),
            (&money, None, "￥1,200.00", Some("1200.00")),
            (&money, None, "¥ 1,200", Some("1200")),
            (&money, None, "人民币３．５亿元", Some("350000000")),
            (&money, None, "-5", Some("-5")),
            (&money, None, "(5)", Some("-5")),
            (&money, None, "1 200", None),
            (&money, None, "$1,200", None),
            (&money, None, "3.5万美元", None),
            (&money, None, "35%", None),
            (&money, Unit::of("万元"), "3.5", Some("35000")),
            (&money, Unit::of("万元"), "0.123456", Some("1234.56")),
            (&money, Unit::of("亿元"), "0.0000001", Some("10")),
            (&money, Unit::of("万元"), "3.5万元", Some("35000")),
            (&money, Unit::of("万元"), "3.5万", Some("35000")),
            (&money, Unit::of("万元"), "￥3.5", None),
            (&money, Unit::of("万元"), "￥3.5万元", Some("35000")),
            (&money, Unit::of("元"), "￥3.5", Some("3.5")),
            (&money, Unit::of("万元"), "3.5元", None),
            (&money, Unit::of("万元"), "35000元", None),
            (&quantity, None, "12公里", None),
            (&quantity, None, "1.2万", Some("12000")),
            (&percent, None, "35%", Some("35")),
            (&percent, None, "35", Some("35")),
            (&percent, None, "350‰", Some("35")),
            (&percent, Unit::of("‰"), "355", Some("35.5")),
            (&percent, Unit::of("‰"), "35%", None),
            (&percent, None, "三成", None),
            (&people, None, "10人", Some("10")),
            (&people, Unit::of("万人"), "1.2", Some("12000")),
            (&people, None, "10元", None),
        ];
        for (column, unit, text, wanted) in cases {
            assert_eq!(digits(column, unit, text).as_deref(), wanted, "{text} in {} as {unit:?}", column.zh);
        }
    }

    proptest! {
        #[test]
        fn moving_the_point_back_gives_the_number(whole in 0_u64..1_000_000_000, fraction in 1_u32..1_000, power in -8_i32..12) {
            let number = format!("{whole}.{fraction:03}");
            let back = shifted(&shifted(&number, power), -power);
            prop_assert_eq!(plain(&back), plain(&number));
        }
    }
}
