//! The sheet of regions in a workbook.

crate::sheet! {
    "地区",
    code "代码",
    division_code "行政区划代码",
    name "名称",
    level "级别",
    parent "上级地区" => "region",
    latitude "纬度",
    longitude "经度",
    note "备注",
}
