//! Messages for cells that are not a date or not a number of their column.

use crate::model::text::Msg;
use crate::msg;
use crate::transfer::cells::{NoDay, no_day, plain};
use crate::transfer::columns::{Column, Shape};

/// Why a value is not a date.
pub fn of_day(column: &Column, value: Option<&str>) -> Msg {
    let (zh, en) = (&column.zh, &column.en);
    let Some(value) = value else {
        return msg!("“{zh}”须为日期，如 2026-09-30。", "\"{en}\" must be a date, such as 2026-09-30");
    };
    match no_day(value) {
        Some(NoDay::Imprecise) => msg!(
            "“{zh}”须写明年、月、日，如 2026-09-30；“{value}”不是确切的日期。",
            "\"{en}\" must have year, month and day, such as 2026-09-30; \"{value}\" is not an exact date"
        ),
        Some(NoDay::ShortYear) => msg!(
            "“{zh}”的年份须写四位，如 2026-09-30，现为“{value}”。",
            "\"{en}\" must have a year of four digits, such as 2026-09-30, not \"{value}\""
        ),
        Some(NoDay::Serial) => msg!(
            "“{zh}”须为日期，如 2026-09-30；“{value}”可能是日期，但单元格未设日期格式，请改为日期格式。",
            "\"{en}\" must be a date, such as 2026-09-30; \"{value}\" may be one in a cell that is not formatted as a date"
        ),
        None => msg!(
            "“{zh}”须为日期，如 2026-09-30；“{value}”不是。",
            "\"{en}\" must be a date, such as 2026-09-30; \"{value}\" is not one"
        ),
    }
}

/// Why a value is not a number of a column.
pub fn of_number(column: &Column, value: Option<&str>) -> Msg {
    let (zh, en) = (&column.zh, &column.en);
    let Some(value) = value else {
        return msg!("“{zh}”须为数字。", "\"{en}\" must be a number");
    };
    let Some((is_negative, whole, fraction)) = plain(value) else {
        return msg!(
            "“{zh}”须为数字；“{value}”不是，或带有无法换算的单位。",
            "\"{en}\" must be a number; \"{value}\" is not one, or has a unit that cannot be converted"
        );
    };
    let Limits { digits, places, may_be_negative } = Limits::of(column);
    if is_negative && !may_be_negative {
        msg!("“{zh}”须为正数，现为 {value}。", "\"{en}\" must be positive, not {value}")
    } else if !fraction.is_empty() && places == 0 {
        msg!("“{zh}”须为整数，现为 {value}。", "\"{en}\" must be a whole number, not {value}")
    } else if fraction.len() > places {
        msg!(
            "“{zh}”最多有 {places} 位小数，现为 {value}。",
            "\"{en}\" must have at most {places} decimals, not {value}"
        )
    } else if whole.len() > digits {
        msg!(
            "“{zh}”的整数部分最多 {digits} 位，现为 {value}。",
            "\"{en}\" must have at most {digits} digits before the decimal point, not {value}"
        )
    } else {
        msg!("“{zh}”须为数字，现为 {value}。", "\"{en}\" must be a plain number, not {value}")
    }
}

/// The limits that the pattern of a column's numbers sets.
struct Limits {
    digits: usize,
    places: usize,
    may_be_negative: bool,
}

impl Limits {
    fn of(column: &Column) -> Limits {
        let places = if matches!(column.shape, Shape::Integer) { 0 } else { usize::MAX };
        let Some(pattern) = column.schema["pattern"].as_str() else {
            return Limits { digits: usize::MAX, places, may_be_negative: true };
        };
        // `^-?[0-9]{1,12}(\.[0-9]{1,4})?$`
        let mut most = pattern.split("{1,").skip(1).filter_map(|rest| rest.split('}').next()?.parse().ok());
        let (digits, places) = (most.next().unwrap_or(usize::MAX), most.next().unwrap_or(places));
        Limits { digits, places, may_be_negative: pattern.starts_with("^-?") }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_give_the_reason_and_the_value() {
        let column = |shape, pattern: &str| Column {
            pointer: "/amount".to_owned(),
            en: "amount".to_owned(),
            zh: "金额".to_owned(),
            shape,
            is_required: false,
            is_nullable: true,
            is_read_only: false,
            about: String::new(),
            schema: if pattern.is_empty() { json!({}) } else { json!({ "pattern": pattern }) },
        };
        let money = column(Shape::Decimal, r"^[0-9]{1,12}(\.[0-9]{1,2})?$");
        let quantity = column(Shape::Decimal, r"^-?[0-9]{1,12}(\.[0-9]{1,4})?$");
        let whole = column(Shape::Integer, "");
        let of = |column: &Column, value: &str| of_number(column, Some(value)).en;
        assert_eq!(of(&money, "1200.005"), "\"amount\" must have at most 2 decimals, not 1200.005");
        assert_eq!(of(&money, "-5"), "\"amount\" must be positive, not -5");
        assert_eq!(
            of(&money, "1234567890123"),
            "\"amount\" must have at most 12 digits before the decimal point, not 1234567890123"
        );
        assert!(of(&money, "三百").contains("三百"));
        assert_eq!(of(&quantity, "-1.00001"), "\"amount\" must have at most 4 decimals, not -1.00001");
        assert_eq!(of(&whole, "35.4"), "\"amount\" must be a whole number, not 35.4");
        let day = |value: &str| of_day(&money, Some(value)).en;
        for vague in ["2022.3", "2022年3月", "3月底", "2022年底", "3月31日", "2022", "2026年第一季度"] {
            assert!(day(vague).contains("is not an exact date"), "{vague}: {}", day(vague));
        }
        assert!(day("22/3/31").contains("four digits"));
        assert!(day("44651").contains("formatted"));
        assert!(day("2022-02-30").contains("is not one"));
    }
}
