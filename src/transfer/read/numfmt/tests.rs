use proptest::prelude::*;

use super::*;

fn format(code: &str) -> NumberFormat {
    NumberFormat::new(code, None)
}

#[test]
fn shown_texts_are_those_of_a_spreadsheet() {
    let day = 45_141.0 + 14.5 / 24.0;
    for (value, code, wanted) in [
        (8.0, "000", "008"),
        (440_705_199_001.0, "000000000000", "440705199001"),
        (13_800_138_000.0, "00000000000", "13800138000"),
        (0.35, "0%", "35%"),
        (0.354, "0.0%", "35.4%"),
        (35.0, "0\\%", "35%"),
        (35.0, "0\"%\"", "35%"),
        (35.0, "0!%", "35%"),
        (1_234_567.0, "#,##0.00", "1,234,567.00"),
        (1_234_567.0, "0.0,\"千\"", "1234.6千"),
        (1_235_000.0, "0!.0,\"万\"", "123.5万"),
        (-5.0, "0;[Red]0", "5"),
        (-5.0, "0_);(0)", "(5)"),
        (0.0, "0;-0;\"无\"", "无"),
        (12_000.0, "[>=10000]0!.0,\"万\";0", "1.2万"),
        (900.0, "[>=10000]0!.0,\"万\";0", "900"),
        (8.5 / 24.0, "h:mm", "8:30"),
        (36.5 / 24.0, "[h]:mm", "36:30"),
        (8.5 / 24.0, "h\"时\"mm\"分\"", "8时30分"),
        (day, "yyyy/m/d", "2023/8/3"),
        (day, "yyyy\"年\"m\"月\"d\"日\"", "2023年8月3日"),
        (day, "[$-804]yyyy\"年\"m\"月\"d\"日\";@", "2023年8月3日"),
        (day, "yyyy\\-mm\\-dd hh:mm", "2023-08-03 14:30"),
        (day, "m\"月\"d\"日\"", "8月3日"),
        (12.0, "General", "12"),
        (12.0, "@", "12"),
        (0.1 + 0.2, "General", "0.3"),
        (12_345_678_901.0, "General", "12345678901"),
        (1_200.0, "\"¥\"#,##0.00", "¥1,200.00"),
        (1_200.0, "[$￥-804]#,##0.00", "￥1,200.00"),
        (3.5, "0.0\"万元\"", "3.5万元"),
    ] {
        assert_eq!(format(code).shown(value, false).as_deref().map(str::trim), Some(wanted), "{value} as {code}");
    }
    assert_eq!(format("yyyy-mm-dd").shown(43_679.0, true).as_deref(), Some("2023-08-03"));
}

#[test]
fn texts_that_depend_on_the_locale_are_unknown() {
    for code in [
        "[$-F800]dddd, mmmm dd, yyyy",
        "[$-411]ggge\"年\"m\"月\"d\"日\"",
        "yyyy\"年\"m\"月\"d\"日\" aaaa",
        "d-mmm-yy",
        "[DBNum1]yyyy\"年\"m\"月\"d\"日\"",
        "上午/下午h:mm",
        "**0",
        "\"never closed",
    ] {
        assert_eq!(format(code).shown(45_141.0, false), None, "{code}");
    }
    assert_eq!(NumberFormat::new("mm-dd-yy", Some(14)).shown(45_141.0, false), None);
    assert_eq!(NumberFormat::new("General", Some(31)).shown(45_141.0, false), None);
    assert_eq!(format("General").shown(440_705_199_001_011_234.0, false), None, "cut to an exponent");
    assert_eq!(format("yyyy-mm-dd").shown(-1.0, false), None);
}

