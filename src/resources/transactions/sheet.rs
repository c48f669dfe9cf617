//! The sheet of transactions in a workbook.

crate::sheet! {
    "资金流水",
    code "代码",
    kind "类别",
    amount "金额",
    currency "币种",
    value_on "日期",
    fund "资金" => "fund",
    pairing "结对" => "pairing",
    project "项目" => "project",
    provider "出资方" => "organization",
    receiver "收款方" => "organization",
    reverses "冲销的流水" => "transaction",
    pass_through "是否转拨",
    note "备注",
}
