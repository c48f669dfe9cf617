//! The sheet of commitments in a workbook.

crate::sheet! {
    "协议事项",
    code "代码",
    agreement "协议" => "agreement",
    clause "条款",
    text "内容",
    sector "合作领域" => "sector",
    responsible "责任单位" => "organization",
    starts_on "开始日期",
    due_on "到期日",
    indicator "指标" {
        name "指标名称",
        unit "单位",
        baseline "基线值",
        target "目标值",
        direction "方向",
        accumulation "累计方式",
    },
    note "备注",
}
