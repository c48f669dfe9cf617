//! Authentication and authorization: who calls, what they may do, and which personal data they can read.
//!
//! | module | what it is |
//! |---|---|
//! | [`secrets`] | the secrets of keys and webhooks: issue, hash, verify, expire, revoke |
//! | [`keys`] | API keys: the look-up of their holder |
//! | [`names`] | names of actors, kept apart by origin |
//! | [`feeds`] | calendar keys, each valid for one feed and passed in its URL |
//! | [`oidc`] | tokens of an OpenID Connect issuer, accepted instead of keys |
//! | [`policy`] | the authorization policy: a table of roles, and the decision |
//!
//! The pairings of a key limit what its holder may write ([`Scope`]) and which personal data they can read ([`Visibility`]).

pub mod feeds;
pub mod keys;
pub mod names;
pub mod oidc;
pub mod policy;
pub mod redaction;
pub mod revoked;
pub mod secrets;
mod uses;

use std::fmt;

use crate::error::{Problem, Result};
use crate::{msg, text_enum};

pub use uses::Uses;

/// The name of the kind of record that keys and scopes name.
pub const PAIRING: &str = "pairing";

text_enum! {
    /// The permissions of a key.
    Role as "KeyRole" {
        /// Reads and writes everything, including keys.
        Admin => "admin",
        /// Reads and writes; limited to the pairings of the key if it has any.
        Editor => "editor",
        /// Reads; personal data only in the pairings of the key.
        Viewer => "viewer",
    }
}

/// The caller of a request.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The name shown in the audit log and in records. Not unique within one origin ([`names`]); `identity` is.
    pub name: String,
    pub identity: Identity,
    pub role: Role,
    /// The ids of the pairings of the key or token; empty for none, `None` for all.
    pub pairings: Option<Vec<i64>>,
}

/// The unique identity of a caller. Text form: `operator`, `service`, `key:7`, `subject:abc`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// The user of the command line, who has direct access to the database.
    Operator,
    /// The service itself.
    Service,
    /// The holder of the key with this id.
    Key(i64),
    /// The subject of the issuer's tokens.
    Subject(String),
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Identity::Operator => f.write_str("operator"),
            Identity::Service => f.write_str("service"),
            Identity::Key(id) => write!(f, "key:{id}"),
            Identity::Subject(subject) => write!(f, "subject:{subject}"),
        }
    }
}

/// Which personal data a reader can see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// None: a reader without a key, or with a viewer key without pairings.
    Nothing,
    /// The personal data of these pairings.
    Pairings(Vec<i64>),
    /// The personal data of all pairings: an editor whose key has no pairings.
    AllPairings,
    /// The personal data of all pairings, plus what only administrators can read: refused requests, events about keys,
    /// and the identities of actors.
    Everything,
}

impl Visibility {
    /// Whether the reader is an administrator.
    pub fn is_administrators(&self) -> bool {
        *self == Visibility::Everything
    }

    /// Whether the personal data of all pairings is visible.
    pub fn is_of_all(&self) -> bool {
        matches!(self, Visibility::AllPairings | Visibility::Everything)
    }

    /// Returns 403 unless the personal data of this pairing is visible. Called for editors and administrators only.
    pub fn require_pairing(&self, id: i64) -> Result<()> {
        let sees = match self {
            Visibility::Everything | Visibility::AllPairings => true,
            Visibility::Pairings(seen) => seen.contains(&id),
            Visibility::Nothing => false,
        };
        if sees {
            return Ok(());
        }
        Err(Problem::forbidden(msg!("此密钥不属于该结对关系。", "This key does not belong to this pairing.")).into())
    }
}

impl Actor {
    /// Returns the actor of the command line.
    pub fn operator() -> Actor {
        Actor { name: "operator".to_owned(), identity: Identity::Operator, role: Role::Admin, pairings: None }
    }

    /// Returns the actor of changes that the service makes on its own.
    pub fn service() -> Actor {
        Actor { name: "service".to_owned(), identity: Identity::Service, role: Role::Admin, pairings: None }
    }

    /// Returns which personal data the actor can see.
    pub fn visibility(&self) -> Visibility {
        match (&self.pairings, self.role) {
            (Some(pairings), _) if pairings.is_empty() => Visibility::Nothing,
            (Some(pairings), _) => Visibility::Pairings(pairings.clone()),
            (None, Role::Admin) => Visibility::Everything,
            (None, Role::Editor) => Visibility::AllPairings,
            (None, Role::Viewer) => Visibility::Nothing,
        }
    }

    /// Returns 403 if the role does not permit writing.
    pub fn require_writer(&self) -> Result<()> {
        match self.role {
            Role::Admin | Role::Editor => Ok(()),
            Role::Viewer => Err(Problem::forbidden(msg!(
                "此密钥只能读取；写入需要 editor 或 admin 角色。",
                "This key is read-only; writing requires the role editor or admin."
            ))
            .into()),
        }
    }

    /// Whether the actor may write the records of every pairing and shared records.
    pub fn writes_everywhere(&self) -> bool {
        self.require_writer().is_ok() && self.pairings.is_none()
    }

    /// Returns 403 for a write outside the pairings of the key.
    pub fn require_scope(&self, scope: &Scope) -> Result<()> {
        let allowed = match (scope, &self.pairings) {
            (Scope::Administration, _) => self.role == Role::Admin,
            (_, None) => true,
            // A token may have no pairings.
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
                "This key may write only in its pairings; this record is shared by all pairings."
            ),
            Scope::Administration => msg!("此操作需要 admin 角色。", "This requires the role admin."),
        })
        .into())
    }
}

/// The pairings that a record belongs to, which decide whether an editor limited to pairings may write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Belongs to one pairing.
    Pairing(i64),
    /// Belongs to several pairings; writing requires permission in all of them.
    Pairings(Vec<i64>),
    /// Shared by all pairings.
    Shared,
    /// Writable by every writer: a document that does not exist yet.
    Anyone,
    /// Writable by administrators only.
    Administration,
}
