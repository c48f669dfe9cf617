//! Rules for personal data of any record: only keys of the record's pairing and keys of all pairings may read it.

use actix_web::http::Method;
use pairing_tracker::access::Role;
use serde_json::{Value, json};

use super::records::{create, listed, with};
use super::{Client, Database};

pub const OWN: &str = "xinhui-taishan";
pub const FOREIGN: &str = "heshan-kaiping";

/// The note of the record, which is public.
const NOTE: &str = "公开的说明甲";

/// A kind of record with personal data in one field.
pub struct Private {
    pub path: &'static str,
    pub entity: &'static str,
    pub field: &'static str,
    /// A record of [`OWN`], named `private`, without the field.
    pub record: Value,
    /// The value of the field, and the value after a change; both contain a common word.
    pub values: [Value; 2],
    pub word: &'static str,
}

/// A reader, and whether personal data of [`OWN`] is shown to it.
struct Reader {
    who: &'static str,
    client: Client,
    sees: bool,
}

/// Readers of every kind, over an application with an empty response cache.
fn readers(database: &Database) -> Vec<Reader> {
    let client = database.client();
    let with_key = |role, pairings: &[&str]| client.with_key(database.key("reader", role, pairings));
    [
        ("nobody", client.anonymous(), false),
        ("an administrator", with_key(Role::Admin, &[]), true),
        ("a viewer", with_key(Role::Viewer, &[]), false),
        ("a viewer of the pairing", with_key(Role::Viewer, &[OWN]), true),
        ("an editor of another pairing", with_key(Role::Editor, &[FOREIGN]), false),
        ("an editor of the pairing", with_key(Role::Editor, &[OWN]), true),
        ("a viewer of another pairing", with_key(Role::Viewer, &[FOREIGN]), false),
        ("an editor of both pairings", with_key(Role::Editor, &[FOREIGN, OWN]), true),
        ("an editor of all", with_key(Role::Editor, &[]), true),
    ]
    .map(|(who, client, sees)| Reader { who, client, sees })
    .into()
}

/// The values of the field, wherever it occurs in a response.
fn values_of<'a>(field: &str, value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, value)| if name == field { found.push(value) } else { values_of(field, value, found) }),
        Value::Array(items) => items.iter().for_each(|item| values_of(field, item, found)),
        _ => {}
    }
}

impl Private {
    /// Reads as every reader, in both orders, so that a response cached for one would reach the other; `wanted` is the value of
    /// the field in each response to a reader who may see it.
    async fn is_shown(&self, database: &Database, wanted: &[(&str, Vec<&Value>)]) {
        for reader in readers(database).into_iter().chain(readers(database).into_iter().rev()) {
            for (query, wanted) in wanted {
                let response = reader.client.get(query).await.expect(200);
                let mut found = Vec::new();
                values_of(self.field, &response.body, &mut found);
                let nothing = vec![&Value::Null; wanted.len()];
                let wanted = if reader.sees { wanted } else { &nothing };
                assert_eq!(&found, wanted, "{query} by {}", reader.who);
                let text = String::from_utf8_lossy(&response.bytes);
                assert_eq!(text.contains(self.word), reader.sees, "{query} by {}: {text}", reader.who);
            }
        }
    }

    /// No search finds it, while a search for the note finds the record.
    async fn is_not_searchable(&self, database: &Database) {
        for Reader { who, client, .. } in readers(database) {
            for (word, found) in [(self.word, &[][..]), (NOTE, &["private"])] {
                assert_eq!(listed(&client, self.path, &format!("q={word}")).await, found, "{word} by {who}");
            }
        }
    }

    /// A refused write discloses nothing; an allowed one returns the data.
    async fn is_not_disclosed_by_refused_writes(&self, database: &Database) {
        let item = format!("{}/private", self.path);
        for Reader { who, client, sees } in readers(database) {
            // None of these patches changes anything.
            for patch in [json!({}), json!({ self.field: self.values[1] }), json!({ "note": NOTE })] {
                let response = client.patch(&item, patch.clone()).await;
                let text = String::from_utf8_lossy(&response.bytes);
                assert_eq!(response.status == 200, sees && !who.contains("viewer"), "{patch} by {who}: {text}");
                assert_eq!(text.contains(self.word), response.status == 200, "{patch} by {who}: {text}");
            }
        }
    }

    /// The entity tag of a response with the data differs from that of one without.
    async fn changes_the_entity_tag(&self, admin: &Client) {
        let item = format!("{}/private", self.path);
        let etag = admin.get(&item).await.expect(200).header("etag").to_owned();
        let headers = [("If-None-Match", etag.as_str())];
        admin.send(Method::GET, &item, &headers, None).await.expect(304);
        let redacted = admin.anonymous().send(Method::GET, &item, &headers, None).await.expect(200);
        assert_eq!(redacted.body[self.field], Value::Null);
    }

    /// A record that moves belongs to the new pairing from then on; its earlier states belong to the old one.
    async fn follows_its_record(&self, database: &Database, admin: &Client) {
        let (path, value) = (self.path, &self.values[0]);
        create(admin, path, with(self.record.clone(), json!({ "code": "moved", "pairing": OWN, self.field: value })))
            .await;
        let item = format!("{path}/moved");
        admin.patch(&item, json!({ "pairing": FOREIGN })).await.expect(200);
        let nothing = &Value::Null;
        for (pairing, now, before, after) in [(OWN, nothing, value, nothing), (FOREIGN, value, nothing, value)] {
            let reader = admin.with_key(database.key("reader", Role::Viewer, &[pairing]));
            assert_eq!(&reader.get(&item).await.expect(200).body[self.field], now, "{pairing}");
            let history = reader.get(&format!("{item}/history")).await.expect(200);
            let moved = &history.body["items"][1];
            assert_eq!((&moved["before"][self.field], &moved["after"][self.field]), (before, after), "{pairing}");
        }
    }

    /// All of the above, through the life of a record.
    pub async fn is_protected(&self, database: &Database) {
        let admin = database.client();
        let [first, second] = &self.values;
        let (path, field) = (self.path, self.field);
        let record =
            with(self.record.clone(), json!({ "code": "private", "pairing": OWN, "note": NOTE, field: first }));
        assert_eq!(&create(&admin, path, record).await.body[field], first);
        let item = format!("{path}/private");
        assert_eq!(&admin.patch(&item, json!({ field: second })).await.expect(200).body[field], second);

        let list = format!("{path}?sort=-id&limit=1");
        let of_pairing = format!("{path}?pairing={OWN}&sort=-id&limit=1");
        let history = format!("{item}/history");
        let at = format!("{history}?at=2999-01-01T00:00:00Z");
        let events = format!("audit-events?entity={}&limit=2", self.entity);
        let wanted = [
            (item.as_str(), vec![second]),
            (&list, vec![second]),
            (&of_pairing, vec![second]),
            (&history, vec![first, first, second]),
            (&at, vec![first, first, second, second]),
            (&events, vec![first, second, first]),
            ("audit-events?action=update&limit=1", vec![first, second]),
        ];
        self.is_shown(database, &wanted).await;
        self.is_not_searchable(database).await;
        self.is_not_disclosed_by_refused_writes(database).await;
        self.changes_the_entity_tag(&admin).await;

        admin.delete(&item).await.expect(204);
        let lived = vec![first, first, second, second];
        let wanted = [(history.as_str(), lived.clone()), (&at, lived), (&events, vec![second, first, second])];
        self.is_shown(database, &wanted).await;
        self.follows_its_record(database, &admin).await;
    }
}
