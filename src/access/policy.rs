//! Who may use each operation: authorization by role, before any handler runs.
//!
//! Resources and the modules above them declare a [`Tag`] for their operations, and routes beside the document's operations a
//! [`PagePolicy`]; the application assembles both into the [`Policy`]. An operation without a tag fails the start. Whether an
//! editor may write a certain record is decided later, by [`Actor::require_scope`], when the record is known; [`Reach`]
//! states the outcome.

use std::sync::Arc;

use super::{Actor, Role};
use crate::db::Class;
use crate::error::{Error, Problem, Result};
use crate::model::path_tree::PathTree;
use crate::msg;
use crate::validation::{Document, Operation};

/// Who may use an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Every client, of a private service too.
    Public,
    /// Every client; of a private service only with a key.
    Readers,
    /// As [`Access::Readers`]; of a private service also with the feed's own key in the URL. Such a key is refused everywhere
    /// else ([`super::feeds`]).
    FeedReaders,
    /// Keys with the role editor or admin. Which records an editor may use depends on the key's pairings.
    Editors(Reach),
    /// Keys with the role admin.
    Administrators,
    /// No client: the tag has no such operation.
    Denied,
}

/// The records for which an editor may use an operation. Administrators may use it for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All records.
    AllRecords,
    /// Records of the pairings of the key; all records where the key is not limited to pairings.
    RecordPairing,
    /// None, unless the key is not limited to pairings: the records belong to no pairing.
    AllPairings,
    /// Records that the editor created; the others are not found.
    OwnRecords,
}

/// A tag of the document, and who may use its operations.
#[derive(Clone, Copy, Debug)]
pub struct Tag {
    pub name: &'static str,
    /// Description of the tag, in English and Chinese.
    pub about: &'static str,
    /// Who may use its `GET` operations.
    pub read: Access,
    /// Who may use the others.
    pub write: Access,
    /// Operations, by id, for which neither of the two holds.
    pub exceptions: &'static [(&'static str, Access)],
    /// The cost of its reads.
    pub reads: Class,
    pub personal_data: PersonalData,
}

/// Which operations return personal data. It is redacted for clients that may not read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonalData {
    None,
    /// Every `GET` operation of the tag.
    EveryRead,
    /// The operations with these ids.
    In(&'static [&'static str]),
}

impl Tag {
    /// Who may use an operation of the tag.
    pub fn access(&self, operation: &str, is_read: bool) -> Access {
        let exception = self.exceptions.iter().find(|(id, _)| *id == operation);
        exception.map_or(if is_read { self.read } else { self.write }, |(_, access)| *access)
    }

    /// Whether a `GET` operation of the tag returns personal data.
    pub fn returns_personal_data(&self, operation: &str) -> bool {
        match self.personal_data {
            PersonalData::None => false,
            PersonalData::EveryRead => true,
            PersonalData::In(operations) => operations.contains(&operation),
        }
    }
}

/// A route beside the document's operations, for `GET` alone.
#[derive(Clone, Copy, Debug)]
pub struct PagePolicy {
    pub route: &'static str,
    pub access: Access,
    pub reads: Class,
}

/// Who may use each route of the service.
pub struct Policy {
    routes: PathTree<Route>,
}

/// A route, with a permission for each of its methods.
#[derive(Debug)]
pub struct Route {
    /// The template of its path.
    pub template: Arc<str>,
    permissions: Vec<Permission>,
}

impl Route {
    /// The operation of a method; `None` where there is none.
    pub fn permission(&self, method: &str) -> Option<&Permission> {
        self.permissions.iter().find(|permission| permission.method == method)
    }
}

/// Who may use an operation, and the cost of its reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    pub method: String,
    /// The operation's id; for a page its route.
    pub operation: Arc<str>,
    pub access: Access,
    pub reads: Class,
}

impl Policy {
    /// The policy for the operations of a document, and for pages. Fails for an operation without a declared tag, so that the
    /// service does not start with it.
    pub fn new(document: &Document, tags: &[Tag], pages: &[PagePolicy]) -> Result<Policy> {
        let mut routes = PathTree::default();
        for Operation { path, method, id, tag, .. } in document.operations() {
            let Some(tag) = tags.iter().find(|declared| declared.name == tag) else {
                return Err(Error::Unexpected(format!("{method} {path} has no access policy")));
            };
            let permission = Permission {
                method: method.clone(),
                operation: id.as_str().into(),
                access: tag.access(id, method == "GET"),
                reads: tag.reads,
            };
            add(&mut routes, path, permission);
        }
        for page in pages {
            let permission = Permission {
                method: "GET".to_owned(),
                operation: page.route.into(),
                access: page.access,
                reads: page.reads,
            };
            add(&mut routes, page.route, permission);
        }
        Ok(Policy { routes })
    }

    /// The route that a path matches.
    pub fn route(&self, path: &str) -> Option<&Route> {
        self.routes.find(path)
    }

    /// Authorizes a client by its role, or fails with 401 where a key is needed and 403 where the key does not suffice.
    /// `opens_feed`: whether the URL has a key of the requested feed.
    pub fn authorize(access: Access, is_private: bool, actor: Option<&Actor>, opens_feed: bool) -> Result<()> {
        match (access, actor) {
            (Access::Public, _) | (Access::Readers | Access::FeedReaders, Some(_)) => Ok(()),
            (Access::Readers | Access::FeedReaders, None) if !is_private => Ok(()),
            (Access::FeedReaders, None) if opens_feed => Ok(()),
            (Access::Readers | Access::FeedReaders, None) => Err(Problem::unauthorized(msg!(
                "本服务仅对持有密钥者开放：Authorization: Bearer <密钥>。",
                "This service requires a key: Authorization: Bearer <key>."
            ))
            .into()),
            (Access::Editors(_) | Access::Administrators, None) => Err(Problem::unauthorized(msg!(
                "此操作需要密钥：Authorization: Bearer <密钥>；用 `pairing-tracker key create` 创建。",
                "This operation requires a key: Authorization: Bearer <key>. `pairing-tracker key create` creates one."
            ))
            .into()),
            (Access::Editors(_), Some(actor)) => actor.require_writer(),
            (Access::Administrators, Some(actor)) if actor.role == Role::Admin => Ok(()),
            (Access::Administrators, Some(_)) => {
                let message = msg!("此操作需要 admin 角色。", "This operation requires the role admin.");
                Err(Problem::forbidden(message).into())
            }
            (Access::Denied, _) => {
                Err(Problem::forbidden(msg!("不允许此操作。", "This operation is not allowed.")).into())
            }
        }
    }
}

fn add(routes: &mut PathTree<Route>, template: &str, permission: Permission) {
    let route = || Route { template: template.into(), permissions: Vec::new() };
    routes.entry(template).get_or_insert_with(route).permissions.push(permission);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_without_a_policy_is_refused() {
        let document = r#"{ "paths": { "/api/v1/novelties": { "get": { "operationId": "listNovelties", "tags": ["novelties"] } } } }"#;
        let document = Document::open(document).unwrap();
        assert!(Policy::new(&document, &[], &[]).is_err());
    }
}
