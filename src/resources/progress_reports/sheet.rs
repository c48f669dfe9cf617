//! The sheet of progress reports in a workbook.

crate::sheet! {
    "进展报告",
    code "代码",
    commitment "协议事项" => "commitment",
    period_start_on "期间开始",
    period_end_on "期间结束",
    value "数值",
    narrative "进展说明",
    status "状态",
    return_note "退回意见",
    supersedes "取代的报告" => "progress_report",
}
