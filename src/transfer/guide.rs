//! The sheets of a workbook that hold no records, and what the first of them says.

use crate::model::text::Language;

/// The sheet that explains how to fill in a workbook; the lists behind its drop-downs; the faults of a marked one.
pub const READ_ME: [&str; 2] = ["说明", "Read me"];
pub const LISTS: [&str; 2] = ["列表", "Lists"];
pub const FAULTS: [&str; 2] = ["问题", "Faults"];

/// A name in the language of a workbook.
pub fn name(names: [&'static str; 2], language: Language) -> &'static str {
    match language {
        Language::Zh => names[0],
        Language::En => names[1],
    }
}

/// Whether a sheet is one of these, and so no surprise to a reader.
pub fn is_own_sheet(name: &str) -> bool {
    let name = name.trim();
    let own = [READ_ME, LISTS, FAULTS].concat();
    own.iter().any(|own| own.eq_ignore_ascii_case(name)) || name.eq_ignore_ascii_case("readme")
}

/// What the first sheet says, before its table of the other sheets: a title, then headings (`#`) and paragraphs.
pub fn text(language: Language) -> &'static [&'static str] {
    match language {
        Language::Zh => &[
            "结对台账导入表",
            "# 怎么填",
            "每张工作表是一种记录，一行一条；表名和第一行的表头请勿改动，列的次序可以变，不用的列、不用的工作表可以删去。",
            "橙色表头、带 * 的列必填。鼠标停在表头上可看该列的说明。",
            "“代码”是记录的唯一名字：小写英文字母、数字和连字符，如 enping-hospital-2022。代码已存在则修改该记录，不存在则新建。",
            "名称带“·”的工作表（如“结对·成员”）是明细：一行一项，“代码”填所属记录的代码，所属记录须在本文件的主表中。",
            "# 单元格里填什么",
            "日期：2022-04-11、2022/4/11、2022年4月11日均可。金额和数量只填数字，单位为元或该列注明的单位；百分比填数字，如 35。",
            "状态、类别等从下拉列表选。引用其他记录时，从下拉列表选“名称 | 代码”，也可只填代码或名称；要引用的记录可以就在本文件里。",
            "一格填多个值时用分号（；）隔开。",
            "空单元格表示清空该字段；想保留原值，请填上原值，或删去整列。出错的公式（如 #N/A）不能导入。",
            "# 怎么导入",
            "保存为 .xlsx（不要 .xls、不要密码、不要宏）后提交。系统先预检：将新建、修改哪些记录，有哪些问题；执行导入时才写入，要么全部写入，要么一条也不写。",
            "有问题时可下载标注后的工作簿：红色是错误，黄色是提醒，批注里写明原因；改好后直接再导入，标注不必删除。",
            "选择“清理”（prune）时，本文件范围内未出现的记录会被删除；不选则未出现的记录保持不变。",
            "# 工作表",
        ],
        Language::En => &[
            "Import workbook of the pairing tracker",
            "# How to fill it in",
            "Each sheet is one kind of record, one row a record. Leave the names of the sheets and the first row as they are; \
             the order of the columns may change, and columns and sheets that you do not need may go.",
            "Columns with an orange header and * are required. Rest the pointer on a header to read about its column.",
            "\"code\" is a record's unique name: lower-case letters, digits and hyphens, like enping-hospital-2022. A code \
             that exists changes that record, another makes a new one.",
            "Sheets with a dot in their name (pairings.members) are lists: one row an item, with the code of the record that \
             it belongs to, which must stand in this file's main sheet.",
            "# What goes into a cell",
            "Dates: 2022-04-11 or 2022/4/11. Amounts and quantities: the number alone. Percentages: the number, like 35.",
            "States and kinds: choose from the list. Other records: choose \"name | code\" from the list, or give the code \
             or the name; they may stand in this same file.",
            "Several values in one cell are separated by semicolons.",
            "An empty cell clears the field; to leave it as it is, keep its value, or remove the whole column. Formulas that \
             failed (#N/A) cannot be imported.",
            "# How to import it",
            "Save as .xlsx (no .xls, no password, no macros), and send it. It is checked first: what would be created and \
             changed, and what is wrong. It is written only when it is applied: all of it, or nothing.",
            "Where something is wrong you can fetch the workbook with marks: errors red, warnings yellow, with the reason in \
             a comment. Correct it and import it again; the marks may stay.",
            "With \"prune\", records in the file's scope that do not stand in it are deleted; without, they stay.",
            "# Sheets",
        ],
    }
}
