//! The template that people fill in: a guide, a sheet for each table with its rules, and the values of drop-down lists.

use std::collections::BTreeMap;
use std::io::{Seek, Write};

use rust_xlsxwriter::{Color, Format, FormatAlign, Note, Url, Worksheet};
use serde_json::Value;

use super::book::{Book, SheetId};
use super::rules::{Choices, must_be_given, note, validation};
use super::styles;
use crate::db::reference::Kind;
use crate::error::Result;
use crate::model::sheet::CITATIONS;
use crate::model::text::Language;
use crate::transfer::cells::defuse;
use crate::transfer::columns::{Choice, Column, NAME_AND_CODE, Shape, Table};
use crate::transfer::guide;

/// The number of rows with drop-down lists and checks, and the most records that a drop-down list offers.
pub const ROWS: u32 = 5_000;
pub const OFFERED: usize = 5_000;

/// A record in a drop-down list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub code: String,
    pub name: String,
}

/// Writes the template of some tables.
///
/// `references` returns the records of a kind for drop-down lists, which show the first [`OFFERED`]. `filled` is called once per
/// resource with its path, and visits the records that the template contains.
pub fn template(
    tables: &[Table],
    language: Language,
    mut references: impl FnMut(&'static Kind) -> Result<Vec<Named>>,
    mut filled: impl FnMut(&str, &mut dyn FnMut(&Value) -> Result<()>) -> Result<()>,
    out: &mut (impl Write + Seek + Send),
) -> Result<()> {
    let mut book = Book::new(language);
    read_me(book.front(), tables, language)?;
    let mut sheets: Vec<(&Table, SheetId)> = Vec::new();
    for table in tables {
        let name = if language == Language::Zh { &table.zh } else { &table.en };
        let columns = table.columns.iter().filter(|column| !column.is_read_only).collect();
        sheets.push((table, book.add(name, Some(table), columns, true)?));
    }
    let mut paths: Vec<&str> = Vec::new();
    for table in tables {
        if paths.contains(&table.path) {
            continue;
        }
        paths.push(table.path);
        let own: Vec<SheetId> =
            sheets.iter().filter(|(other, _)| other.path == table.path).map(|(_, sheet)| *sheet).collect();
        filled(table.path, &mut |record| own.iter().try_for_each(|sheet| book.record(*sheet, record)))?;
    }
    let mut lists = Lists { language, columns: Vec::new(), places: BTreeMap::new() };
    for (table, sheet) in &sheets {
        rules(&mut book, table, *sheet, &mut lists, &mut references)?;
    }
    lists.write(&mut book)?;
    book.save(out)
}

/// Adds the checks, drop-down lists and header comments of a sheet.
fn rules(
    book: &mut Book<'_>,
    table: &Table,
    sheet: SheetId,
    lists: &mut Lists,
    references: &mut impl FnMut(&'static Kind) -> Result<Vec<Named>>,
) -> Result<()> {
    let language = book.language;
    let last = ROWS.max(book.next_row(sheet)? + 1_000).min(1_048_575);
    let worksheet = book.worksheet(sheet)?;
    worksheet.set_tab_color(Color::RGB(match table.list.as_deref() {
        None => 0x1F_4E_79,
        Some(list) if list == CITATIONS.name => 0xA6_A6_A6,
        Some(_) => 0x2E_8B_7A,
    }));
    let columns = table.columns.iter().filter(|column| !column.is_read_only);
    for (at, column) in (0_u16..).zip(columns) {
        let choices = match &column.shape {
            Shape::Choice(choices) => lists.choices(column, choices),
            Shape::Boolean if language == Language::Zh => Choices::Words(vec!["是".to_owned(), "否".to_owned()]),
            Shape::Boolean => Choices::Words(vec!["TRUE".to_owned(), "FALSE".to_owned()]),
            Shape::Reference(kind) => lists.references(kind, references)?,
            _ => Choices::Any,
        };
        if let Some(rule) = validation(column, &choices, language)? {
            worksheet.add_data_validation(1, at, last, at, &rule)?;
        }
        if let Some(text) = note(table, column, language) {
            let lines: usize = text.lines().map(|line| 1 + line.chars().count() / 20).sum();
            let height = u32::try_from(20 + 18 * lines).unwrap_or(200);
            let note = Note::new(text).add_author_prefix(false).set_width(280).set_height(height).set_font_size(9);
            worksheet.insert_note(0, at, &note)?;
        }
    }
    Ok(())
}

/// The values of drop-down lists that do not fit into a rule, in columns of a sheet at the end.
struct Lists {
    language: Language,
    columns: Vec<(String, Vec<String>)>,
    /// The drop-down list of each kind of record.
    places: BTreeMap<&'static str, Choices>,
}

impl Lists {
    fn choices(&mut self, column: &Column, choices: &[Choice]) -> Choices {
        let word = |choice: &Choice| if self.language == Language::Zh { &choice.zh } else { &choice.value }.clone();
        let words: Vec<String> = choices.iter().map(word).collect();
        // A rule holds at most 255 characters, including separators.
        let length: usize = words.iter().map(|word| word.encode_utf16().count() + 1).sum();
        if length <= 250 && !words.iter().any(|word| word.contains([',', '"'])) {
            return Choices::Words(words);
        }
        let title = if self.language == Language::Zh { &column.zh } else { &column.en };
        self.add(title.clone(), words)
    }

    fn references(
        &mut self,
        kind: &'static Kind,
        references: &mut impl FnMut(&'static Kind) -> Result<Vec<Named>>,
    ) -> Result<Choices> {
        if let Some(place) = self.places.get(kind.name) {
            return Ok(place.clone());
        }
        let mut all = references(kind)?;
        all.truncate(OFFERED);
        let zh =
            crate::resources::forms().into_iter().find(|form| form.kind.name == kind.name).map(|form| form.sheet.zh);
        let title = if self.language == Language::Zh { zh.unwrap_or(kind.path) } else { kind.path };
        // A chosen value becomes the content of the cell, so that it must not be a formula.
        let shown = |named: Named| defuse(format!("{}{NAME_AND_CODE}{}", named.name, named.code));
        let words: Vec<String> = all.into_iter().map(shown).collect();
        let place = if words.is_empty() { Choices::Any } else { self.add(title.to_owned(), words) };
        self.places.insert(kind.name, place.clone());
        Ok(place)
    }

    fn add(&mut self, title: String, words: Vec<String>) -> Choices {
        let letters = crate::transfer::read::letters(u32::try_from(self.columns.len()).unwrap_or_default());
        let sheet = guide::name(guide::LISTS, self.language);
        let range = format!("='{sheet}'!${letters}$2:${letters}${}", words.len() + 1);
        self.columns.push((title, words));
        Choices::Range(range)
    }

    fn write(self, book: &mut Book<'_>) -> Result<()> {
        if self.columns.is_empty() {
            return Ok(());
        }
        let worksheet = book.workbook.add_worksheet();
        worksheet.set_name(guide::name(guide::LISTS, self.language))?.set_freeze_panes(1, 0)?;
        worksheet.set_tab_color(Color::RGB(0xD9_D9_D9));
        let header = styles::plain_header();
        for (at, (title, words)) in (0_u16..).zip(&self.columns) {
            let width = words.iter().chain([title]).map(|word| styles::letters(word)).max().unwrap_or_default();
            worksheet
                .set_column_width(at, f64::from((width + 2).clamp(12, 100)))?
                .write_string_with_format(0, at, title, &header)?;
            for (row, word) in (1_u32..).zip(words) {
                worksheet.write_string(row, at, word)?;
            }
        }
        Ok(())
    }
}

fn read_me(worksheet: &mut Worksheet, tables: &[Table], language: Language) -> Result<()> {
    worksheet.set_name(guide::name(guide::READ_ME, language))?.set_screen_gridlines(false);
    worksheet.set_column_width(0, 30)?.set_column_width(1, 30)?.set_column_width(2, 70)?;
    worksheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0).set_tab_color(Color::RGB(0xC5_5A_11));
    let title = Format::new().set_bold().set_font_size(18).set_font_color(Color::RGB(0x1F_4E_79));
    let heading = Format::new().set_bold().set_font_size(13).set_font_color(Color::RGB(0xC5_5A_11));
    let body = Format::new().set_text_wrap().set_align(FormatAlign::Top);
    let mut row = 0;
    for (index, text) in guide::text(language).iter().enumerate() {
        if index == 0 {
            worksheet.set_row_height(row, 32)?.write_string_with_format(row, 0, *text, &title)?;
        } else if let Some(text) = text.strip_prefix("# ") {
            worksheet.set_row_height(row, 26)?.write_string_with_format(row, 0, text, &heading)?;
        } else {
            // A row of merged cells does not adapt its height to the text.
            let width: u32 = text.chars().map(|letter| if letter.is_ascii() { 1 } else { 2 }).sum();
            worksheet.merge_range(row, 0, row, 2, text, &body)?.set_row_height(row, 17 * (1 + width / 140))?;
        }
        row += 1;
    }
    let header = styles::plain_header();
    let titles = match language {
        Language::Zh => ["工作表", "英文名", "必填列"],
        Language::En => ["Sheet", "Chinese name", "Required columns"],
    };
    for (at, title) in (0_u16..).zip(titles) {
        worksheet.write_string_with_format(row, at, title, &header)?;
    }
    for table in tables {
        row += 1;
        let (name, other) = match language {
            Language::Zh => (&table.zh, &table.en),
            Language::En => (&table.en, &table.zh),
        };
        let required = table.columns.iter().filter(|column| must_be_given(column));
        let required: Vec<&str> =
            required.map(|column| if language == Language::Zh { column.zh.as_str() } else { &column.en }).collect();
        worksheet.write_url_with_text(row, 0, Url::new(format!("internal:'{name}'!A1")), name)?;
        worksheet.write_string(row, 1, other)?;
        let separator = if language == Language::Zh { "、" } else { ", " };
        worksheet.write_string_with_format(row, 2, required.join(separator), &body)?;
    }
    Ok(())
}
