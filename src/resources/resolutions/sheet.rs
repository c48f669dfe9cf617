//! The sheet of resolutions in a workbook.

crate::sheet! {
    "会议议定事项",
    code "代码",
    conference "会议" => "conference",
    text "内容",
    responsible "责任单位" => "organization",
    due_on "到期日",
    status "状态",
    done_on "完成日期",
    commitment "协议事项" => "commitment",
    milestone "里程碑" => "milestone",
    note "备注",
}
