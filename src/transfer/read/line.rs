//! One row of a sheet, and the reading of its cells by the type of their column.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::NaiveDate;

use super::encoding::DAMAGED;
use super::merges::Span;
use super::numfmt::NumberFormat;
use crate::model::text::Msg;
use crate::msg;
use crate::transfer::amounts::{Unit, digits};
use crate::transfer::cells::{Cell, error_value, number_text, plain, restore};
use crate::transfer::columns::{Column, Shape};

/// The letters of a column: 0 is A, 26 is AA.
pub fn letters(position: u32) -> String {
    let mut letters = Vec::new();
    let mut left = position;
    loop {
        letters.push(char::from(b'A' + u8::try_from(left % 26).unwrap_or_default()));
        if left < 26 {
            break;
        }
        left = left / 26 - 1;
    }
    letters.iter().rev().collect()
}

/// The content of a cell as the file has it.
#[derive(Clone, Debug)]
pub enum Raw {
    Cell(Cell),
    /// A number with its format.
    Number(Numeric),
    /// A formula that failed: `#N/A`.
    Error(String),
    /// A cell that cannot be read, with the code and message of its fault.
    Unreadable(&'static str, Msg),
}

/// A number with its format.
#[derive(Clone, Debug)]
pub struct Numeric {
    pub value: f64,
    pub format: Arc<NumberFormat>,
    pub is_1904: bool,
}

/// Why a cell cannot be read by the type of its column.
#[derive(Debug)]
pub struct Unread {
    pub code: &'static str,
    pub message: Msg,
    /// The text that the cell shows, if that is known.
    pub shown: Option<String>,
}

impl Raw {
    /// Whether the cell shows nothing.
    pub fn is_blank(&self) -> bool {
        matches!(self, Raw::Cell(cell) if cell.is_blank())
    }

    /// The text that the cell shows, as far as that is known.
    pub fn text(&self) -> String {
        match self {
            Raw::Cell(cell) => cell.text(),
            Raw::Number(number) => number.text(),
            Raw::Error(error) => error.clone(),
            Raw::Unreadable(..) => String::new(),
        }
    }

    /// The approximate bytes of the content.
    pub fn size(&self) -> usize {
        match self {
            Raw::Cell(Cell::Text(text)) => text.len(),
            _ => 1,
        }
    }

    /// Reads the cell by the type of its column, whose header may give a unit.
    pub fn read(&self, column: &Column, unit: Option<Unit>) -> Result<Cow<'_, Cell>, Unread> {
        let is_number = matches!(column.shape, Shape::Integer | Shape::Number | Shape::Decimal);
        let cell = match self {
            Raw::Error(error) => return Err(failed(error)),
            Raw::Unreadable(code, message) => {
                return Err(Unread { code, message: message.clone(), shown: None });
            }
            Raw::Cell(cell) => Cow::Borrowed(cell),
            Raw::Number(number) if is_number => Cow::Owned(number.as_number(column, unit)?),
            Raw::Number(number) => Cow::Owned(number.as_shown(column)?),
        };
        if let Cell::Text(text) = &*cell {
            if let Some(error) = error_value(text) {
                return Err(failed(error));
            }
            if text.contains(DAMAGED) {
                return Err(damaged(text));
            }
        }
        match unit {
            Some(unit) if is_number && !cell.is_blank() => in_unit(cell, column, unit),
            _ => Ok(cell),
        }
    }
}

/// Converts a number from the unit of its header to that of the column. Other texts stay unchanged, so that the validation
/// reports them.
fn in_unit<'a>(cell: Cow<'a, Cell>, column: &Column, unit: Unit) -> Result<Cow<'a, Cell>, Unread> {
    let text = cell.text();
    let text = restore(&text);
    match digits(column, Some(unit), text) {
        Some(digits) => Ok(Cow::Owned(Cell::Text(digits))),
        None if digits(column, None, text).is_some() => {
            let message = msg!(
                "单元格写明的单位与表头的单位不同，无法判断以哪个为准；请去掉其中一个。",
                "has another unit than its header, so that it is ambiguous which one applies; remove one of them"
            );
            Err(Unread { code: "unit", message, shown: Some(text.to_owned()) })
        }
        None => Ok(cell),
    }
}

