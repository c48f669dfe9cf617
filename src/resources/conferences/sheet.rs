//! The sheet of conferences in a workbook.

crate::sheet! {
    "会议",
    code "代码",
    pairing "结对" => "pairing",
    kind "类别",
    sequence_number "届次",
    title "标题",
    status "状态",
    held_on "召开日期",
    host_region "主办地区" => "region",
    venue "地点",
    participants "参会人员" {
        name "姓名",
        title "职务",
        organization "单位" => "organization",
        region "地区" => "region",
    },
    summary "摘要",
    note "备注",
}
