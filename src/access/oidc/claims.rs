//! Maps the claims of a token to its holder.

use diesel::prelude::*;
use serde_json::{Map, Value};

use crate::access::{Actor, Identity, Role, names};
use crate::config::oidc::OidcSettings;
use crate::db::Conn;
use crate::db::schema::pairings;
use crate::error::{Problem, Result};
use crate::model::types::Ref;
use crate::msg;

/// Maximum length of `sub` in characters (OpenID Connect Core 1.0, 2).
const SUBJECT_MAX: usize = 255;

/// The holder of a valid token.
#[derive(Debug, PartialEq, Eq)]
pub struct Holder {
    /// The `sub` claim, unique within the issuer.
    pub subject: String,
    /// The display name, not unique.
    pub name: String,
    pub role: Role,
    pub pairings: Pairings,
}

/// The pairings of a token.
#[derive(Debug, PartialEq, Eq)]
pub enum Pairings {
    All,
    /// Codes and ids, which may be unknown; empty if the token has none.
    These(Vec<Ref>),
}

impl Holder {
    /// Parses the claims. `Err` is the reason why they are invalid; `Ok(None)` means that the token grants no known
    /// role.
    pub fn read(settings: &OidcSettings, claims: &Map<String, Value>) -> Result<Option<Holder>, &'static str> {
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        if !(1..=SUBJECT_MAX).contains(&subject.chars().count()) || subject.contains(char::is_control) {
            return Err("its sub is not 1 to 255 printable characters");
        }
        let name = claim(claims, &settings.name_claim).and_then(Value::as_str).unwrap_or_default();
        if name.chars().count() > names::NAME_MAX || name.contains(char::is_control) {
            return Err("its name is not at most 200 printable characters");
        }
        let name = match name.trim() {
            "" => subject.chars().take(names::NAME_MAX).collect(),
            name => name.to_owned(),
        };
        let Some(role) = claim(claims, &settings.role_claim).and_then(highest_role) else { return Ok(None) };
        let pairings = pairings_of(claim(claims, &settings.pairings_claim));
        Ok(Some(Holder { subject: subject.to_owned(), name, role, pairings }))
    }

    /// Converts the holder to an actor. Unknown pairing codes and ids grant nothing.
    pub fn into_actor(self, conn: &mut Conn) -> Result<Actor> {
        let Holder { subject, name, role, pairings } = self;
        let pairings = match (role, pairings) {
            (Role::Admin, _) | (Role::Editor, Pairings::All) => None,
            // Without a list, a viewer would see no personal data, so all pairings are listed.
            (Role::Viewer, Pairings::All) => Some(pairings::table.order(pairings::id).select(pairings::id).load(conn)?),
            (_, Pairings::These(named)) => {
                let (ids, codes): (Vec<Ref>, Vec<Ref>) = named.into_iter().partition(|named| named.id().is_some());
                let ids: Vec<i64> = ids.iter().filter_map(Ref::id).collect();
                let codes: Vec<String> = codes.into_iter().map(|Ref(code)| code).collect();
                let known = pairings::id.eq_any(ids).or(pairings::code.eq_any(codes));
                Some(pairings::table.filter(known).order(pairings::id).select(pairings::id).load(conn)?)
            }
        };
        Ok(Actor { name: names::of_token(&name), identity: Identity::Subject(subject), role, pairings })
    }
}

/// Returns the 403 error of a valid token without a role.
pub fn no_role() -> Problem {
    Problem::forbidden(msg!(
        "此令牌未授予本服务的角色（admin、editor 或 viewer）。",
        "The token grants none of this service's roles: admin, editor or viewer."
    ))
}

/// Finds a claim by its full name, else by a dotted path, whose parts may contain dots themselves.
fn claim<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let below =
        || name.match_indices('.').find_map(|(dot, _)| claim(claims.get(&name[..dot])?.as_object()?, &name[dot + 1..]));
    claims.get(name).or_else(below).filter(|value| !value.is_null())
}

/// Returns the highest role in a claim, which is a string or a list.
fn highest_role(claim: &Value) -> Option<Role> {
    let names = |role: &str| match claim {
        Value::Array(all) => all.iter().any(|one| one == role),
        one => one == role,
    };
    // `Role::ALL` is ordered from the highest to the lowest.
    Role::ALL.iter().copied().find(|role| names(role.as_str()))
}

