//! The sheet of exchanges in a workbook.

crate::sheet! {
    "人员交流",
    code "代码",
    pairing "结对" => "pairing",
    profession "类别",
    direction "方向",
    headcount "人数",
    sending "派出单位" => "organization",
    hosting "接收单位" => "organization",
    planned_start_on "计划开始",
    planned_end_on "计划结束",
    actual_start_on "实际开始",
    actual_end_on "实际结束",
    status "状态",
    names "姓名",
    note "备注",
}
