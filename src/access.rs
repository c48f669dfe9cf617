//! Who may write, and who sees personal data: keys with a role, and the pairings that a key names.
//!
//! A key is `ptk_`, 32 random letters and digits, and a checksum of six hexadecimal digits, so that a mistyped key is refused before
//! any look-up. Only its SHA-256 is stored: 190 random bits need no slow hash.

use diesel::prelude::*;
use rand::RngExt;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::db::Conn;
use crate::db::reference::Kind;
use crate::db::schema::{api_key_pairings, api_keys};
use crate::db::types::{Instant, Ref};
use crate::error::{Error, Faults, Problem, Result};
use crate::{msg, resources, text_enum};

const PREFIX: &str = "ptk_";
const SECRET_LENGTH: usize = 32;
const CHECKSUM_LENGTH: usize = 6;

text_enum! {
    /// What a key may do.
    Role as "KeyRole" {
        /// Everything.
        Admin => "admin",
        /// Writes; only in the pairings that its key names, where it names any.
        Editor => "editor",
        /// Reads; personal data only in the pairings that its key names.
        Viewer => "viewer",
    }
}

/// Who makes a request.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The name that the history keeps.
    pub name: String,
    /// The key; `None` for the operator. Names may be shared, keys are not.
    pub key_id: Option<i64>,
    pub role: Role,
    /// The ids of the pairings that the key names; `None`: an editor may write in all.
    pub pairings: Option<Vec<i64>>,
}

/// Whose personal data a reader sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Nobody's: a reader without a key, or with a viewer's key that names no pairing.
    Nothing,
    /// That of these pairings.
    Pairings(Vec<i64>),
    Everything,
}

impl Sight {
    /// Puts null in the place of personal data that the reader may not see: in a record, in a list of records, or in
    /// what a history kept of one.
    pub fn veil(&self, kind: &Kind, value: &mut Value) {
        if kind.private.is_empty() || *self == Sight::Everything {
            return;
        }
        match value {
            Value::Array(records) => records.iter_mut().for_each(|record| self.veil(kind, record)),
            Value::Object(fields) => {
                let pairing = fields.get("pairing").and_then(|pairing| pairing["id"].as_i64());
                if matches!((self, pairing), (Sight::Pairings(seen), Some(pairing)) if seen.contains(&pairing)) {
                    return;
                }
                for name in kind.private {
                    if let Some(field) = fields.get_mut(*name) {
                        *field = Value::Null;
                    }
                }
            }
            _ => {}
        }
    }
}

impl Actor {
    /// The operator at the command line, who holds the database itself.
    pub fn operator() -> Actor {
        Actor { name: "operator".to_owned(), key_id: None, role: Role::Admin, pairings: None }
    }

    /// Whose personal data the holder sees.
    pub fn sight(&self) -> Sight {
        match (&self.pairings, self.role) {
            (Some(pairings), _) => Sight::Pairings(pairings.clone()),
            (None, Role::Admin | Role::Editor) => Sight::Everything,
            (None, Role::Viewer) => Sight::Nothing,
        }
    }

    /// Refuses who may not write at all.
    pub fn require_writer(&self) -> Result<()> {
        match self.role {
            Role::Admin | Role::Editor => Ok(()),
            Role::Viewer => Err(Problem::forbidden(msg!(
                "此密钥只能读取；写入需要 editor 或 admin 角色。",
                "This key only reads; writing needs the role editor or admin."
            ))
            .into()),
        }
    }

    /// Refuses a write outside the pairings that the key names.
    pub fn require_scope(&self, scope: Scope) -> Result<()> {
        let Some(allowed) = &self.pairings else { return Ok(()) };
        match scope {
            Scope::Anyone => Ok(()),
            Scope::Pairing(id) if allowed.contains(&id) => Ok(()),
            Scope::Pairing(_) => {
                Err(Problem::forbidden(msg!("此密钥不能写入该结对关系。", "This key may not write in this pairing."))
                    .into())
            }
            Scope::Shared => Err(Problem::forbidden(msg!(
                "此密钥只能写入其结对关系内的记录；此记录为各结对共用。",
                "This key writes in its pairings alone; this record is shared by all."
            ))
            .into()),
        }
    }
}

/// What a record belongs to, for an editor whose key names pairings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One pairing's own.
    Pairing(i64),
    /// Shared by all pairings.
    Shared,
    /// Whoever may write may write it: documents, which every record cites.
    Anyone,
}

/// A key as an operator sees it; the secret is not among what is stored.
#[derive(Debug)]
pub struct KeyInfo {
    pub id: i64,
    pub name: String,
    pub role: Role,
    /// The first characters of the secret, to tell keys apart.
    pub prefix: String,
    pub created_at: Instant,
    pub revoked_at: Option<Instant>,
    pub pairings: Vec<String>,
}

