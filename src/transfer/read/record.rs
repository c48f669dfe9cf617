//! Reading one row: its code, its fields, and the faults of its cells.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::binding::{Binding, Bound};
use super::document::document;
use super::faults;
use super::line::{Line, Unread, letters};
use crate::error::Result;
use crate::msg;
use crate::normalize::half_width;
use crate::transfer::cells::{Cell, key, restore};
use crate::transfer::fault::ImportFault;
use crate::transfer::row::{Sink, Spot};
use crate::validation::Contract;

/// First words of rows that are not records: totals, and remarks such as who filled in the table.
const TOTALS: &[&str] = &["合计", "总计", "小计", "共计", "累计", "total", "subtotal"];
const REMARKS: &[&str] = &[
    "备注",
    "注",
    "说明",
    "填表",
    "制表",
    "审核",
    "复核",
    "审批",
    "经办",
    "负责人",
    "单位负责人",
    "分管领导",
    "联系人",
    "联系电话",
    "填报",
    "报送",
    "填报日期",
    "盖章",
    "note",
    "notes",
    "remark",
    "remarks",
    "prepared by",
];

/// The code and the other fields of a row; `None` if no cell of a known column is filled, or the code is missing.
pub fn record(
    contract: &Contract,
    binding: &mut Binding<'_>,
    line: &Line,
    sink: &mut dyn Sink,
) -> Result<Option<(String, Map<String, Value>)>> {
    if let Some(words) = remark(binding, line) {
        sink.fault(remark_fault(binding, line, &words))?;
        return Ok(None);
    }
    let unheaded = unheaded(binding, line, sink)?;
    binding.nameless.extend(unheaded);
    let (covered, merged) = covered(binding, line);
    let has_own = |bound: &Bound<'_>| {
        line.at(bound.position).is_some_and(|raw| !raw.is_blank()) && !line.inherited.contains(&bound.position)
    };
    if !binding.columns.iter().any(has_own) {
        return Ok(None);
    }
    let (cells, unread) = cells(binding, line, &covered);
    let at = |position: u32| {
        let found = cells.binary_search_by_key(&position, |(at, _)| *at).ok()?;
        cells.get(found).map(|(_, cell)| &**cell)
    };
    let code = at(binding.code).filter(|cell| !cell.is_blank());
    let code = code.map(|cell| half_width(key(restore(cell.text().trim()))).into_owned());
    let is_code_unread =
        covered.contains(&binding.code) || unread.iter().any(|(bound, _)| bound.position == binding.code);
    let of_record = |bound: &Bound<'_>, fault: ImportFault| ImportFault {
        resource: Some(binding.table.path.to_owned()),
        record: code.clone(),
        pointer: if bound.column.pointer.is_empty() { "/code".to_owned() } else { bound.column.pointer.clone() },
        ..fault
    };
    for (bound, fault) in merged {
        sink.fault(of_record(bound, fault))?;
    }
    for (bound, Unread { code, message, shown }) in unread {
        let fault = faults::at(&spot(binding, line, bound), code, &message);
        sink.fault(of_record(bound, ImportFault { value: shown.as_deref().and_then(faults::shown), ..fault }))?;
    }
    let Some(code) = code else {
        let column = binding.columns.iter().find(|bound| bound.position == binding.code);
        if let Some(column) = column
            && !is_code_unread
        {
            let message = msg!("必须填写代码，用以确定是哪一条记录。", "is required, because it identifies the record");
            sink.fault(of_record(column, faults::at(&spot(binding, line, column), "required", &message)))?;
        }
        return Ok(None);
    };
    Ok(Some((code, document(contract, binding, at))))
}

/// Cells of a row, by position.
type Cells<'l> = Vec<(u32, Cow<'l, Cell>)>;

/// The cells of a row by position, without those that are `covered`, and the columns whose cell cannot be read.
fn cells<'l, 'b, 't>(
    binding: &'b Binding<'t>,
    line: &'l Line,
    covered: &[u32],
) -> (Cells<'l>, Vec<(&'b Bound<'t>, Unread)>) {
    let mut cells = Vec::with_capacity(binding.columns.len());
    let mut unread = Vec::new();
    for bound in binding.columns.iter().filter(|bound| !covered.contains(&bound.position)) {
        match line.at(bound.position).map(|raw| raw.read(bound.column, bound.unit)) {
            None => cells.push((bound.position, Cow::Owned(Cell::Empty))),
            Some(Ok(cell)) => cells.push((bound.position, cell)),
            Some(Err(why)) => unread.push((bound, why)),
        }
    }
    (cells, unread)
}

