use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::db::reference::Kind;
use crate::resources::kinds;

fn column(shape: Shape, is_nullable: bool) -> Column {
    Column {
        pointer: "/x".to_owned(),
        en: "x".to_owned(),
        zh: "甲".to_owned(),
        shape,
        is_required: false,
        is_nullable,
        is_read_only: false,
        about: String::new(),
        schema: Value::Null,
    }
}

fn kind() -> &'static Kind {
    kinds()[1]
}

fn choices() -> std::sync::Arc<[Choice]> {
    [("met", "已完成"), ("in_progress", "进行中")]
        .map(|(value, zh)| Choice { value: value.to_owned(), zh: zh.to_owned() })
        .into()
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

#[test]
fn every_notation_of_a_value_is_read() {
    let percent = Column { zh: "进度（%）".to_owned(), ..column(Shape::Integer, true) };
    let cases = [
        (column(Shape::Date, true), text("2022-04-11"), json!("2022-04-11")),
        (column(Shape::Date, true), text("2022/4/11"), json!("2022-04-11")),
        (column(Shape::Date, true), text(" 2022.4.11 "), json!("2022-04-11")),
        (column(Shape::Date, true), text("2022年4月11日"), json!("2022-04-11")),
        (column(Shape::Date, true), text("20220411"), json!("2022-04-11")),
        (column(Shape::Date, true), Cell::Number(20_220_411.0), json!("2022-04-11")),
        (column(Shape::Date, true), text("2022-04-11 00:00:00"), json!("2022-04-11")),
        (column(Shape::Date, true), text("2022-02-30"), json!("2022-02-30")),
        (column(Shape::Date, true), text("去年春天"), json!("去年春天")),
        (column(Shape::Date, true), Cell::Number(44_662.0), json!("44662")),
        (column(Shape::Text, true), Cell::Number(440_705.0), json!("440705")),
        (column(Shape::Text, true), Cell::Number(0.1 + 0.2), json!("0.3")),
        (column(Shape::Text, true), Cell::Date("2022-04-11".parse().unwrap()), json!("2022-04-11")),
        (column(Shape::Code, false), text(" ab-c "), json!("ab-c")),
        (column(Shape::Integer, true), text("1,200"), json!(1200)),
        (column(Shape::Integer, true), text("１２"), json!(12)),
        (column(Shape::Integer, true), Cell::Number(35.0), json!(35)),
        (column(Shape::Integer, true), Cell::Number(0.35), json!(0.35)),
        (column(Shape::Integer, true), text("35%"), json!("35%")),
        (percent.clone(), text("35%"), json!(35)),
        (percent, text("三成"), json!("三成")),
        (column(Shape::Number, true), text("22.5"), json!(22.5)),
        (column(Shape::Number, true), text("1e5"), json!("1e5")),
        (column(Shape::Decimal, true), text("1,234,567.80"), json!("1234567.80")),
        (column(Shape::Decimal, true), text("1,23"), json!("1,23")),
        (column(Shape::Decimal, true), text("3000万元"), json!("3000万元")),
        (column(Shape::Decimal, true), Cell::Number(1e21), json!("1000000000000000000000")),
        (column(Shape::Boolean, false), text("是"), json!(true)),
        (column(Shape::Boolean, false), text("No"), json!(false)),
        (column(Shape::Boolean, false), Cell::Number(1.0), json!(true)),
        (column(Shape::Boolean, false), text("也许"), json!("也许")),
        (column(Shape::Choice(choices()), true), text("进行中"), json!("in_progress")),
        (column(Shape::Choice(choices()), true), text(" Met"), json!("met")),
        (column(Shape::Choice(choices()), true), text("做完了"), json!("做完了")),
        (column(Shape::Choices(choices()), true), text("已完成、进行中"), json!(["met", "in_progress"])),
        (column(Shape::Reference(kind()), true), text("恩平市 | enping"), json!("enping")),
        (column(Shape::Reference(kind()), true), text("恩平市"), json!("恩平市")),
        (column(Shape::Reference(kind()), true), Cell::Number(12.0), json!("12")),
        (column(Shape::References(kind()), true), text("甲 | a；b, 乙 | c"), json!(["a", "b", "c"])),
        (column(Shape::Texts, true), text("甲；乙\n丙"), json!(["甲", "乙", "丙"])),
        (column(Shape::Texts, true), Cell::Empty, json!([])),
        (column(Shape::Text, true), text("  "), json!(null)),
    ];
    for (column, cell, value) in cases {
        assert_eq!(read(&column, &cell), Some(value), "{cell:?} as {:?}", column.shape);
    }
    assert_eq!(read(&column(Shape::Text, false), &Cell::Empty), None);
}

#[test]
fn chinese_files_show_labels_and_names() {
    let reference = json!({ "id": 7, "code": "enping", "name": { "zh": "恩平市", "en": "Enping" } });
    let listed = json!({ "id": 8, "code": null, "name": { "zh": "东部、西部", "en": null } });
    let shown =
        |shape: Shape, value: &Value, language| written(&column(shape, true), &json!({ "x": value }), language).text();
    let both =
        |shape: Shape, value: Value| [shown(shape.clone(), &value, Language::Zh), shown(shape, &value, Language::En)];
    assert_eq!(both(Shape::Reference(kind()), reference.clone()), ["恩平市 | enping", "enping"]);
    assert_eq!(both(Shape::References(kind()), json!([reference, listed])), ["恩平市 | enping; 8", "enping; 8"]);
    assert_eq!(both(Shape::Choice(choices()), json!("in_progress")), ["进行中", "in_progress"]);
    assert_eq!(both(Shape::Boolean, json!(true)), ["是", "true"]);
    assert_eq!(both(Shape::Decimal, json!("-5.50")), ["-5.5", "-5.5"]);
    assert_eq!(both(Shape::Text, json!("=1+1")), ["'=1+1", "'=1+1"]);
    let total = "-92233720368547758070.25";
    assert_eq!(both(Shape::Decimal, json!(total)), [total, total]);
}

#[test]
fn formulas_are_defused_and_other_texts_are_unchanged() {
    for start in [
        "=",
        "+",
        "-",
        "@",
        "＝",
        "＋",
        "－",
        "＠",
        "\t",
        "\r",
        "\n",
        " =",
        "\u{3000}＝",
        "\u{a0}+",
        "\u{1}@",
        "'=",
        "''＠",
    ] {
        let text = format!("{start}1+1");
        assert_eq!(defuse(text.clone()), format!("'{text}"), "{start:?}");
        assert_eq!(restore(&format!("'{text}")), text, "{start:?}");
    }
    for text in ["", " ", "'", "'x", "1-1", "甲＝乙", " x", "x\n=1", "\u{3000}第一条"] {
        assert_eq!(defuse(text.to_owned()), text);
        assert_eq!(restore(text), text);
    }
}

#[test]
fn the_items_of_a_list_are_rows_with_the_record_in_front() {
    let contract = crate::validation::published();
    let form = crate::resources::forms().into_iter().find(|form| form.kind.path == "pairings").unwrap();
    let tables = crate::transfer::columns::tables(&contract, &form).unwrap();
    let columns: Vec<&Column> = tables[1].columns.iter().collect();
    let record = json!({ "code": "a-b", "members": [
        { "region": "enping", "role": "recipient", "is_lead": true, "from_on": "2022-04-11", "to_on": null },
    ] });
    let cells = rows(&tables[1], &columns, &record, Language::Zh);
    let day = Cell::Date("2022-04-11".parse().unwrap());
    assert_eq!(cells, [vec![text("a-b"), text("enping"), text("受援方"), text("是"), day, Cell::Empty]]);
}

fn shaped() -> impl Strategy<Value = (Shape, Value)> {
    let part = "[^;；,，、\n\\s|]{1,8}";
    let code = "[a-z0-9]{1,6}(-[a-z0-9]{1,4})?";
    prop_oneof![
        any::<String>()
            .prop_filter("a blank text is an empty cell", |text| text.is_empty() || !text.trim().is_empty())
            .prop_map(|text| (Shape::Text, if text.is_empty() { Value::Null } else { json!(text) })),
        "'{0,3}[ \u{3000}]?[=+@＝＋－＠\t\r\n-]?[ -~]{0,6}x".prop_map(|text| (Shape::Text, json!(text))),
        any::<i64>().prop_map(|number| (Shape::Integer, json!(number))),
        (-180.0..180.0_f64).prop_map(|number| (Shape::Number, json!(number))),
        "-?(0|[1-9][0-9]{0,17})\\.[0-9]{2}".prop_map(|text| (Shape::Decimal, json!(text))),
        (0..60_000_i32).prop_map(|days| {
            let day = NaiveDate::from_num_days_from_ce_opt(693_000 + days).unwrap();
            (Shape::Date, json!(day))
        }),
        any::<bool>().prop_map(|value| (Shape::Boolean, json!(value))),
        proptest::sample::select(vec!["met", "in_progress"]).prop_map(|value| (Shape::Choice(choices()), json!(value))),
        (code, any::<String>()).prop_map(|(code, name)| {
            (Shape::Reference(kind()), json!({ "id": 1, "code": code, "name": { "zh": name, "en": null } }))
        }),
        proptest::collection::vec((code, any::<String>()), 0..4).prop_map(|all| {
            let of = |(code, name)| json!({ "id": 1, "code": code, "name": { "zh": name, "en": null } });
            (Shape::References(kind()), all.into_iter().map(of).collect())
        }),
        proptest::collection::vec(part, 0..4).prop_map(|all| (Shape::Texts, json!(all))),
    ]
}

/// The expected result of reading: references as codes, decimals without redundant zeros.
fn expected(shape: &Shape, value: &Value) -> Value {
    match (shape, value) {
        (Shape::Reference(_), value) => value["code"].clone(),
        (Shape::References(_), Value::Array(all)) => all.iter().map(|value| value["code"].clone()).collect(),
        (_, other) => other.clone(),
    }
}

proptest! {
    #[test]
    fn written_values_are_read_back((shape, value) in shaped(), is_zh in any::<bool>(), is_text in any::<bool>()) {
        let column = column(shape, true);
        let language = if is_zh { Language::Zh } else { Language::En };
        let cell = written(&column, &json!({ "x": value }), language);
        let cell = if is_text { Cell::Text(cell.text()) } else { cell };
        let back = read(&column, &cell).expect("a nullable column");
        let meant = expected(&column.shape, &value);
        if let (Shape::Decimal, Some(back), Some(meant)) = (&column.shape, back.as_str(), meant.as_str()) {
            prop_assert_eq!(plain(back), plain(meant));
        } else if let (Shape::Number, true) = (&column.shape, is_text) {
            prop_assert!((back.as_f64().unwrap() - meant.as_f64().unwrap()).abs() < 1e-12);
        } else {
            prop_assert_eq!(back, meant);
        }
    }

    #[test]
    fn every_text_is_read_back(text in "'{0,3}[ \t\r\n\u{3000}\u{a0}\u{feff}]{0,2}'{0,2}[=+@＝＋－＠\t\r\n-]?.{0,4}") {
        let defused = defuse(text.clone());
        let seen = defused.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}');
        prop_assert!(!seen.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']), "{:?}", defused);
        prop_assert!(!defused.starts_with(['\t', '\r', '\n']), "{:?}", defused);
        prop_assert_eq!(restore(&defused), text);
    }
}
