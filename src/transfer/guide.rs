//! The sheets of a workbook without records, and the text of the guide for those who fill in a template.

use crate::model::text::Language;

/// Names of the guide, of the sheet with the values of drop-down lists, and of the sheet of faults.
pub const READ_ME: [&str; 2] = ["说明", "Read me"];
pub const LISTS: [&str; 2] = ["列表", "Lists"];
pub const FAULTS: [&str; 2] = ["问题", "Faults"];

/// A name in one language.
pub fn name(names: [&'static str; 2], language: Language) -> &'static str {
    match language {
        Language::Zh => names[0],
        Language::En => names[1],
    }
}

/// Whether a sheet is one of these, which an import skips without a warning.
pub fn is_own_sheet(name: &str) -> bool {
    let name = name.trim();
    let own = [READ_ME, LISTS, FAULTS].concat();
    own.iter().any(|own| own.eq_ignore_ascii_case(name)) || name.eq_ignore_ascii_case("readme")
}

/// The text of the guide above its table of sheets: a title, then headings (`#`) and paragraphs.
pub fn text(language: Language) -> &'static [&'static str] {
    match language {
        Language::Zh => &[
            "结对台账导入表",
            "# 怎么填",
            "每张工作表是一种记录，一行一条。表名和第一行的表头请勿改动；列的次序可以变，不用的列、不用的工作表可以删去。",
            "橙色表头、带 * 的列，新建记录时必填。鼠标停在表头上，可看该列的填写要求。",
            "“代码”是记录的唯一标识：由小写英文字母、数字和连字符组成，如 enping-hospital-2022。代码已存在则修改该记录，不存在则新建。",
            "名称带“·”的工作表（如“结对·成员”）是明细：一行一项，“代码”填所属记录的代码，所属记录须在本文件的主表中。",
            "明细以文件为准：主表中的记录，凡明细表里没有列出的项都会删除，一项未列则全部清空。不改明细时，请删去整张明细表。",
            "# 单元格里填什么",
            "日期：填 YYYY-MM-DD（如 2022-04-11），也可用日期格式的单元格，或填 2022/4/11、2022年4月11日；须写明年、月、日。",
            "金额和数量只填数字，单位为元或该列注明的单位；百分比填数字，如 35。",
            "状态、类别等从下拉列表选。引用其他记录时，从下拉列表选“名称 | 代码”，也可只填代码或名称；要引用的记录可以就在本文件里。不能填记录的编号。",
            "一格填多个值时用分号（；）隔开。",
            "空单元格：可以不填的字段会被清空；必填的字段和有默认值的字段（见表头批注），修改时保持原值。不想改动某个字段，请填上原值，或删去整列。",
            "出错的公式（如 #N/A）不能导入。",
            "# 怎么导入",
            "保存为 .xlsx（不要 .xls、不要密码、不要宏）后提交。系统先预检：将新建、修改哪些记录，有哪些问题；执行导入时才写入，要么全部写入，要么一条也不写。",
            "有问题时可下载标注后的工作簿：红色是错误，黄色是提醒，批注里写明原因；改正后直接再导入，标注不必删除。",
            "选择“清理”（prune）时，本文件范围内未出现的记录会被删除；不选则未出现的记录保持不变。",
            "# 工作表",
        ],
        Language::En => &[
            "Import workbook of the pairing tracker",
            "# How to fill it in",
            "Each sheet has one kind of record, one row per record. Do not change the names of the sheets or the headers in the first row. \
             The order of the columns may change, and columns and sheets that you do not need may be deleted.",
            "Columns with an orange header and * are required for new records. Rest the pointer on a header to read the rules of its column.",
            "\"code\" identifies a record: lower-case letters, digits and hyphens, such as enping-hospital-2022. An existing code \
             changes that record, a new code creates one.",
            "Sheets with a dot in their name (pairings.members) are lists: one row per item, with the code of the record that \
             has the item. That record must be in the main sheet of this file.",
            "Lists are replaced as a whole: for each record in the main sheet, items that the list sheet does not have are deleted, and a \
             record without items gets an empty list. To leave lists unchanged, delete the whole list sheet.",
            "# What goes into a cell",
            "Dates: YYYY-MM-DD (2022-04-11), or a cell with a date format, or 2022/4/11; always with year, month and day.",
            "Amounts and quantities: the number alone. Percentages: the number, such as 35.",
            "States and kinds: choose from the list. Other records: choose \"name | code\" from the list, or enter the code \
             or the name; they may be in this same file. The id of a record is not accepted.",
            "Separate several values in one cell by semicolons.",
            "An empty cell clears an optional field. Required fields and fields with a default (see the comments on the headers) keep \
             their value when a record is changed. To leave a field unchanged, keep its value or delete the whole column.",
            "Formulas that failed (#N/A) cannot be imported.",
            "# How to import it",
            "Save the file as .xlsx (not .xls, without password and macros) and upload it. It is checked first: you see what would be created \
             and changed, and what is wrong. Records are written when the import is applied: all of them, or none.",
            "If the file has faults, download the marked workbook: errors are red, warnings yellow, with the reason in \
             a comment. Correct it and import it again; the marks may stay.",
            "With \"prune\", records in the scope of the import that the file does not have are deleted; otherwise they stay unchanged.",
            "# Sheets",
        ],
    }
}