fn failed(error: &str) -> Unread {
    let message = msg!("公式出错：{error}。", "is a formula that failed: {error}");
    Unread { code: "cell_error", message, shown: Some(error.to_owned()) }
}

/// The fault of a text with characters that could not be decoded.
fn damaged(text: &str) -> Unread {
    let message = msg!(
        "有无法识别的字符，文件可能已损坏；请改正后另存为“CSV UTF-8”。",
        "has characters that cannot be decoded, so that the file may be damaged; correct the cell and save the file as \"CSV UTF-8\""
    );
    Unread { code: "encoding", message, shown: Some(text.to_owned()) }
}

impl Numeric {
    /// The text that the cell shows; the number itself if that is unknown.
    fn text(&self) -> String {
        self.format.shown(self.value, self.is_1904).unwrap_or_else(|| number_text(self.value)).trim().to_owned()
    }

    fn unread(&self, code: &'static str, message: Msg) -> Unread {
        Unread {
            code,
            message,
            shown: self.format.shown(self.value, self.is_1904).map(|shown| shown.trim().to_owned()),
        }
    }

    /// The number in a column of numbers.
    fn as_number(&self, column: &Column, unit: Option<Unit>) -> Result<Cell, Unread> {
        if self.format.moment(self.value).is_some() {
            let message = msg!(
                "单元格是日期或时间，此列须为数字；请改为数字格式后重新填写。",
                "is formatted as a date or time but the column needs a number; format the cell as a number and enter it again"
            );
            return Err(self.unread("date_for_number", message));
        }
        let held = number_text(self.value);
        let odd = || {
            let message = msg!(
                "单元格显示的与实际数值（{held}）不同，无法判断以哪个为准；请改用“常规”或普通数字格式。",
                "shows another value than the number that it holds ({held}); format it as a plain number"
            );
            self.unread("not_as_shown", message)
        };
        let presented = self.format.presented(self.value).ok_or_else(odd)?;
        if presented.is_scaled {
            // Shown in thousands: accepted if the header or format gives the unit, and the result is the number that the cell holds.
            let meant = digits(column, unit, &presented.text).ok_or_else(odd)?;
            return if plain(&meant) == plain(&held) { Ok(Cell::Text(meant)) } else { Err(odd()) };
        }
        if presented.text == held {
            return Ok(Cell::Number(self.value));
        }
        Ok(Cell::Text(presented.text))
    }

    /// The text or date that the cell shows, in a column of another type.
    fn as_shown(&self, column: &Column) -> Result<Cell, Unread> {
        let moment = self.format.moment(self.value);
        match (&column.shape, moment) {
            (Shape::Date, Some(moment)) if moment.has_date() => return self.as_day(moment),
            (Shape::Instant, Some(moment)) if moment.is_whole_day() => {
                return Ok(Cell::Text(self.instant().ok_or_else(|| self.not_known())?));
            }
            (Shape::Boolean, None) if self.format.is_general() => return Ok(Cell::Number(self.value)),
            _ => {}
        }
        let is_name = !matches!(column.shape, Shape::Text) || is_name(column);
        if moment.is_some() && is_name && !matches!(column.shape, Shape::Date | Shape::Instant) {
            let message = msg!(
                "单元格内容已被表格软件转成日期或时间；请将此列设为“文本”格式，再重新填写。",
                "was converted to a date or time by the spreadsheet program; format the column as text and enter it again"
            );
            return Err(self.unread("date_for_text", message));
        }
        let shown = self.format.shown(self.value, self.is_1904);
        let shown = shown
            .or_else(|| (matches!(column.shape, Shape::Date) && moment.is_none()).then(|| number_text(self.value)));
        let shown = shown.map(|shown| shown.trim().to_owned()).filter(|shown| !shown.is_empty());
        shown.map(Cell::Text).ok_or_else(|| self.not_known())
    }

