//! The names of a fault's resource and field on the sheets that people fill in.

use crate::model::sheet::{Field, Sheet};
use crate::model::text::Language;
use crate::resources;
use crate::transfer::fault::ImportFault;

/// The resource and field of a fault: in Chinese the names of its sheet and column, in English its path and pointer.
pub fn shown(fault: &ImportFault, language: Language) -> (String, String) {
    let path = fault.resource.clone().unwrap_or_default();
    let form = resources::forms().into_iter().find(|form| form.kind.path == path);
    match form.filter(|_| language == Language::Zh) {
        Some(form) => labels(form.sheet, &fault.pointer),
        None => (path, fault.pointer.clone()),
    }
}

/// The names of the sheet and column of a pointer; the pointer itself if it has no column.
fn labels(sheet: &Sheet, pointer: &str) -> (String, String) {
    let parts: Vec<&str> = pointer.split('/').skip(1).collect();
    let known = parts.first().and_then(|name| sheet.all_fields().find(|field| field.name == *name));
    let Some(field) = known else { return (sheet.zh.to_owned(), pointer.to_owned()) };
    let is_item = parts.get(1).is_some_and(|part| part.parse::<usize>().is_ok());
    match parts.get(2) {
        // Items of a list are on their own sheet.
        Some(_) if is_item && !field.parts.is_empty() => (
            format!("{}·{}", sheet.zh, field.zh),
            header(field.parts, &parts[2..]).unwrap_or_else(|| pointer.to_owned()),
        ),
        _ => (sheet.zh.to_owned(), header(std::slice::from_ref(field), &parts).unwrap_or_else(|| pointer.to_owned())),
    }
}

/// The header of the column that holds a value.
fn header(fields: &[Field], parts: &[&str]) -> Option<String> {
    let (first, rest) = parts.split_first()?;
    let field = fields.iter().find(|field| field.name == *first)?;
    Some(match rest.first().copied() {
        Some("en") => format!("{}（英文）", field.zh),
        _ => header(field.parts, rest).unwrap_or_else(|| field.zh.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_shown_as_its_column() {
        let of = |resource: &str, pointer: &str| {
            let fault = ImportFault {
                resource: Some(resource.to_owned()),
                pointer: pointer.to_owned(),
                ..ImportFault::of_file("x", &crate::msg!("甲", "a"))
            };
            assert_eq!(shown(&fault, Language::En), (resource.to_owned(), pointer.to_owned()));
            shown(&fault, Language::Zh)
        };
        let both = |resource: &str, field: &str| (resource.to_owned(), field.to_owned());
        assert_eq!(of("milestones", "/due_on"), both("里程碑", "到期日"));
        assert_eq!(of("milestones", "/title/zh"), both("里程碑", "名称"));
        assert_eq!(of("milestones", "/title/en"), both("里程碑", "名称（英文）"));
        assert_eq!(of("milestones", "/depends_on/1"), both("里程碑", "前置里程碑"));
        assert_eq!(of("pairings", "/members/3/role"), both("结对·成员", "角色"));
        assert_eq!(of("pairings", "/members"), both("结对", "成员"));
        assert_eq!(of("pairings", "/members/3/x"), both("结对·成员", "/members/3/x"));
        assert_eq!(of("milestones", "/nothing"), both("里程碑", "/nothing"));
        assert_eq!(of("milestones", ""), both("里程碑", ""));
        assert_eq!(of("nothing", "/x"), both("nothing", "/x"));
    }
}
