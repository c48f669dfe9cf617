//! What a schema asks of one value, as a noun phrase: "a date (YYYY-MM-DD)" for `format: date`.
//!
//! Messages show these phrases in place of regular expressions and of the type names of JSON, which a person who fills in a
//! form cannot be expected to read. A pattern without a phrase here fails the tests below.

use serde_json::Value;

use crate::model::text::{Msg, NO_NUL};
use crate::model::types::{CODE_PATTERN, REF_PATTERN};
use crate::msg;

/// What a value of this schema has to be. The most telling keyword decides: the pattern, else the format, else the type.
pub fn of_schema(schema: &Value) -> Msg {
    let by_pattern = schema["pattern"].as_str().and_then(of_pattern);
    let by_format = || schema["format"].as_str().and_then(of_format);
    by_pattern.or_else(by_format).unwrap_or_else(|| of_type(&schema["type"]))
}

/// The phrase for a `format` of text. The formats of numbers (`int64`, `double`) add nothing to their type.
pub fn of_format(format: &str) -> Option<Msg> {
    Some(match format {
        "date" => msg!("日期（YYYY-MM-DD）", "a date (YYYY-MM-DD)"),
        "date-time" => msg!(
            "带时区的日期和时间，如 2026-09-30T08:00:00Z",
            "a date and time with a time zone, such as 2026-09-30T08:00:00Z"
        ),
        "binary" => msg!("文件", "a file"),
        _ => return None,
    })
}

/// The phrase for a `type`, which is one name or a list of them; null is not offered, as it is for clearing a field.
pub fn of_type(kind: &Value) -> Msg {
    let first = || kind.as_array()?.iter().filter_map(Value::as_str).find(|name| *name != "null");
    match kind.as_str().or_else(first) {
        Some("string") => msg!("文本", "text"),
        Some("integer") => msg!("整数", "a whole number"),
        Some("number") => msg!("数字", "a number"),
        Some("boolean") => msg!("true 或 false", "true or false"),
        Some("array") => msg!("列表", "a list"),
        Some("object") => msg!("一组字段", "a set of named fields"),
        Some("null") => msg!("空值（null）", "null"),
        _ => msg!("另一种值", "another kind of value"),
    }
}

/// The phrase for a `pattern` of the published document; `None` for one that the document does not have.
pub fn of_pattern(pattern: &str) -> Option<Msg> {
    if let Some(decimal) = Decimal::parse(pattern) {
        return Some(decimal.phrase());
    }
    Some(match pattern {
        NO_NUL => msg!("不含 NUL 字符的文本", "text without the character NUL"),
        CODE_PATTERN => msg!(
            "由小写字母、数字和连字符组成的代码，不能只有数字，如 xinhui-road-2026",
            "a code of lower-case letters, digits and single hyphens, not of digits alone, such as xinhui-road-2026"
        ),
        REF_PATTERN => msg!(
            "记录的代码（小写字母、数字和连字符）或编号",
            "the code (lower-case letters, digits and single hyphens) or the id of a record"
        ),
        "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$" => {
            msg!("语言标签，如 zh 或 zh-CN", "a language tag, such as zh or zh-CN")
        }
        "^[A-Z]{3}$" => {
            msg!("三个大写字母的币种代码，如 CNY", "a currency code of three capital letters, such as CNY")
        }
        "^[A-Z]+$" => msg!("大写字母", "capital letters"),
        "^[0-9]{2}$" => msg!("两位数字", "two digits"),
        "^[0-9]{2,12}$" => msg!("2 至 12 位数字", "2 to 12 digits"),
        "^[0-9]+$" => msg!("只含数字的文本", "text of digits alone"),
        r"^[^\u0000-\u001f\u007f]*[^\u0000-\u0020\u007f][^\u0000-\u001f\u007f]*$" => {
            msg!("一行文本，不能为空，不含控制字符", "one line of text that is not blank and has no control characters")
        }
        "^[^/&|? ]+$" => {
            msg!(
                "不含空格、斜线、&、竖线和问号的标识",
                "an identifier without space, slash, ampersand, bar or question mark"
            )
        }
        "^https?://[!-~]+$" => msg!(
            "以 http:// 或 https:// 开头的网址，只含 ASCII 字符，不含空格",
            "a URL that begins with http:// or https:// and has ASCII characters alone, none of them a space"
        ),
        r"^https?://[^\u0000-\u0020\u007f]+$" => msg!(
            "以 http:// 或 https:// 开头的网址，不含空格和控制字符",
            "a URL that begins with http:// or https:// and has no spaces or control characters"
        ),
        _ => return of_header_pattern(pattern),
    })
}

