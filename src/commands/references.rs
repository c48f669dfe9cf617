//! Explanations of references that a command's options give and that match no record.

use crate::config::nearest;
use crate::db::Conn;
use crate::db::reference::Kind;
use crate::error::Result;
use crate::model::types::Ref;

/// As many codes are listed where none is similar; more would be no help.
const LISTED: usize = 5;
/// Records whose codes are compared.
const COMPARED: i64 = 10_000;

/// Fails, in one line, if a reference matches no record. `option` is the option that gives it.
pub fn require(conn: &mut Conn, kind: &Kind, option: &str, reference: &str) -> std::result::Result<(), String> {
    match explain_unknown(conn, kind, option, reference) {
        Ok(None) => Ok(()),
        Ok(Some(fault)) => Err(fault),
        Err(error) => Err(error.cause()),
    }
}

fn explain_unknown(conn: &mut Conn, kind: &Kind, option: &str, reference: &str) -> Result<Option<String>> {
    if kind.find(conn, &Ref(reference.to_owned()))?.is_some() {
        return Ok(None);
    }
    let ids = kind.ids_after(conn, 0, COMPARED)?;
    let mut codes: Vec<String> = kind.made(conn, &ids)?.into_iter().filter_map(|(_, code, _)| code).collect();
    codes.sort_unstable();
    let remedy = match similar(reference, &codes) {
        Some(code) => format!("did you mean {code}?"),
        None if ids.is_empty() => format!("the database has no {}", kind.path),
        None if codes.len() <= LISTED && !codes.is_empty() => format!("the database has {}", codes.join(", ")),
        None => format!("GET /api/v1/{} lists them", kind.path),
    };
    Ok(Some(format!("{option}: there is no {} \"{reference}\"; {remedy}", kind.name)))
}

/// The code that was probably meant: one that is spelled similarly, or else the only one that contains the text.
fn similar<'a>(text: &str, codes: &'a [String]) -> Option<&'a str> {
    nearest(text, codes.iter().map(String::as_str)).or_else(|| {
        let mut containing = codes.iter().filter(|code| text.len() > 2 && code.contains(text));
        let first = containing.next()?;
        containing.next().is_none().then_some(first.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_that_was_probably_meant_is_suggested() {
        let codes = ["xinhui-taishan", "xinhui-kaiping", "pengjiang-jianghai-enping"].map(str::to_owned);
        for (text, expected) in [
            ("xinhui-taishn", Some("xinhui-taishan")),
            ("enping", Some("pengjiang-jianghai-enping")),
            ("xinhui", None),
            ("9", None),
            ("beijing", None),
        ] {
            assert_eq!(similar(text, &codes), expected, "{text}");
        }
    }
}
