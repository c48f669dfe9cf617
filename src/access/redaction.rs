//! Redaction of personal data, for responses and exported files alike.

use std::ops::Deref;

use serde_json::{Map, Value};

use super::Visibility;
use crate::db::reference::Kind;
use crate::model::text::Language;

/// The replacement for hidden personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// Null, in JSON responses and NDJSON lists.
    Null,
    /// The field is omitted, in bundles, where null would clear the field on import.
    Absent,
    /// A marker that imports ignore, in tables, where an empty cell would clear the field.
    Marked(Language),
}

/// The markers in Chinese and English.
const MARKERS: [&str; 2] = ["（不可见）", "(not visible)"];

/// Redacts records for a reader with a given replacement.
#[derive(Clone, Debug)]
pub struct Redaction {
    visibility: Visibility,
    hidden: Hidden,
}

impl Redaction {
    pub fn new(visibility: Visibility, hidden: Hidden) -> Redaction {
        Redaction { visibility, hidden }
    }

    /// Redacts a record or a list of records of a kind.
    pub fn apply(&self, kind: &Kind, value: &mut Value) {
        self.visibility.redact(kind, value, self.hidden);
    }
}

impl Deref for Redaction {
    type Target = Visibility;

    fn deref(&self) -> &Visibility {
        &self.visibility
    }
}

impl Visibility {
    /// Whether the reader can see the personal data of any pairing.
    pub fn sees_any(&self) -> bool {
        *self != Visibility::Nothing
    }

    /// Whether the reader can see the personal data of a record, given its JSON fields.
    pub fn covers(&self, fields: &Map<String, Value>) -> bool {
        let pairing = fields.get("pairing").and_then(|pairing| pairing["id"].as_i64());
        match (self, pairing) {
            (Visibility::Pairings(seen), Some(pairing)) => seen.contains(&pairing),
            _ => self.is_of_all(),
        }
    }

    /// Redacts a record, a list of records or the record state in an audit event.
    pub fn redact(&self, kind: &Kind, value: &mut Value, hidden: Hidden) {
        if kind.private.is_empty() || self.is_of_all() {
            return;
        }
        match value {
            Value::Array(records) => records.iter_mut().for_each(|record| self.redact(kind, record, hidden)),
            Value::Object(fields) if !self.covers(fields) => match hidden {
                Hidden::Absent => fields.retain(|name, _| !kind.private.contains(&name.as_str())),
                Hidden::Null => replace(kind, fields, &Value::Null),
                Hidden::Marked(language) => replace(kind, fields, &Value::String(marker(language).to_owned())),
            },
            _ => {}
        }
    }
}

/// Replaces personal fields, including empty ones, because whether a field has a value is personal data, too.
fn replace(kind: &Kind, fields: &mut Map<String, Value>, by: &Value) {
    for name in kind.private {
        if let Some(field) = fields.get_mut(*name) {
            *field = by.clone();
        }
    }
}

fn marker(language: Language) -> &'static str {
    match language {
        Language::Zh => MARKERS[0],
        Language::En => MARKERS[1],
    }
}

/// Removes fields that contain the marker of [`Hidden::Marked`], so that an import leaves them unchanged.
pub fn remove_marked(kind: &Kind, document: &mut Value) {
    let is_marker = |value: &Value| value.as_str().is_some_and(|text| MARKERS.contains(&text.trim()));
    let is_marked = |value: &Value| match value {
        // List cells are parsed into arrays.
        Value::Array(items) => matches!(items.as_slice(), [only] if is_marker(only)),
        one => is_marker(one),
    };
    if let Value::Object(fields) = document {
        fields.retain(|name, value| !(kind.private.contains(&name.as_str()) && is_marked(value)));
    }
}

/// Removes personal fields that are null: they may be redacted, so an import must leave them unchanged.
pub fn remove_null(kind: &Kind, read: &mut Value) {
    if let Value::Object(fields) = read {
        fields.retain(|name, value| !(kind.private.contains(&name.as_str()) && value.is_null()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resources::{exchanges, liaisons};

    #[test]
    fn a_reader_sees_the_personal_data_of_its_pairings_alone() {
        let record =
            |pairing: i64, contact: Value| json!({ "id": 1, "pairing": { "id": pairing }, "contact": contact });
        let all = json!([record(1, json!("甲")), record(2, json!("乙")), record(2, json!(null))]);
        let of = Visibility::Pairings(vec![1]);
        for (hidden, second) in [
            (Hidden::Null, Some(json!(null))),
            (Hidden::Absent, None),
            (Hidden::Marked(Language::Zh), Some(json!("（不可见）"))),
            (Hidden::Marked(Language::En), Some(json!("(not visible)"))),
        ] {
            let mut seen = all.clone();
            of.redact(&liaisons::KIND, &mut seen, hidden);
            assert_eq!(seen[0], all[0]);
            // An empty field is indistinguishable from a hidden one.
            assert_eq!((seen[1].get("contact"), seen[2].get("contact")), (second.as_ref(), second.as_ref()));
        }
        for (visibility, is_whole) in
            [(Visibility::Nothing, false), (Visibility::AllPairings, true), (Visibility::Everything, true)]
        {
            let mut seen = all.clone();
            visibility.redact(&liaisons::KIND, &mut seen, Hidden::Null);
            assert_eq!(seen == all, is_whole, "{visibility:?}");
        }
    }

    #[test]
    fn markers_are_no_values() {
        for language in [Language::Zh, Language::En] {
            let marked = marker(language);
            let mut exchange = json!({ "code": "x", "names": [marked], "note": marked });
            remove_marked(&exchanges::KIND, &mut exchange);
            assert_eq!(exchange, json!({ "code": "x", "note": marked }));
            let mut liaison = json!({ "contact": format!(" {marked} ") });
            remove_marked(&liaisons::KIND, &mut liaison);
            assert_eq!(liaison, json!({}));
        }
        let mut names = json!({ "names": ["甲", "(not visible)"] });
        remove_marked(&exchanges::KIND, &mut names);
        assert_eq!(names, json!({ "names": ["甲", "(not visible)"] }));
    }
}
