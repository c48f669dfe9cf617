//! The sheet of liaisons in a workbook.

crate::sheet! {
    "挂钩联系",
    code "代码",
    pairing "结对" => "pairing",
    name "姓名",
    title "职务",
    body "班子",
    organization "单位" => "organization",
    from_on "起始日期",
    to_on "截止日期",
    contact "联系方式",
    note "备注",
}