    fn not_known(&self) -> Unread {
        let held = number_text(self.value);
        let message = msg!(
            "无法确定单元格显示的内容（实际数值为 {held}）；请将此列设为“文本”格式，再重新填写。",
            "shows a text that the file does not determine (it holds the number {held}); format the column as text and enter it again"
        );
        self.unread("not_as_shown", message)
    }

    /// A date whose format shows year, month and day. A time that the format hides is ignored.
    fn as_day(&self, moment: super::numfmt::Moment) -> Result<Cell, Unread> {
        let day = self.day().ok_or_else(|| self.not_known())?;
        if !moment.is_whole_day() {
            let message = msg!(
                "只显示了日期的一部分（实际为 {day}）；请改用含年、月、日的日期格式，并核对日期。",
                "shows only a part of its date (it holds {day}); format it with year, month and day, and check it"
            );
            return Err(self.unread("imprecise_date", message));
        }
        if moment.has_time && self.value.fract() != 0.0 {
            return Ok(Cell::Text(self.instant().ok_or_else(|| self.not_known())?.replace('T', " ")));
        }
        Ok(Cell::Date(day))
    }

    fn parts(&self) -> Option<(NaiveDate, (u8, u8, u8))> {
        if !(0.0..2_958_466.0).contains(&self.value) {
            return None;
        }
        let kind = calamine::ExcelDateTimeType::DateTime;
        let instant = calamine::ExcelDateTime::new(self.value, kind, self.is_1904);
        let (year, month, day, hour, minute, second, _) = instant.to_ymd_hms_milli();
        let day = NaiveDate::from_ymd_opt(i32::from(year), u32::from(month), u32::from(day))?;
        Some((day, (hour, minute, second)))
    }

    fn day(&self) -> Option<NaiveDate> {
        self.parts().map(|(day, _)| day)
    }

    fn instant(&self) -> Option<String> {
        let (day, (hour, minute, second)) = self.parts()?;
        Some(format!("{day}T{hour:02}:{minute:02}:{second:02}"))
    }
}

/// Whether a text column holds names or numbers of records or persons, which a spreadsheet must not have reformatted.
fn is_name(column: &Column) -> bool {
    const NAMES: [&str; 7] = ["name", "title", "text", "number", "clause", "division_code", "designation"];
    column.en.split('.').any(|part| NAMES.contains(&part))
}

/// One row of a sheet.
#[derive(Debug, Default)]
pub struct Line {
    /// Row number as in a spreadsheet.
    pub row: u32,
    /// Cells by position from 0, in order.
    pub cells: Vec<(u32, Raw)>,
    /// Positions with the value of a merged range that begins in a row above.
    pub inherited: Vec<u32>,
    /// Merged ranges over several columns.
    pub spans: Vec<Span>,
}

impl Line {
    /// Whether the row has no content of its own.
    pub fn is_blank(&self) -> bool {
        self.cells.iter().all(|(at, raw)| raw.is_blank() || self.inherited.contains(at))
    }

    pub fn at(&self, position: u32) -> Option<&Raw> {
        let found = self.cells.binary_search_by_key(&position, |(at, _)| *at).ok()?;
        self.cells.get(found).map(|(_, raw)| raw)
    }

    /// The texts of a row of headers.
    pub fn headers(&self) -> Vec<(u32, String)> {
        let texts = self.cells.iter().filter(|(_, raw)| !raw.is_blank()).map(|(position, raw)| (*position, raw.text()));
        texts.filter(|(_, text)| !text.trim().is_empty()).collect()
    }
}