/// Parses pairings: a list of codes and ids, or a string separated by spaces; `*` alone means all.
fn pairings_of(claim: Option<&Value>) -> Pairings {
    let named: Vec<String> = match claim {
        Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
        Some(Value::Array(all)) => all
            .iter()
            .filter_map(|one| one.as_str().map(str::to_owned).or_else(|| one.as_i64().map(|id| id.to_string())))
            .collect(),
        _ => Vec::new(),
    };
    if named == ["*"] {
        return Pairings::All;
    }
    // Malformed codes and ids are ignored.
    let shaped = |name: &String| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    Pairings::These(named.into_iter().filter(shaped).map(Ref).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_claim_is_found_by_its_whole_name_and_then_by_its_path() {
        let claims = object(json!({
            "a.b": 1, "a": { "b": 2, "c": 3, "d.e": 4, "n": null }, "https://example.org/role": 5,
            "resource_access": { "jiangmen.tracker": { "roles": 6 } },
        }));
        for (name, found) in [
            ("a.b", Some(1)),
            ("a.c", Some(3)),
            ("a.d.e", Some(4)),
            ("https://example.org/role", Some(5)),
            ("resource_access.jiangmen.tracker.roles", Some(6)),
            ("a.n", None),
            ("a.x", None),
            ("a.b.c", None),
            (".", None),
            ("", None),
        ] {
            assert_eq!(claim(&claims, name).and_then(Value::as_i64), found, "{name}");
        }
    }

    #[test]
    fn the_highest_role_that_is_known_wins() {
        for (claim, role) in [
            (json!("editor"), Some(Role::Editor)),
            (json!(["viewer", "offline_access", "editor"]), Some(Role::Editor)),
            (json!(["viewer", "admin"]), Some(Role::Admin)),
            (json!("Admin"), None),
            (json!("admin editor"), None),
            (json!(["root", 1, null]), None),
            (json!([]), None),
            (json!({ "admin": true }), None),
        ] {
            assert_eq!(highest_role(&claim), role, "{claim}");
        }
    }

    #[test]
    fn pairings_are_a_list_or_a_text_and_a_star_alone_is_all() {
        let these = |names: &[&str]| Pairings::These(names.iter().map(|name| Ref((*name).to_owned())).collect());
        for (claim, pairings) in [
            (json!(["xinhui-taishan", 2, "3"]), these(&["xinhui-taishan", "2", "3"])),
            (json!(" xinhui-taishan  2 "), these(&["xinhui-taishan", "2"])),
            (json!("*"), Pairings::All),
            (json!(["*"]), Pairings::All),
            (json!(["*", "2"]), these(&["2"])),
            (json!(["Upper", "a\u{0}b", "", -1.5, null, ["2"]]), these(&[])),
            (json!([]), these(&[])),
            (json!(true), these(&[])),
        ] {
            assert_eq!(pairings_of(Some(&claim)), pairings, "{claim}");
        }
        assert_eq!(pairings_of(None), these(&[]));
    }

    #[test]
    fn a_name_falls_back_to_the_subject_and_has_no_control_characters() {
        let settings = OidcSettings::new("https://id.example.org", "tracker");
        let read = |more: Value| {
            let mut claims = object(json!({ "sub": "s-1", "pairing_tracker_role": "viewer" }));
            claims.extend(object(more));
            Holder::read(&settings, &claims).map(|holder| holder.map(|holder| holder.name))
        };
        assert_eq!(read(json!({ "preferred_username": " 陈 " })), Ok(Some("陈".to_owned())));
        for none in [json!({}), json!({ "preferred_username": "  " }), json!({ "preferred_username": 7 })] {
            assert_eq!(read(none), Ok(Some("s-1".to_owned())));
        }
        let long = "x".repeat(255);
        assert_eq!(read(json!({ "sub": long })), Ok(Some("x".repeat(200))));
        for bad in [
            json!({ "preferred_username": "a\nb" }),
            json!({ "preferred_username": "a\n" }),
            json!({ "preferred_username": "陈".repeat(201) }),
            json!({ "sub": "" }),
            json!({ "sub": null }),
            json!({ "sub": "a\u{0}" }),
            json!({ "sub": "x".repeat(256) }),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
        assert_eq!(read(json!({ "pairing_tracker_role": "root" })), Ok(None));
    }
}
