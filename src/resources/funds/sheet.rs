//! The sheet of funds in a workbook.

crate::sheet! {
    "资金",
    code "代码",
    programme "计划" => "programme",
    name "名称",
    starts_on "开始日期",
    ends_on "结束日期",
    focus "重点领域" => "sector",
    source_kinds "资金来源",
    note "备注",
}
