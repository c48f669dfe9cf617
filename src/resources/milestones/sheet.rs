//! The sheet of milestones in a workbook.

crate::sheet! {
    "里程碑",
    code "代码",
    agreement "协议" => "agreement",
    project "项目" => "project",
    title "名称",
    kind "类别",
    due_on "到期日",
    forecast_on "预计日期",
    met_on "完成日期",
    status "状态",
    progress "进度（%）",
    weight "权重",
    responsible "责任单位" => "organization",
    depends_on "前置里程碑" => "milestone",
    note "备注",
    reason "原因",
}
