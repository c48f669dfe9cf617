//! The sheet of documents in a workbook.

crate::sheet! {
    "文件",
    code "代码",
    title "标题",
    kind "类别",
    publisher "发布单位",
    published_on "发布日期",
    url "网址",
    language "语言",
    note "备注",
}
