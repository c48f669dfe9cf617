//! The list of all faults, as a sheet or as a workbook of its own.

use std::io::{Seek, Write};

use quick_xml::escape::escape;
use rust_xlsxwriter::{Color, Format, FormatAlign, Workbook};

use super::fields;
use super::styles::Look;
use crate::error::Result;
use crate::model::text::Language;
use crate::transfer::cells::defuse;
use crate::transfer::fault::{ImportFault, Severity};
use crate::transfer::guide;
use crate::transfer::read::letters;
use crate::transfer::workbook::styles;

const WIDTHS: [u32; 9] = [8, 20, 10, 22, 30, 20, 60, 30, 30];
/// The most links of the sheet; Excel allows 65,530.
const MOST_LINKS: usize = 65_000;
/// The position of the column `Place`.
const PLACE: u32 = 2;

fn titles(language: Language) -> [&'static str; 9] {
    match language {
        Language::Zh => ["程度", "工作表", "位置", "资源", "代码", "字段", "问题", "现有内容", "建议"],
        Language::En => ["Severity", "Sheet", "Place", "Resource", "Record", "Field", "Fault", "Value", "Suggestion"],
    }
}

/// The message of a fault in one language.
pub fn message(fault: &ImportFault, language: Language) -> &str {
    match language {
        Language::Zh => &fault.message.zh,
        Language::En => fault.message.en.as_ref().unwrap_or(&fault.message.zh),
    }
}

fn cells(fault: &ImportFault, language: Language) -> [String; 9] {
    let severity = match (language, fault.severity) {
        (Language::Zh, Severity::Error) => "错误",
        (Language::Zh, Severity::Warning) => "警告",
        (Language::En, Severity::Error) => "error",
        (Language::En, Severity::Warning) => "warning",
    };
    let row = fault.row.map(|row| row.to_string()).unwrap_or_default();
    let (resource, field) = fields::shown(fault, language);
    let own = |text: &Option<String>| text.clone().unwrap_or_default();
    let all = [
        severity.to_owned(),
        own(&fault.sheet),
        own(&fault.column) + &row,
        resource,
        own(&fault.record),
        field,
        message(fault, language).to_owned(),
        own(&fault.value),
        own(&fault.suggestion),
    ];
    all.map(defuse)
}

/// Writes the sheet as a part of a workbook. Places on existing sheets are links to their cells.
pub fn part(
    faults: &[ImportFault],
    language: Language,
    look: Option<&Look>,
    is_there: impl Fn(&str) -> bool,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let last = faults.len() + 1;
    write!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<worksheet \
         xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetPr><tabColor rgb=\"FFC00000\"/>\
         <pageSetUpPr fitToPage=\"1\"/></sheetPr><sheetViews>\
         <sheetView tabSelected=\"1\" workbookViewId=\"0\">\
         <pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" \
         state=\"frozen\"/></sheetView></sheetViews><cols>"
    )?;
    for (at, width) in WIDTHS.iter().enumerate() {
        write!(out, "<col min=\"{0}\" max=\"{0}\" width=\"{width}\" customWidth=\"1\"/>", at + 1)?;
    }
    write!(out, "</cols><sheetData>")?;
    row(out, 1, &titles(language).map(str::to_owned), |_| look.map(Look::header))?;
    let mut links: Vec<(usize, String)> = Vec::new();
    for (number, fault) in (2..).zip(faults) {
        let is_error = fault.severity == Severity::Error;
        let link = target(fault, &is_there).filter(|_| links.len() < MOST_LINKS);
        let format = |at| {
            look.map(|look| match at {
                0 => look.of(0, is_error),
                PLACE if link.is_some() => look.link(),
                _ => look.body(),
            })
        };
        row(out, number, &cells(fault, language), format)?;
        links.extend(link.map(|link| (number, link)));
    }
    write!(out, "</sheetData><autoFilter ref=\"A1:I{last}\"/>")?;
    if !links.is_empty() {
        write!(out, "<hyperlinks>")?;
        for (number, link) in &links {
            write!(out, "<hyperlink ref=\"{}{number}\" location=\"{}\"/>", letters(PLACE), escape(link))?;
        }
        write!(out, "</hyperlinks>")?;
    }
    write!(out, "<pageSetup paperSize=\"9\" orientation=\"landscape\" fitToHeight=\"0\"/></worksheet>")
}

/// The link to the cell of a fault, or to the first of its row.
fn target(fault: &ImportFault, is_there: impl Fn(&str) -> bool) -> Option<String> {
    let (sheet, row) = (fault.sheet.as_deref().filter(|sheet| is_there(sheet))?, fault.row?);
    Some(format!("'{}'!{}{row}", sheet.replace('\'', "''"), fault.column.as_deref().unwrap_or("A")))
}

fn row(
    out: &mut impl Write,
    number: usize,
    cells: &[String],
    format: impl Fn(u32) -> Option<usize>,
) -> std::io::Result<()> {
    write!(out, "<row r=\"{number}\">")?;
    for (at, text) in (0..).zip(cells) {
        let format = format(at).map(|format| format!(" s=\"{format}\"")).unwrap_or_default();
        // XML allows no other control characters.
        let text: String =
            text.chars().filter(|letter| !letter.is_control() || matches!(letter, '\t' | '\n')).collect();
        write!(
            out,
            "<c r=\"{}{number}\"{format} t=\"inlineStr\"><is><t xml:space=\"preserve\">{}</t></is></c>",
            letters(at),
            escape(&text)
        )?;
    }
    write!(out, "</row>")
}

/// Writes a workbook with the list alone, for files in which nothing can be marked.
pub fn faults_alone(
    faults: impl Iterator<Item = ImportFault>,
    language: Language,
    out: &mut (impl Write + Seek + Send),
) -> Result<()> {
    let mut workbook = Workbook::new();
    let worksheet = workbook.add_worksheet_with_constant_memory()?;
    worksheet.set_name(guide::name(guide::FAULTS, language))?.set_freeze_panes(1, 0)?;
    worksheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0).set_repeat_rows(0, 0)?;
    let header = styles::plain_header();
    for ((at, title), width) in (0_u16..).zip(titles(language)).zip(WIDTHS) {
        worksheet.set_column_width(at, f64::from(width))?.write_string_with_format(0, at, title, &header)?;
    }
    let body = Format::new().set_text_wrap().set_align(FormatAlign::Top);
    let colour = |rgb| body.clone().set_background_color(Color::RGB(rgb));
    let (error, warning) = (colour(0xFF_C7_CE), colour(0xFF_EB_9C));
    let mut last = 1;
    for (row, fault) in (1..1_048_576_u32).zip(faults) {
        let severity = if fault.severity == Severity::Error { &error } else { &warning };
        for (at, text) in (0_u16..).zip(cells(&fault, language)) {
            worksheet.write_string_with_format(row, at, text, if at == 0 { severity } else { &body })?;
        }
        last = row;
    }
    worksheet.autofilter(0, 0, last, 8)?;
    Ok(workbook.save_to_writer(out)?)
}
