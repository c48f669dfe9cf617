//! Who calls, what he may do, and whose personal data he sees.
//!
//! | module | what it is |
//! |---|---|
//! | [`keys`] | the keys that callers show |
//! | [`names`] | the names of actors, of which each origin has its own |
//! | [`feeds`] | the keys that calendar programs show in the URL of the one feed that each opens |
//! | [`oidc`] | the tokens that callers show instead, of an OpenID Connect issuer |
//! | [`policy`] | who may do what: the table, and the decision |
//!
//! The pairings that a key names bound what its holder writes ([`Scope`]) and whose personal data he sees ([`Sight`]).

pub mod feeds;
pub mod keys;
pub mod names;
pub mod oidc;
pub mod policy;
pub mod redaction;
pub mod revoked;
mod uses;

use std::fmt;

use crate::error::{Problem, Result};
use crate::{msg, text_enum};

pub use uses::Uses;

/// The name of the kind of record that keys and scopes name.
pub const PAIRING: &str = "pairing";

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
    /// The name that the audit log and the records show. Names may be shared within one origin ([`names`]), identities are
    /// not.
    pub name: String,
    pub identity: Identity,
    pub role: Role,
    /// The ids of the pairings that the key or token names, an empty list being none; `None`: an editor may write in all.
    pub pairings: Option<Vec<i64>>,
}

/// What tells one caller from another; as text `operator`, `service`, `key:7`, `subject:abc`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// Whoever runs the command line holds the database itself.
    Operator,
    /// The service, where it acts by itself.
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

    /// Whether this covers the personal data of all pairings.
    pub fn is_of_all(&self) -> bool {
        matches!(self, Sight::AllPairings | Sight::Everything)
    }

    /// Refuses who may not see what is for a pairing's editors alone; asked of editors and administrators.
    pub fn require_pairing(&self, id: i64) -> Result<()> {
        let sees = match self {
            Sight::Everything | Sight::AllPairings => true,
            Sight::Pairings(seen) => seen.contains(&id),
            Sight::Nothing => false,
        };
        if sees {
            return Ok(());
        }
        Err(Problem::forbidden(msg!("此密钥不属于该结对关系。", "This key is not one of this pairing.")).into())
    }
}

impl Actor {
    /// The operator at the command line, who holds the database itself.
    pub fn operator() -> Actor {
        Actor { name: "operator".to_owned(), identity: Identity::Operator, role: Role::Admin, pairings: None }
    }

    /// The service itself, where it changes a record without being asked.
    pub fn service() -> Actor {
        Actor { name: "service".to_owned(), identity: Identity::Service, role: Role::Admin, pairings: None }
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

    /// Whether the records of every pairing, and those that all share, may be written.
    pub fn writes_everywhere(&self) -> bool {
        self.require_writer().is_ok() && self.pairings.is_none()
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
