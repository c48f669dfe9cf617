//! Decimal numbers without floats: text in JSON, whole numbers of their smallest unit in the database.

use std::str::FromStr;

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
fn parse<T: FromStr>(text: &str, places: u32) -> Option<T> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
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
    format!("{sign}{whole}{fraction:0<width$}").parse().ok()
}

fn print(units: i128, places: u32) -> String {
    let scale = 10_u128.pow(places);
    let (whole, fraction) = (units.unsigned_abs() / scale, units.unsigned_abs() % scale);
    format!("{}{whole}.{fraction:0width$}", if units < 0 { "-" } else { "" }, width = places as usize)
}

/// The shortest text of a quantity in its smallest unit.
fn print_quantity(units: i128) -> String {
    let text = print(units, 4);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Defines a decimal number over an integer of any width.
///
/// `decimal! { /// Money. Fen(i64, BigInt) as "Money", places 2, … }` expands to `struct Fen(pub i64)` with `Display`,
/// `FromStr`, `Serialize`, `Deserialize` and `ToSchema` for text of two places, and, because of `BigInt`, with `FromSql` and `ToSql` for
/// a column of that type.
macro_rules! decimal {
    ($(#[doc = $about:literal])+ $name:ident($units:ty $(, $column:ident)?) as $component:literal, places $places:literal,
     pattern $pattern:literal, at most $length:literal, example $example:literal, printed by $print:expr) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $(#[derive(FromSqlRow, AsExpression)] #[diesel(sql_type = $column)])?
        pub struct $name(pub $units);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let print: fn(i128) -> String = $print;
                f.write_str(&print(self.0.into()))
            }
        }

        impl FromStr for $name {
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

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .pattern(Some($pattern))
                    .max_length(Some($length))
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

        $(
            impl<DB: Backend> FromSql<$column, DB> for $name
            where
                $units: FromSql<$column, DB>,
            {
                fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
                    <$units>::from_sql(bytes).map($name)
                }
            }

            impl<DB: Backend> ToSql<$column, DB> for $name
            where
                $units: ToSql<$column, DB>,
            {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                    self.0.to_sql(out)
                }
            }
        )?
    };
}

decimal! {
    /// Money as a decimal string with two places: yuan and fen, or what the currency has; stored in hundredths.
    Fen(i64, BigInt) as "Money", places 2, pattern r"^-?[0-9]{1,17}(\.[0-9]{1,2})?$", at most 24,
    example "1200000.00", printed by |fen| print(fen, 2)
}

decimal! {
    /// A sum of money as a decimal string with two places. It holds the sum of any number of amounts.
    FenTotal(i128) as "MoneyTotal", places 2, pattern r"^-?[0-9]{1,36}(\.[0-9]{1,2})?$", at most 40,
    example "1200000.00", printed by |fen| print(fen, 2)
}

decimal! {
    /// A quantity as a decimal string of up to four places; its unit stands beside it.
    Quantity(i64, BigInt) as "Quantity", places 4, pattern r"^-?[0-9]{1,12}(\.[0-9]{1,4})?$", at most 24,
    example "120", printed by print_quantity
}

decimal! {
    /// A sum of quantities as a decimal string of up to four places; its unit stands beside it. It holds the sum of any
    /// number of quantities.
    QuantityTotal(i128) as "QuantityTotal", places 4, pattern r"^-?[0-9]{1,34}(\.[0-9]{1,4})?$", at most 40,
    example "120", printed by print_quantity
}

impl From<Quantity> for QuantityTotal {
    fn from(quantity: Quantity) -> QuantityTotal {
        QuantityTotal(quantity.0.into())
    }
}

/// `part` of `whole` in percent, to two places, rounded half away from zero; `None` of nothing. Exact for a `part` of up to
/// 8·10^33 units, far above any sum that the service can store; beyond it the percentage has the precision of a float.
pub fn percent(part: i128, whole: i128) -> Option<f64> {
    if whole == 0 {
        return None;
    }
    let (Some(scaled), Some(divisor)) = (part.checked_mul(20_000), whole.checked_mul(2)) else {
        #[expect(clippy::cast_precision_loss, reason = "the documented precision of such a percentage")]
        return Some((part as f64 / whole as f64 * 10_000.0).round() / 100.0);
    };
    let half = if (scaled < 0) == (whole < 0) { whole } else { -whole };
    let hundredths = scaled.saturating_add(half) / divisor;
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
    fn what_a_request_may_give_fits_the_column() {
        // The largest that a request may give: see `amount` of a transaction, `investment` of a project, and Quantity's own.
        assert_eq!("999999999999.99".parse(), Ok(Fen(99_999_999_999_999)));
        assert_eq!("-999999999999.9999".parse(), Ok(Quantity(-9_999_999_999_999_999)));
        assert_eq!("-92233720368547758.08".parse(), Ok(Fen(i64::MIN)));
        assert_eq!(Fen(i64::MIN).to_string(), "-92233720368547758.08");
    }

    #[test]
    fn totals_hold_more_than_a_column() {
        let most = i128::from(i64::MAX) * i128::from(i64::MAX);
        assert_eq!(FenTotal(most).to_string(), "850705917302346158473969077842325012.49");
        assert_eq!(FenTotal(most).to_string().parse(), Ok(FenTotal(most)));
        assert_eq!(QuantityTotal(-most).to_string(), "-8507059173023461584739690778423250.1249");
    }

    #[test]
    fn a_percentage_of_the_largest_sums_does_not_overflow() {
        let most = i128::MAX;
        assert_eq!(percent(most, most), Some(100.0));
        assert_eq!(percent(-most, most), Some(-100.0));
        assert_eq!(percent(1, most), Some(0.0));
        assert!(percent(most, 1).is_some_and(f64::is_finite));
        assert!(percent(i128::MIN, -1).is_some_and(f64::is_finite));
        assert_eq!(
            percent(8_000_000_000_000_000_000_000_000_000_000_000, 8_000_000_000_000_000_000_000_000_000_000_000),
            Some(100.0)
        );
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
