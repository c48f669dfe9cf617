//! The formats of the cells of a workbook.

use rust_xlsxwriter::{Color, Format, FormatAlign, FormatBorder};

use super::rules::must_be_given;
use crate::transfer::columns::{Column, Shape};

const HEADER: u32 = 0x1F_4E_79;
const REQUIRED: u32 = 0xC5_5A_11;
const READ_ONLY: u32 = 0x7F_7F_7F;

/// The formats of one column.
pub struct Style {
    pub header: Format,
    pub cell: Format,
    /// Width in digits.
    pub width: f64,
}

impl Style {
    pub fn of(column: &Column, title: &str, marks_required: bool) -> Style {
        let colour = match column {
            Column { is_read_only: true, .. } => READ_ONLY,
            column if marks_required && must_be_given(column) => REQUIRED,
            _ => HEADER,
        };
        let cell = Format::new().set_align(FormatAlign::Top).set_num_format(number_format(column));
        let cell = if column.is_read_only {
            cell.set_font_color(Color::RGB(READ_ONLY)).set_background_color(Color::RGB(0xF2_F2_F2))
        } else {
            cell
        };
        Style { header: header(colour), cell, width: width(column, title) }
    }
}

/// The format of a header: white on a colour.
fn header(colour: u32) -> Format {
    Format::new()
        .set_bold()
        .set_font_color(Color::White)
        .set_background_color(Color::RGB(colour))
        .set_border(FormatBorder::Thin)
        .set_border_color(Color::RGB(0xD9_D9_D9))
        .set_align(FormatAlign::VerticalCenter)
}

/// The format of the headers of tables that are not of a resource.
pub fn plain_header() -> Format {
    header(HEADER)
}

/// The number format of a column. Codes and texts are formatted as text, so that a spreadsheet does not convert them to numbers
/// or dates.
fn number_format(column: &Column) -> &'static str {
    match column.shape {
        Shape::Integer => "0",
        Shape::Number | Shape::Boolean => "General",
        Shape::Decimal => "#,##0.00####",
        Shape::Date => "yyyy-mm-dd",
        _ => "@",
    }
}

fn width(column: &Column, title: &str) -> f64 {
    let least: u32 = match column.shape {
        Shape::Integer | Shape::Boolean => 9,
        Shape::Date | Shape::Number | Shape::Choice(_) => 13,
        Shape::Decimal => 16,
        Shape::Instant => 22,
        Shape::Code => 26,
        Shape::Reference(_) | Shape::Named | Shape::Choices(_) => 28,
        Shape::Text | Shape::Texts | Shape::References(_) | Shape::NamedAll | Shape::Json => 32,
    };
    // The button of the filter takes the width of three digits.
    f64::from(least.max(letters(title) + 4).min(60))
}

/// The width of a text in digits; a Chinese character is as wide as two.
pub fn letters(text: &str) -> u32 {
    text.chars().map(|letter| if letter.is_ascii() { 1 } else { 2 }).sum()
}
