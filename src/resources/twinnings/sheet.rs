//! The sheet of twinnings in a workbook.

crate::sheet! {
    "单位结对",
    code "代码",
    pairing "结对" => "pairing",
    supporter_organization "支援方单位" => "organization",
    recipient_organization "受援方单位" => "organization",
    sector "合作领域" => "sector",
    from_on "起始日期",
    to_on "截止日期",
    note "备注",
}