fn spot(binding: &Binding<'_>, line: &Line, bound: &Bound<'_>) -> Spot {
    Spot { sheet: binding.sheet.clone(), row: line.row, column: Some(bound.letters.clone()) }
}

/// The text of a row that is a total or a remark. Such a row has no code.
fn remark(binding: &Binding<'_>, line: &Line) -> Option<String> {
    let (first, raw) = line.cells.iter().find(|(at, raw)| !raw.is_blank() && !line.inherited.contains(at))?;
    let has_code = line.at(binding.code).is_some_and(|raw| !raw.is_blank());
    if has_code && *first != binding.code {
        return None;
    }
    let text = raw.text();
    let words: String = half_width(&text).to_lowercase();
    let bare: String = words.chars().filter(|letter| !letter.is_whitespace()).collect();
    let starts = |word: &&str| bare.strip_prefix(word.replace(' ', "").as_str()).map(str::to_owned);
    let ends_word = |rest: &str| rest.chars().next().is_none_or(|next| matches!(next, ':' | '(' | '、' | ',' | ';'));
    let is_total = TOTALS.iter().filter_map(starts).any(|rest| ends_word(&rest));
    let has_colon = |rest: &str| rest.chars().take(8).any(|letter| letter == ':');
    let is_remark = REMARKS.iter().filter_map(starts).any(|rest| has_colon(&rest) || rest == "单位" || rest == "人");
    (is_total || is_remark).then(|| faults::shown(&text).unwrap_or_default())
}

/// The warning that a total or remark is not imported.
fn remark_fault(binding: &Binding<'_>, line: &Line, words: &str) -> ImportFault {
    let spot = Spot { sheet: binding.sheet.clone(), row: line.row, column: None };
    let message = msg!(
        "此行是合计或说明（“{words}”），不作为记录导入。",
        "looks like a total or a remark (\"{words}\") and is not imported"
    );
    faults::warning(faults::at(&spot, "remark_row", &message))
}

/// Warns about cells without a header above them, once per column. Returns the positions of the columns.
fn unheaded(binding: &Binding<'_>, line: &Line, sink: &mut dyn Sink) -> Result<Vec<u32>> {
    let unheaded = line.cells.iter().filter(|(position, raw)| {
        let is_known = binding.named.contains(position) || binding.nameless.contains(position);
        !is_known && !raw.is_blank()
    });
    let unheaded: Vec<u32> = unheaded.map(|(position, _)| *position).take(20).collect();
    for position in &unheaded {
        let message =
            msg!("此列没有表头，其内容不会导入。", "has no header; the content of this column is not imported");
        let spot = Spot { sheet: binding.sheet.clone(), row: line.row, column: Some(letters(*position)) };
        let fault = faults::warning(faults::at(&spot, "no_header", &message));
        sink.fault(ImportFault { resource: Some(binding.table.path.to_owned()), ..fault })?;
    }
    Ok(unheaded)
}

/// The positions of columns in a range that is merged over several columns, and a fault for each range: it is ambiguous which
/// column its value belongs to.
fn covered<'b, 't>(binding: &'b Binding<'t>, line: &Line) -> (Vec<u32>, Vec<(&'b Bound<'t>, ImportFault)>) {
    let (mut covered, mut faults) = (Vec::new(), Vec::new());
    for span in &line.spans {
        let Some(value) = line.at(span.first).filter(|raw| !raw.is_blank()) else { continue };
        let under: Vec<&Bound<'_>> =
            binding.columns.iter().filter(|bound| (span.first..=span.last).contains(&bound.position)).collect();
        let Some(first) = under.first() else { continue };
        if under.len() == 1 && first.position == span.first {
            continue;
        }
        let (from, to) = (letters(span.first), letters(span.last));
        let message = msg!(
            "{from} 至 {to} 列合并为一格，无法判断内容属于哪一列；请取消合并并分别填写。",
            "is merged over columns {from} to {to}, so that it is ambiguous which column the value belongs to; unmerge it and fill in each cell"
        );
        let fault = faults::at(&spot(binding, line, first), "merged_columns", &message);
        faults.push((*first, ImportFault { value: faults::shown(&value.text()), ..fault }));
        covered.extend(under.iter().map(|bound| bound.position));
    }
    (covered, faults)
}
