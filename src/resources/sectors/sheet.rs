//! The sheet of sectors in a workbook.

crate::sheet! {
    "合作领域",
    code "代码",
    name "名称",
    vocabulary "分类体系",
    parent "上级领域" => "sector",
    description "说明",
}
