//! The sheet of projects in a workbook.

crate::sheet! {
    "项目",
    code "代码",
    pairing "结对" => "pairing",
    agreement "协议" => "agreement",
    title "名称",
    description "说明",
    sectors "合作领域" {
        sector "合作领域" => "sector",
        percent "占比（%）",
    },
    organizations "参与单位" {
        organization "单位" => "organization",
        role "角色",
    },
    location "地点" => "region",
    status "状态",
    planned_start_on "计划开始",
    planned_end_on "计划结束",
    actual_start_on "实际开始",
    actual_end_on "实际结束",
    investment "投资额",
    currency "币种",
    note "备注",
}
