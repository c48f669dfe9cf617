//! The sheet of pairings in a workbook.

crate::sheet! {
    "结对",
    code "代码",
    programme "计划" => "programme",
    name "名称",
    members "成员" {
        region "地区" => "region",
        role "角色",
        is_lead "是否牵头",
        from_on "起始日期",
        to_on "截止日期",
    },
    sectors "合作领域" => "sector",
    established_on "建立日期",
    ended_on "结束日期",
    supersedes "取代的结对" => "pairing",
    note "备注",
}
