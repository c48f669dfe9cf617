//! The sheet of organizations in a workbook.

crate::sheet! {
    "单位",
    code "代码",
    name "名称",
    kind "类别",
    region "所在地区" => "region",
    parent "上级单位" => "organization",
}
