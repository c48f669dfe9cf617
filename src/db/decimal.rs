//! Decimal numbers without floats: text in JSON, whole numbers of their smallest unit in the database.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::BigInt;
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Reads a decimal as a whole number of units of 10^-places; `None` when it is none, or too large.
fn parse(text: &str, places: u32) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let width = places as usize;
    if whole.is_empty()
        || digits.ends_with('.')
        || fraction.len() > width
        || !are_digits(whole)
        || !are_digits(fraction)
    {
        return None;
    }
    let units: i64 = format!("{whole}{fraction:0<width$}").parse().ok()?;
    Some(if negative { -units } else { units })
}

fn print(units: i64, places: u32) -> String {
    let scale = 10_u64.pow(places);
    let (whole, fraction) = (units.unsigned_abs() / scale, units.unsigned_abs() % scale);
    format!("{}{whole}.{fraction:0width$}", if units < 0 { "-" } else { "" }, width = places as usize)
}

macro_rules! decimal {
    ($(#[doc = $about:literal])+ $name:ident as $component:literal, places $places:literal, pattern $pattern:literal,
     example $example:literal, printed by $print:expr) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, FromSqlRow, AsExpression)]
        #[diesel(sql_type = BigInt)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let print: fn(i64) -> String = $print;
                f.write_str(&print(self.0))
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                parse(text, $places).map($name).ok_or_else(|| format!("\"{text}\" is no decimal of this kind"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl<DB: Backend> FromSql<BigInt, DB> for $name
        where
            i64: FromSql<BigInt, DB>,
        {
            fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
                i64::from_sql(bytes).map($name)
            }
        }

        impl<DB: Backend> ToSql<BigInt, DB> for $name
        where
            i64: ToSql<BigInt, DB>,
        {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                self.0.to_sql(out)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .pattern(Some($pattern))
                    .max_length(Some(24))
                    .description(Some(concat!($($about),+).trim()))
                    .examples([$example])
                    .into()
            }
        }

        impl ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed($component)
            }
        }
    };
}

decimal! {
    /// Money as a decimal string with two places: yuan and fen, or what the currency has; stored in hundredths.
    Fen as "Money", places 2, pattern r"^-?[0-9]{1,17}(\.[0-9]{1,2})?$", example "1200000.00", printed by |fen| print(fen, 2)
}

decimal! {
    /// A quantity as a decimal string of up to four places; its unit stands beside it.
    Quantity as "Quantity", places 4, pattern r"^-?[0-9]{1,12}(\.[0-9]{1,4})?$", example "120", printed by |units| {
        let text = print(units, 4);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// `part` of `whole` in percent, to two places, rounded half away from zero; `None` of nothing.
pub fn percent(part: i128, whole: i128) -> Option<f64> {
    if whole == 0 {
        return None;
    }
    let (part, whole) = if whole < 0 { (-part, -whole) } else { (part, whole) };
    let scaled = part * 20_000;
    let hundredths = (scaled + if scaled < 0 { -whole } else { whole }) / (2 * whole);
    // Beyond any percentage that means something, the places of a float are of no account.
    #[expect(clippy::cast_precision_loss, reason = "a percentage in hundredths is far below 2^53")]
    Some(hundredths as f64 / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_come_back_as_they_went() {
        for (text, printed) in [("0", "0.00"), ("12", "12.00"), ("1200000.5", "1200000.50"), ("-0.05", "-0.05")] {
            let fen: Fen = text.parse().unwrap();
            assert_eq!(fen.to_string(), printed);
            assert_eq!(printed.parse::<Fen>().unwrap(), fen);
        }
        for (text, printed) in [("0", "0"), ("100", "100"), ("0.1250", "0.125"), ("-3.5", "-3.5")] {
            assert_eq!(text.parse::<Quantity>().unwrap().to_string(), printed);
        }
        for text in ["", ".5", "5.", "1.234", "1e3", "１", "+1", "--1", "1 000", "99999999999999999999"] {
            assert!(text.parse::<Fen>().is_err(), "{text}");
        }
    }

    #[test]
    fn percentages_are_rounded_and_have_a_sign() {
        assert_eq!(percent(1, 3), Some(33.33));
        assert_eq!(percent(2, 3), Some(66.67));
        assert_eq!(percent(-1, 3), Some(-33.33));
        assert_eq!(percent(-50, -100), Some(50.0));
        assert_eq!(percent(5, 0), None);
    }
}