/// The phrase for a `pattern` of a header, webhooks' headers and types included.
fn of_header_pattern(pattern: &str) -> Option<Msg> {
    Some(match pattern {
        r#"^(\*|((W/)?"[!#-~\u0080-\u00ff]*")?([ \t]*,[ \t]*((W/)?"[!#-~\u0080-\u00ff]*")?)*)$"# => msg!(
            "星号，或带引号的 ETag（多个用逗号隔开）",
            "an asterisk, or ETags in quotation marks, separated by commas"
        ),
        r#"^(W/)?"[!#-~]*"$"# => msg!("带引号的 ETag", "an ETag in quotation marks"),
        "^/[!-~]+$" => msg!("以斜线开头的路径", "a path that begins with a slash"),
        r#"^<[!-~]+>; rel=""# => msg!("链接标头（RFC 8288）", "a link header (RFC 8288)"),
        "^[ -~]+$" => msg!("可打印的 ASCII 字符", "printable ASCII characters"),
        "^[!-~]+$" => msg!("可打印的 ASCII 字符，不含空格", "printable ASCII characters without spaces"),
        "^@-?[0-9]+$" => msg!("以 @ 开头的 Unix 时间戳", "a Unix timestamp that begins with @"),
        r"^[a-z_]+\.[a-z_]+$" => {
            msg!(
                "由点连接的两个小写单词，如 milestone.update",
                "two lower-case words with a dot between them, such as milestone.update"
            )
        }
        "^msg_[0-9a-f]+$" => msg!("以 msg_ 开头的消息编号", "a message id that begins with msg_"),
        "^v1,[A-Za-z0-9+/=]+( v1,[A-Za-z0-9+/=]+)*$" => {
            msg!("以 v1 开头的签名，多个用空格隔开", "signatures that begin with v1, separated by spaces")
        }
        _ => return None,
    })
}

/// The limits that the pattern of a decimal number sets: `^-?[0-9]{1,12}(\.[0-9]{1,4})?$`.
struct Decimal<'a> {
    may_be_negative: bool,
    digits: &'a str,
    places: &'a str,
}

