//! The sheet of assets in a workbook.

crate::sheet! {
    "资源",
    code "代码",
    region "地区" => "region",
    name "名称",
    kind "类别",
    designation "称号",
    note "备注",
}
