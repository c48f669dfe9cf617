//! Recognition of headers: the column that a header names, and its unit, in the spellings that people use.

use std::collections::HashMap;

use crate::normalize::half_width;
use crate::transfer::amounts::Unit;
use crate::transfer::cells::is_percent;
use crate::transfer::columns::{Column, Shape, Table};

/// Headers of columns with row numbers.
const ROW_NUMBERS: &[&str] = &["序号", "行号", "序", "项次", "no", "#"];
/// Remarks in parentheses after a header that are not units.
const REMARKS: &[&str] = &[
    "必填",
    "必填项",
    "选填",
    "非必填",
    "可选",
    "如有",
    "中文",
    "required",
    "optional",
    "年月日",
    "年/月/日",
    "yyyy/mm/dd",
    "yyyymmdd",
    "yyyy年m月d日",
    "代码",
    "名称",
    "代码或名称",
    "code",
    "name",
    "code or name",
];

/// The meaning of a header.
#[derive(Clone, Copy, Debug)]
pub enum Heading<'a> {
    /// A column, with the unit if the header gives one.
    Column(&'a Column, Option<Unit>),
    /// A column with a unit that cannot be converted.
    Unit(&'a Column),
    /// Row numbers, which are not read.
    RowNumber,
    Unknown,
}

/// The accepted spellings of the headers of a table.
pub struct Headings<'a> {
    pub table: &'a Table,
    whole: HashMap<String, &'a Column>,
    /// Headers to which a unit may be appended: `投资额万元`.
    beginnings: Vec<(String, &'a Column)>,
    /// Headers of percentages without the percent sign.
    bases: HashMap<String, &'a Column>,
}

impl<'a> Headings<'a> {
    pub fn new(table: &'a Table) -> Headings<'a> {
        let (mut whole, mut beginnings, mut bases) = (HashMap::new(), Vec::new(), HashMap::new());
        for column in &table.columns {
            whole.entry(key(&column.zh)).or_insert(column);
            whole.entry(key(&column.en)).or_insert(column);
        }
        for column in &table.columns {
            let (zh, en, base) = (key(&column.zh), key(&column.en), key(base(column)));
            // `title` without a language means the Chinese title.
            let stem = column.en.strip_suffix(".zh").map(key);
            for name in stem.iter().chain([&en]) {
                let both =
                    [format!("{zh}{name}"), format!("{name}{zh}"), format!("{zh}({name})"), format!("{name}({zh})")];
                for form in both.into_iter().chain([name.clone()]) {
                    whole.entry(form).or_insert(column);
                }
            }
            if is_percent(column) {
                bases.entry(base.clone()).or_insert(column);
            }
            if is_number(column) {
                beginnings.extend([zh, en, base].map(|name| (name, column)));
            }
        }
        Headings { table, whole, beginnings, bases }
    }

    /// Finds the meaning of a header.
    pub fn find(&self, header: &str) -> Heading<'a> {
        let whole = key(header);
        if let Some(column) = self.whole.get(&whole) {
            return Heading::Column(column, None);
        }
        let bracketed = half_width(header);
        let bracketed = bracketed.trim_matches(MARKS).trim_end();
        if let Some((base, remark)) = bracketed.strip_suffix(')').and_then(|text| text.rsplit_once('(')) {
            let (base, remark) = (key(base), key(remark));
            if let Some(column) = self.whole.get(&base).or_else(|| self.bases.get(&base)) {
                let is_remark = REMARKS.iter().any(|known| key(known) == remark);
                return match Unit::of(&remark) {
                    Some(unit) if unit.fits(column) => Heading::Column(column, Some(unit)),
                    None if is_remark => Heading::Column(column, None),
                    _ if is_number(column) => Heading::Unit(column),
                    _ => Heading::Unknown,
                };
            }
        }
        if let Some(column) = self.bases.get(&whole) {
            return Heading::Column(column, None);
        }
        let in_unit = |(beginning, column): &(String, &'a Column)| {
            let rest = whole.strip_prefix(beginning.as_str()).filter(|rest| !rest.is_empty())?;
            Unit::of(rest).filter(|unit| unit.fits(column)).map(|unit| Heading::Column(column, Some(unit)))
        };
        if let Some(found) = self.beginnings.iter().find_map(in_unit) {
            return found;
        }
        if ROW_NUMBERS.contains(&whole.as_str()) { Heading::RowNumber } else { Heading::Unknown }
    }
}

/// Characters that are trimmed from a header, such as the marks of required columns.
const MARKS: [char; 6] = ['*', '※', '★', '▲', ':', ' '];

/// A header without the differences of spelling: case, width, spaces, line breaks, marks, and separators of words.
fn key(header: &str) -> String {
    let header = half_width(header).to_lowercase();
    let is_kept = |letter: &char| !letter.is_whitespace() && !matches!(letter, '_' | '.' | '/' | '-' | '|' | '·' | ':');
    header.trim_matches(MARKS).chars().filter(is_kept).collect()
}

fn is_number(column: &Column) -> bool {
    matches!(column.shape, Shape::Integer | Shape::Number | Shape::Decimal)
}

/// The Chinese header without a percent sign.
fn base(column: &Column) -> &str {
    if is_percent(column) { column.zh.trim_end_matches(['）', '%', '％', '（', '(', ')']) } else { &column.zh }
}

/// The unit that a line above the headers gives to all amounts of money: `单位：万元`. `Err` with the word if the unit is
/// unknown.
pub fn unit_above(text: &str) -> Result<Option<Unit>, String> {
    let text = half_width(text);
    let is_money = |word: &str| word.ends_with(['元', '币']) || ["usd", "hkd", "mop", "eur"].contains(&word);
    let words = match text.rfind("单位:") {
        Some(at) => {
            let before = text[..at].trim_end();
            // `单位` also means an organization: 填报单位 is no unit of measure.
            let is_of_measure = before.is_empty()
                || before.ends_with(['(', '表', ' ', ',', ';'])
                || ["金额", "货币", "计量", "投资额", "资金"].iter().any(|word| before.ends_with(word))
                || text[..at].ends_with(' ');
            if !is_of_measure {
                return Ok(None);
            }
            text[at + "单位:".len()..].trim_start()
        }
        None => match text.strip_suffix(')').and_then(|text| text.rsplit_once('(')) {
            Some((_, inner)) => inner.trim(),
            None => return Ok(None),
        },
    };
    let word = words.split([' ', ')', '、', ',', ';', '/']).next().unwrap_or_default().to_lowercase();
    match Unit::of(&word) {
        Some(unit) => Ok(Some(unit)),
        None if is_money(&word) => Err(word),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::amounts::Measure;
    use crate::transfer::columns::all_tables;
    use crate::transfer::read::tests::CONTRACT;

    fn found(path: &str, header: &str) -> String {
        let tables = all_tables(&CONTRACT).unwrap();
        let table = tables.iter().find(|table| table.en == path).unwrap();
        match Headings::new(table).find(header) {
            Heading::Column(column, None) => column.en.clone(),
            Heading::Column(column, Some(unit)) => format!("{} e{}", column.en, unit.power),
            Heading::Unit(column) => format!("{} in an unknown unit", column.en),
            Heading::RowNumber => "row number".to_owned(),
            Heading::Unknown => "unknown".to_owned(),
        }
    }

    #[test]
    fn headers_are_recognized_in_the_spellings_that_people_use() {
        for (header, wanted) in [
            ("代码", "code"),
            ("* 代码", "code"),
            ("＊代码＊", "code"),
            ("代码（必填）", "code"),
            ("Code", "code"),
            ("代码 code", "code"),
            ("到期日\n(年/月/日)", "due_on"),
            ("到 期 日：", "due_on"),
            ("Due on", "due_on"),
            ("到期日/due_on", "due_on"),
            ("名称", "title.zh"),
            ("title", "title.zh"),
            ("名称(英文)", "title.en"),
            ("进度(%)", "progress e0"),
            ("进度（％）", "progress"),
            ("进度", "progress"),
            ("进度%", "progress e0"),
            ("进度（‰）", "progress e-1"),
            ("进度（万元）", "progress in an unknown unit"),
            ("序号", "row number"),
            ("No.", "row number"),
            ("里程", "unknown"),
        ] {
            let found = found("milestones", header);
            assert_eq!(
                found.replace("progress e0", "progress"),
                wanted.replace("progress e0", "progress"),
                "{header:?}"
            );
        }
        for (header, wanted) in [
            ("投资额", "investment"),
            ("投资额（万元）", "investment e4"),
            ("投资额(亿元)", "investment e8"),
            ("投资额:万元", "investment e4"),
            ("投资额\n（人民币元）", "investment e0"),
            ("投资额（万美元）", "investment in an unknown unit"),
            ("投资额（美元）", "investment in an unknown unit"),
        ] {
            assert_eq!(found("projects", header), wanted, "{header:?}");
        }
    }

    #[test]
    fn every_column_is_found_by_its_own_headers() {
        for table in all_tables(&CONTRACT).unwrap() {
            let headings = Headings::new(&table);
            for column in &table.columns {
                for header in [&column.zh, &column.en, &format!("* {} {}", column.zh, column.en)] {
                    let Heading::Column(found, None) = headings.find(header) else { panic!("{}: {header}", table.en) };
                    assert_eq!(found.en, column.en, "{}: {header}", table.en);
                }
            }
        }
    }

    #[test]
    fn a_line_above_the_headers_may_give_the_unit() {
        let ten_thousand = Some(Unit { measure: Measure::Money, power: 4 });
        for (text, wanted) in [
            ("单位：万元", Ok(ten_thousand)),
            ("2026年项目投资情况表（单位：万元）", Ok(ten_thousand)),
            ("金额单位: 万元", Ok(ten_thousand)),
            ("项目投资表（万元）", Ok(ten_thousand)),
            ("填报单位：新会区发改局", Ok(None)),
            ("单位：新会区发改局", Ok(None)),
            ("里程碑（2026年）", Ok(None)),
            ("单位：万美元", Err("万美元".to_owned())),
        ] {
            assert_eq!(unit_above(text), wanted, "{text}");
        }
    }
}
