use std::collections::BTreeSet;

use super::*;

fn contract() -> Contract {
    crate::validation::published()
}

#[test]
fn every_field_that_clients_write_has_a_column_with_a_header_of_its_own() {
    let contract = contract();
    for form in resources::forms() {
        let tables = tables(&contract, &form).unwrap();
        let schema = contract.properties(form.new).unwrap();
        for name in schema.keys() {
            let is_column = |column: &Column| column.en.split('.').next() == Some(name.as_str());
            let has = tables[0].columns.iter().filter(|column| !column.is_read_only).any(is_column)
                || tables.iter().any(|table| table.list.as_deref() == Some(name.as_str()));
            assert!(has, "{} has no column for {name}", form.kind.path);
        }
        for table in &tables {
            let headers: BTreeSet<&str> = table.columns.iter().map(|column| column.zh.as_str()).collect();
            assert_eq!(headers.len(), table.columns.len(), "{} repeats a header", table.zh);
            for column in table.columns.iter().filter(|column| !column.is_read_only) {
                assert!(!column.zh.is_ascii(), "{}: {} has no Chinese header", table.en, column.en);
                let json = matches!(column.shape, Shape::Json | Shape::Named | Shape::NamedAll);
                assert!(!json, "{}: {} has no shape", table.en, column.en);
                let lost = column.schema["$ref"].is_string()
                    || matches!(column.shape, Shape::Text)
                        && column.schema["pattern"] == crate::model::types::REF_PATTERN;
                assert!(!lost, "{}: {} names a record of no kind", table.en, column.en);
                if let Shape::Choice(choices) | Shape::Choices(choices) = &column.shape {
                    let words: BTreeSet<&str> = choices.iter().map(|choice| choice.zh.as_str()).collect();
                    assert_eq!(words.len(), choices.len(), "{}: {} repeats a word", table.en, column.en);
                    assert!(words.iter().all(|word| !word.is_ascii()), "{}: {}: {words:?}", table.en, column.en);
                }
            }
        }
    }
}

#[test]
fn a_pairing_is_a_table_and_its_members_another() {
    let contract = contract();
    let form = resources::forms().into_iter().find(|form| form.kind.path == "pairings").unwrap();
    let tables = tables(&contract, &form).unwrap();
    let headers = |table: &Table| table.columns.iter().map(|column| column.zh.clone()).collect::<Vec<_>>();
    assert_eq!((tables[0].en.as_str(), tables[0].zh.as_str()), ("pairings", "结对"));
    assert_eq!(headers(&tables[0])[..4], ["代码", "计划", "名称", "名称（英文）"]);
    assert_eq!((tables[1].en.as_str(), tables[1].zh.as_str()), ("pairings.members", "结对·成员"));
    assert_eq!(headers(&tables[1]), ["代码", "地区", "角色", "是否牵头", "起始日期", "截止日期"]);
    let role = &tables[1].columns[2];
    let Shape::Choice(choices) = &role.shape else { panic!("{role:?}") };
    assert_eq!(choices[0], Choice { value: "supporter".to_owned(), zh: "支援方".to_owned() });
}
