//! The sheet of programmes in a workbook.

crate::sheet! {
    "计划",
    code "代码",
    name "名称",
    description "说明",
    lead_body "牵头单位",
    starts_on "开始日期",
    ends_on "结束日期",
    principles "原则",
}
