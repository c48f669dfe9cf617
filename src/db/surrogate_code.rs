//! Surrogate codes, which identify records without a code in files.
//!
//! Bundles identify records by code, but codes are optional for some kinds. The surrogate code of a record consists of
//! its kind, its id and eight hexadecimal digits of the SHA-256 of both and the instant of creation, none of which
//! change. An import into the original database resolves it to the same record, which stays without a code. In any
//! other database no record matches, so the surrogate code becomes the code of the new record.

use diesel::QueryResult;
use sha2::{Digest, Sha256};

use super::Conn;
use super::reference::{Kind, Made};
use crate::model::hex;
use crate::model::types::Instant;

/// Number of digest bytes in a surrogate code.
const SHOWN: usize = 4;

/// Returns the surrogate code of a record.
pub fn code(kind: &Kind, id: i64, created_at: Instant) -> String {
    let microseconds = created_at.utc().timestamp_micros();
    let digest = hex(&Sha256::digest(format!("{}\n{id}\n{microseconds}", kind.name))[..SHOWN]);
    format!("{}-{id}-{digest}", kind.name.replace('_', "-"))
}

/// Finds the record of a surrogate code, if it still has no code of its own.
pub fn find(conn: &mut Conn, kind: &Kind, code: &str) -> QueryResult<Option<i64>> {
    let Some(id) = id_in(kind, code) else { return Ok(None) };
    let made = kind.made(conn, &[id])?;
    let is_meant = |(id, own, created_at): &Made| own.is_none() && self::code(kind, *id, *created_at) == code;
    Ok(made.into_iter().find(is_meant).map(|(id, ..)| id))
}

/// Sets the surrogate code in a record's JSON if it has no code.
pub fn name(kind: &Kind, record: &mut serde_json::Value) {
    let created_at = record["created_at"].as_str().and_then(|at| at.parse::<chrono::DateTime<chrono::Utc>>().ok());
    if let (serde_json::Value::Null, Some(id), Some(at)) = (&record["code"], record["id"].as_i64(), created_at) {
        record["code"] = serde_json::Value::String(code(kind, id, Instant::from(at)));
    }
}

/// Whether a text has the form of a surrogate code of this kind.
pub fn has_shape(kind: &Kind, code: &str) -> bool {
    id_in(kind, code).is_some()
}

/// Parses the id in a surrogate code of this kind.
fn id_in(kind: &Kind, code: &str) -> Option<i64> {
    let rest = code.strip_prefix(kind.name.replace('_', "-").as_str())?.strip_prefix('-')?;
    let (id, digest) = rest.split_once('-')?;
    let is_digest = digest.len() == 2 * SHOWN && digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let is_id = id.bytes().all(|b| b.is_ascii_digit()) && !id.starts_with('0');
    if is_digest && is_id { id.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::{milestones, progress_reports};

    #[test]
    fn a_surrogate_code_depends_on_kind_id_and_creation() {
        let at = |text: &str| Instant::from(text.parse::<chrono::DateTime<chrono::Utc>>().unwrap());
        let moment = at("2022-04-11T01:30:00.000001Z");
        let one = code(&milestones::KIND, 12, moment);
        assert!(one.starts_with("milestone-12-"), "{one}");
        assert_eq!(one, code(&milestones::KIND, 12, moment));
        assert_ne!(one, code(&milestones::KIND, 12, at("2022-04-11T01:30:00.000002Z")));
        assert_eq!(id_in(&milestones::KIND, &one), Some(12));
        let other = code(&progress_reports::KIND, 12, moment);
        assert!(other.starts_with("progress-report-12-"), "{other}");
        assert_eq!((id_in(&progress_reports::KIND, &other), id_in(&milestones::KIND, &other)), (Some(12), None));
    }

    #[test]
    fn malformed_codes_are_not_surrogate_codes() {
        for code in [
            "milestone-12",
            "milestone-12-abc",
            "milestone--abcdef01",
            "milestone-012-abcdef01",
            "milestone-12-abcdef0g",
            "milestone-12-abcdef012",
            "milestone-99999999999999999999-abcdef01",
            "road-12-abcdef01",
        ] {
            assert_eq!(id_in(&milestones::KIND, code), None, "{code}");
        }
    }
}
