//! The sheet of agreements in a workbook.

crate::sheet! {
    "协议",
    code "代码",
    pairing "结对" => "pairing",
    kind "类别",
    title "标题",
    number "文号",
    parent "上级协议" => "agreement",
    conference "签署会议" => "conference",
    status "状态",
    status_on "状态日期",
    status_reason "状态原因",
    signed_on "签署日期",
    effective_on "生效日期",
    expires_on "到期日期",
    parties "签署方" {
        region "地区" => "region",
        organization "单位" => "organization",
        side "方别",
        signatory "签署人",
        signatory_title "签署人职务",
        signed_on "签署日期",
    },
    sectors "合作领域" => "sector",
    summary "摘要",
    note "备注",
}