#[test]
fn the_shown_parts_of_a_date_are_known() {
    let moment = |code: &str| format(code).moment(45_141.0);
    let whole = Moment { has_year: true, has_month: true, has_day: true, has_time: false };
    for code in ["yyyy-mm-dd", "yyyy/m/d;@", "yy.m.d", "d/m/yyyy", "[$-804]yyyy\"年\"m\"月\"d\"日\";@", "d-mmm-yy"] {
        assert_eq!(moment(code), Some(whole), "{code}");
    }
    assert_eq!(moment("yyyy\"年\"m\"月\""), Some(Moment { has_day: false, ..whole }));
    assert_eq!(moment("m\"月\"d\"日\""), Some(Moment { has_year: false, ..whole }));
    assert_eq!(moment("yyyy-mm-dd hh:mm"), Some(Moment { has_time: true, ..whole }));
    assert_eq!(moment("h:mm"), Some(Moment { has_time: true, ..Moment::default() }));
    assert_eq!(moment("[mm]:ss"), Some(Moment { has_time: true, ..Moment::default() }));
    for code in ["General", "0", "0.00E+00", "\"day\"0", "#,##0.00", "[Red]0", "@", "# ?/?"] {
        assert_eq!(moment(code), None, "{code}");
    }
    assert_eq!(NumberFormat::new("General", Some(31)).moment(45_141.0), Some(whole));
    assert_eq!(NumberFormat::new("General", Some(58)).moment(45_141.0), Some(Moment { has_year: false, ..whole }));
}

#[test]
fn numbers_keep_the_signs_and_words_of_their_format() {
    let presented = |value, code: &str| {
        let presented = format(code).presented(value)?;
        Some((presented.text, presented.is_scaled))
    };
    let plain = |text: &str| Some((text.to_owned(), false));
    assert_eq!(presented(0.354, "0%"), plain("35.4%"));
    assert_eq!(presented(35.0, "0\\%"), plain("35%"));
    assert_eq!(presented(35.0, "0\"%\""), plain("35%"));
    assert_eq!(presented(1_200.005, "#,##0.00"), plain("1200.005"));
    assert_eq!(presented(1_200.0, "\"¥\"#,##0.00"), plain("¥1200"));
    assert_eq!(presented(3.5, "0.00\"万元\""), plain("3.5万元"));
    assert_eq!(presented(1_234_000.0, "#,##0,"), Some(("1234".to_owned(), true)));
    assert_eq!(presented(1_234_000.0, "0.00,\"千元\""), Some(("1234千元".to_owned(), true)));
    assert_eq!(presented(-5.0, "#,##0_);(#,##0)"), plain("-5"));
    assert_eq!(presented(-5.0, "0;[Red]0"), plain("-5"));
    assert_eq!(presented(-5.0, "0"), plain("-5"));
    assert_eq!(presented(0.0, "_(* #,##0_);_(* (#,##0);_(* \"-\"_);_(@_)"), plain("0"));
    assert_eq!(presented(8.0, "000"), plain("8"));
    for (value, code) in [(-5.0, "0;0"), (5.0, ";;;"), (5.0, "\"无\""), (12_345.0, "0!.0,\"万\""), (5.0, "\"-\"0")] {
        assert_eq!(presented(value, code), None, "{value} as {code}");
    }
}

#[test]
fn words_around_a_text_are_part_of_it() {
    assert_eq!(format("@\"县\"").shown_text("恩平").as_deref(), Some("恩平县"));
    assert_eq!(format("0;-0;0;\"项目\"@").shown_text("甲").as_deref(), Some("项目甲"));
    assert_eq!(format(";;;").shown_text("甲").as_deref(), Some(""));
    assert_eq!(format("0.00").shown_text("甲"), None);
}

proptest! {
    #[test]
    fn no_format_makes_the_reader_panic(
        code in prop_oneof![
            any::<String>(),
            "[0#?.,%;@ymdhsE+\\-/\\[\\]\"\\\\_*!$<>=AaPpGgenrlb年月日0-9 ]{0,24}",
        ],
        value in prop_oneof![any::<f64>(), -1e6..1e6_f64, 0.0..60_000.0_f64],
    ) {
        let format = format(&code);
        let _ = (format.shown(value, false), format.shown(value, true), format.presented(value), format.moment(value));
        let _ = format.shown_text("甲");
    }
}
