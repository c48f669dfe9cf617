//! Rules between the columns of a sheet, for the comments of a Chinese template.
//!
//! The description of a field in the schema explains these rules in English; it has no Chinese translation. Words in quotation
//! marks are headers of the sheet or labels of its drop-down lists, which the tests check.

/// Table, column and rule.
pub static ZH: &[(&str, &str, &str)] = &[
    ("milestones", "agreement", "与“项目”二选一，须填其中一个。"),
    ("milestones", "project", "与“协议”二选一，须填其中一个。"),
    ("milestones", "due_on", "调整已有里程碑的到期日时，须填“原因”。"),
    ("milestones", "met_on", "状态为“已完成”或“部分完成”时必填，其他状态不填；不得晚于今天。"),
    ("milestones", "status", "“未完成”须填“原因”，且到期日已过。"),
    ("milestones", "progress", "状态为“已完成”时为 100。"),
    ("milestones", "reason", "调整到期日，或状态改为“未完成”时必填。"),
    ("agreements", "parent", "须是同一结对的协议。"),
    ("agreements", "conference", "须是同一结对的会议。"),
    ("agreements", "status_reason", "状态为“中止”或“终止”时必填。"),
    ("agreements", "signed_on", "不得晚于今天。"),
    ("agreements.parties", "region", "与“单位”二选一，须填其中一个。"),
    ("agreements.parties", "organization", "与“地区”二选一，须填其中一个。"),
    ("conferences", "held_on", "状态为“已召开”时必填，且不得晚于今天。"),
    ("conferences.participants", "name", "与“单位”“地区”至少填一项。"),
    ("resolutions", "done_on", "只有状态为“已办结”时填写，不得晚于今天。"),
    ("resolutions", "commitment", "与“里程碑”最多填一个，须属同一结对。"),
    ("resolutions", "milestone", "与“协议事项”最多填一个，须属同一结对。"),
    ("pairings.members", "role", "一个结对至少有一个“支援方”和一个“受援方”。"),
    ("pairings.members", "is_lead", "同一时间最多有一个“支援方”牵头。"),
    ("commitments", "indicator.unit", "新填指标时必填。"),
    ("progress-reports", "narrative", "没有“数值”时必填。"),
    ("progress-reports", "return_note", "状态为“已退回”时必填，其他状态不填。"),
    ("projects", "agreement", "须是同一结对的协议。"),
    ("projects", "actual_start_on", "不得晚于今天。"),
    ("projects", "actual_end_on", "不得晚于今天。"),
    ("projects.sectors", "percent", "同一项目各合作领域的占比合计须为 100。"),
    ("transactions", "amount", "须大于 0。"),
    ("transactions", "project", "须是同一结对的项目。"),
    ("transactions", "receiver", "须与“出资方”不同。"),
    ("transactions", "reverses", "类别为“冲销”时必填，其他类别不填。"),
    ("liaisons", "name", "“姓名”“职务”“班子”“单位”至少填一项。"),
    ("exchanges", "hosting", "须与“派出单位”不同。"),
    ("exchanges", "names", "姓名的个数不得超过“人数”。"),
    ("exchanges", "actual_start_on", "不得晚于今天。"),
    ("exchanges", "actual_end_on", "不得晚于今天。"),
    ("twinnings", "recipient_organization", "须与“支援方单位”不同。"),
];

/// The rule of a column, if it has one.
pub fn zh(table: &str, column: &str) -> Option<&'static str> {
    ZH.iter().find(|(of, name, _)| *of == table && *name == column).map(|(_, _, text)| *text)
}