impl Decimal<'_> {
    fn parse(pattern: &str) -> Option<Decimal<'_>> {
        let rest = pattern.strip_prefix('^')?;
        let (may_be_negative, rest) = rest.strip_prefix("-?").map_or((false, rest), |rest| (true, rest));
        let (digits, rest) = rest.strip_prefix("[0-9]{1,")?.split_once('}')?;
        let places = rest.strip_prefix(r"(\.[0-9]{1,")?.strip_suffix("})?$")?;
        Some(Decimal { may_be_negative, digits, places })
    }

    fn phrase(&self) -> Msg {
        let Decimal { may_be_negative, digits, places } = self;
        let (sign_zh, sign_en) = if *may_be_negative { ("", "") } else { ("不带负号的", " without a minus sign") };
        msg!(
            "{sign_zh}数字，小数点前最多 {digits} 位、后最多 {places} 位，如 1200.5",
            "a number{sign_en}, with at most {digits} digits before the decimal point and {places} after it, such as 1200.5"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Map, json};

    use super::super::{Roots, explain};
    use super::*;
    use crate::validation::{Document, PUBLISHED};

    /// Collects what each schema says of one value alone: its type, format and pattern.
    fn collect(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            Value::Object(fields) => {
                // The `type` of a security scheme is no type of a value.
                let is_type = |kind: &Value| kind.is_string() && kind != "http" || kind.is_array();
                if fields.get("type").is_some_and(is_type) {
                    let own =
                        ["type", "format", "pattern"].into_iter().filter_map(|name| Some((name, fields.get(name)?)));
                    let own: Map<String, Value> = own.map(|(name, value)| (name.to_owned(), value.clone())).collect();
                    found.insert(Value::Object(own).to_string());
                }
                let others = fields.iter().filter(|(name, _)| !matches!(name.as_str(), "example" | "examples"));
                others.for_each(|(_, value)| collect(value, found));
            }
            _ => {}
        }
    }

    /// Pieces of regular expressions, and the type names of JSON.
    fn is_technical(text: &str) -> bool {
        let pieces = ["^", "$", "[", "]", "\\", "{", "}", "*", ")?", ")+", ".+", "|"];
        let types = ["string", "integer", "object", "array", "boolean"];
        let words = text.split(|letter: char| !letter.is_ascii_alphabetic());
        pieces.iter().any(|piece| text.contains(piece))
            || words.into_iter().any(|word| types.contains(&word.to_ascii_lowercase().as_str()))
    }

    #[test]
    fn every_pattern_format_and_type_of_the_document_is_explained_in_words() {
        let (mut found, none) = (BTreeSet::new(), Document::default());
        collect(&serde_json::from_str(PUBLISHED).unwrap(), &mut found);
        assert!(found.len() > 40, "{}", found.len());
        for schema in &found {
            let schema: Value = serde_json::from_str(schema).unwrap();
            if let Some(pattern) = schema["pattern"].as_str() {
                assert!(of_pattern(pattern).is_some(), "no phrase for the pattern {pattern}");
            }
            if let (Some(format), false) = (schema["format"].as_str(), has_number(&schema)) {
                assert!(of_format(format).is_some(), "no phrase for the format {format}");
            }
            let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
            let roots = Roots { schema: Some(&schema), document: &none };
            let wrong =
                [json!(5), json!(0.5), json!(true), json!(null), json!([]), json!({}), json!(""), json!("\0 ?|")];
            let faults = wrong.iter().flat_map(|value| explain(&validator, roots, value));
            let faults: Vec<_> = faults.collect();
            assert!(!faults.is_empty(), "{schema}");
            for fault in faults {
                let (zh, en) = (fault.message.zh.as_str(), fault.message.en.as_str());
                assert!(!is_technical(zh) && !is_technical(en), "{schema}: {zh} / {en}");
                assert!(
                    zh.ends_with('。') && !zh.contains("另一种值") && !en.contains("another kind"),
                    "{schema}: {zh}"
                );
            }
        }
    }

    fn has_number(schema: &Value) -> bool {
        ["integer", "number"].iter().any(|kind| schema["type"].to_string().contains(kind))
    }

    #[test]
    fn keywords_that_have_no_message_of_their_own_are_not_in_the_document() {
        let document: Value = serde_json::from_str(PUBLISHED).unwrap();
        let text = document.to_string();
        for keyword in ["const", "multipleOf", "uniqueItems", "exclusiveMinimum", "minProperties", "not", "contains"] {
            assert!(!text.contains(&format!("\"{keyword}\":")), "{keyword} needs a message");
        }
    }

    #[test]
    fn the_phrase_is_that_of_the_field() {
        let schema = json!({
            "properties": {
                "due_on": { "type": ["string", "null"], "format": "date" },
                "amount": { "$ref": "#/components/schemas/Money" },
            },
            "components": { "schemas": { "Money": { "type": "string", "pattern": r"^-?[0-9]{1,17}(\.[0-9]{1,2})?$" } } },
        });
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let none = Document::default();
        let message = |value: Value| {
            let faults = explain(&validator, Roots { schema: Some(&schema), document: &none }, &value);
            let [fault] = faults.as_slice() else { panic!("{faults:?}") };
            (fault.code, fault.message.zh.clone(), fault.message.en.clone())
        };
        let (code, zh, en) = message(json!({ "due_on": "soon" }));
        assert_eq!(
            (code, zh.as_str(), en.as_str()),
            ("format", "须为日期（YYYY-MM-DD）。", "must be a date (YYYY-MM-DD)")
        );
        let (code, zh, en) = message(json!({ "due_on": 2026 }));
        assert_eq!(code, "type");
        assert_eq!(zh, "须为日期（YYYY-MM-DD），写成带引号的文本。");
        assert_eq!(en, "must be a date (YYYY-MM-DD), written as text in quotation marks");
        let (code, _, en) = message(json!({ "amount": "1.005" }));
        assert_eq!(code, "pattern");
        assert!(en.contains("at most 17 digits before the decimal point and 2 after it"), "{en}");
    }
}
