//! Who calls, what he may do, and whose personal data he sees.
//!
//! | module | what it is |
//! |---|---|
//! | [`keys`] | the keys that callers show |
//! | [`oidc`] | the tokens that callers show instead, of an OpenID Connect issuer |
//! | [`policy`] | who may do what: the table, and the decision |
//!
//! The pairings that a key names bound what its holder writes ([`Scope`]) and whose personal data he sees ([`Sight`]).

pub mod keys;
pub mod oidc;
pub mod policy;
mod uses;

use std::fmt;

use serde_json::Value;

use crate::db::reference::Kind;
use crate::error::{Problem, Result};
use crate::{msg, text_enum};

pub use uses::Uses;

text_enum! {
    /// What a key may do.
    Role as "KeyRole" {
        /// Everything, keys included.
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
    /// The name that the history keeps. Names may be shared, identities are not.
    pub name: String,
    pub identity: Identity,
    pub role: Role,
    /// The ids of the pairings that the key or token names, an empty list being none; `None`: an editor may write in all.
    pub pairings: Option<Vec<i64>>,
}

/// What tells one caller from another; as text `operator`, `key:7`, `subject:abc`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// Whoever runs the command line holds the database itself.
    Operator,
    /// The holder of the key with this id.
    Key(i64),
    /// The subject of the issuer's tokens.
    Subject(String),
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Identity::Operator => f.write_str("operator"),
            Identity::Key(id) => write!(f, "key:{id}"),
            Identity::Subject(subject) => write!(f, "subject:{subject}"),
        }
    }
}

/// Whose personal data a reader sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Nobody's: a reader without a key, or with a viewer's key that names no pairing.
    Nothing,
    /// That of these pairings.
    Pairings(Vec<i64>),
    /// That of all pairings: an editor whose key names none.
    AllPairings,
    /// That of all pairings, and what is for administrators alone: who was refused, what became of keys, and which key
    /// wrote.
    Everything,
}

impl Sight {
    /// Whether this is an administrator's, who sees what became of keys and who was refused.
    pub fn is_administrators(&self) -> bool {
        *self == Sight::Everything
    }

    /// Puts null in the place of personal data that the reader may not see: in a record, in a list of records, or in
    /// what a history kept of one.
    pub fn veil(&self, kind: &Kind, value: &mut Value) {
        if kind.private.is_empty() || matches!(self, Sight::AllPairings | Sight::Everything) {
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
        Actor { name: "operator".to_owned(), identity: Identity::Operator, role: Role::Admin, pairings: None }
    }

    /// Whose personal data the holder sees.
    pub fn sight(&self) -> Sight {
        match (&self.pairings, self.role) {
            (Some(pairings), _) if pairings.is_empty() => Sight::Nothing,
            (Some(pairings), _) => Sight::Pairings(pairings.clone()),
            (None, Role::Admin) => Sight::Everything,
            (None, Role::Editor) => Sight::AllPairings,
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
    pub fn require_scope(&self, scope: &Scope) -> Result<()> {
        let allowed = match (scope, &self.pairings) {
            (Scope::Administration, _) => self.role == Role::Admin,
            (_, None) => true,
            // A token may name none.
            (_, Some(named)) if named.is_empty() => false,
            (Scope::Anyone, Some(_)) => true,
            (Scope::Pairing(id), Some(named)) => named.contains(id),
            (Scope::Pairings(ids), Some(named)) => ids.iter().all(|id| named.contains(id)),
            (Scope::Shared, Some(_)) => false,
        };
        if allowed {
            return Ok(());
        }
        Err(Problem::forbidden(match scope {
            Scope::Pairing(_) | Scope::Pairings(_) | Scope::Anyone => {
                msg!("此密钥不能写入该结对关系。", "This key may not write in this pairing.")
            }
            Scope::Shared => msg!(
                "此密钥只能写入其结对关系内的记录；此记录为各结对共用。",
                "This key writes in its pairings alone; this record is shared by all."
            ),
            Scope::Administration => msg!("此操作需要 admin 角色。", "This needs the role admin."),
        })
        .into())
    }
}

/// What a record belongs to, for an editor whose key names pairings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One pairing's own.
    Pairing(i64),
    /// Of these pairings together: whoever writes it may write in all of them.
    Pairings(Vec<i64>),
    /// Shared by all pairings.
    Shared,
    /// Whoever may write may write it: a document that is not there yet.
    Anyone,
    /// The service's own: for administrators.
    Administration,
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