/// Makes a key and returns its secret, which is never shown again.
pub fn create_key(conn: &mut Conn, name: &str, role: Role, pairings: &[Ref]) -> Result<String> {
    let mut faults = Faults::default();
    if name.trim().is_empty() || name.chars().count() > 200 {
        faults.push("/name", "length", msg!("名称须为 1 至 200 个字符。", "must have 1 to 200 characters"));
    }
    if role == Role::Admin && !pairings.is_empty() {
        faults.push(
            "/pairings",
            "not_for_role",
            msg!("admin 密钥不限定结对关系。", "an administrator's key names no pairings"),
        );
    }
    let ids = resources::pairings::KIND.resolve_all(conn, &mut faults, "/pairings", pairings)?;
    faults.refuse()?;

    let mut random = rand::rng();
    let body: String = (0..SECRET_LENGTH).map(|_| char::from(random.sample(rand::distr::Alphanumeric))).collect();
    let secret = format!("{PREFIX}{body}{}", checksum(&body));
    let id: i64 = diesel::insert_into(api_keys::table)
        .values((
            api_keys::name.eq(name.trim()),
            api_keys::role.eq(role),
            api_keys::prefix.eq(&secret[..PREFIX.len() + 4]),
            api_keys::secret_sha256.eq(hash(&secret)),
            api_keys::created_at.eq(Instant::now()),
        ))
        .returning(api_keys::id)
        .get_result(conn)?;
    for pairing in ids {
        diesel::insert_into(api_key_pairings::table)
            .values((api_key_pairings::api_key_id.eq(id), api_key_pairings::pairing_id.eq(pairing)))
            .execute(conn)?;
    }
    Ok(secret)
}

/// Every key, revoked ones too, oldest first.
pub fn list_keys(conn: &mut Conn) -> Result<Vec<KeyInfo>> {
    use crate::db::schema::pairings;
    type Row = (i64, String, Role, String, Instant, Option<Instant>);
    let rows: Vec<Row> = api_keys::table
        .order(api_keys::id)
        .select((
            api_keys::id,
            api_keys::name,
            api_keys::role,
            api_keys::prefix,
            api_keys::created_at,
            api_keys::revoked_at,
        ))
        .load(conn)?;
    let named: Vec<(i64, String)> = api_key_pairings::table
        .inner_join(pairings::table.on(pairings::id.eq(api_key_pairings::pairing_id)))
        .order(pairings::code)
        .select((api_key_pairings::api_key_id, pairings::code))
        .load(conn)?;
    let of = |id: i64| named.iter().filter(|(key, _)| *key == id).map(|(_, code)| code.clone()).collect();
    Ok(rows
        .into_iter()
        .map(|(id, name, role, prefix, created_at, revoked_at)| KeyInfo {
            pairings: of(id),
            id,
            name,
            role,
            prefix,
            created_at,
            revoked_at,
        })
        .collect())
}

/// Revokes a key; false when there is no such key that is still good.
pub fn revoke_key(conn: &mut Conn, id: i64) -> Result<bool> {
    let changed = diesel::update(api_keys::table.find(id).filter(api_keys::revoked_at.is_null()))
        .set(api_keys::revoked_at.eq(Some(Instant::now())))
        .execute(conn)?;
    Ok(changed == 1)
}

/// How many keys name a pairing.
pub fn keys_naming(conn: &mut Conn, pairing: i64) -> Result<i64> {
    Ok(api_key_pairings::table.filter(api_key_pairings::pairing_id.eq(pairing)).count().get_result(conn)?)
}

/// The hash that is stored of a secret of the right shape; `None` for any other text.
pub fn secret_hash(secret: &str) -> Option<String> {
    let rest = secret.strip_prefix(PREFIX)?;
    let shaped = rest.len() == SECRET_LENGTH + CHECKSUM_LENGTH && rest.bytes().all(|b| b.is_ascii_alphanumeric());
    (shaped && checksum(&rest[..SECRET_LENGTH]) == rest[SECRET_LENGTH..]).then(|| hash(secret))
}

/// Who holds the key with this hash; `None` when it is unknown or revoked.
pub fn find_actor(conn: &mut Conn, secret_sha256: &str) -> Result<Option<Actor>> {
    let found: Option<(i64, String, Role)> = api_keys::table
        .filter(api_keys::secret_sha256.eq(secret_sha256).and(api_keys::revoked_at.is_null()))
        .select((api_keys::id, api_keys::name, api_keys::role))
        .first(conn)
        .optional()?;
    let Some((id, name, role)) = found else { return Ok(None) };
    let pairings: Vec<i64> = api_key_pairings::table
        .filter(api_key_pairings::api_key_id.eq(id))
        .select(api_key_pairings::pairing_id)
        .load(conn)?;
    Ok(Some(Actor { name, key_id: Some(id), role, pairings: (!pairings.is_empty()).then_some(pairings) }))
}

/// The refusal of a key that is malformed, unknown or revoked: one answer for all three.
pub fn unknown_key() -> Error {
    Problem::unauthorized(msg!("密钥无效或已吊销。", "The key is not valid, or was revoked.")).into()
}

fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

fn checksum(body: &str) -> String {
    hex(&Sha256::digest(body)[..CHECKSUM_LENGTH / 2])
}

/// Bytes in lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_secret_has_the_wrong_shape() {
        let body = "a".repeat(SECRET_LENGTH);
        let secret = format!("{PREFIX}{body}{}", checksum(&body));
        assert!(secret_hash(&secret).is_some());
        assert!(secret_hash(&secret.replace("aaaa", "aaba")).is_none());
        assert!(secret_hash(&secret[..secret.len() - 1]).is_none());
        assert!(secret_hash("").is_none());
    }
}
