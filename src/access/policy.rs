//! Who may do what: one table, and nothing that is not in it.
//!
//! A request is admitted by the row of what it asks for ([`Policy::admit`], called once for every request, before any
//! handler runs). A write is then held to the pairings of its key by [`Actor::require_scope`], which every record asks
//! before it is changed and after: role × operation × pairing.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::{Actor, Role};
use crate::db::Class;
use crate::error::{Error, Problem, Result};
use crate::msg;

/// Who may do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Anybody, of a private service too.
    Anyone,
    /// Anybody; of a private service who has a key.
    Readers,
    /// As [`Who::Readers`]; of a private service also who shows, in the URL, a key made for the very feed that is asked for.
    /// Such a key opens nothing else: the guard refuses it wherever else it is shown ([`super::feeds`]).
    FeedReaders,
    /// Keys with the role editor or admin, each within its pairings.
    Editors,
    /// Keys with the role admin.
    Administrators,
    /// Nobody: there is no such operation.
    Nobody,
}

use Who::{Administrators, Anyone, Editors, FeedReaders, Nobody, Readers};

/// Each tag of the document: who reads, and who writes.
const OPERATIONS: &[(&str, Who, Who)] = &[
    ("agreements", Readers, Editors),
    ("api-keys", Administrators, Administrators),
    ("assets", Readers, Editors),
    ("audit-events", Readers, Nobody),
    ("calendar-keys", Editors, Editors),
    ("calendars", FeedReaders, Nobody),
    ("commitments", Readers, Editors),
    ("conferences", Readers, Editors),
    ("documents", Readers, Editors),
    ("exchanges", Readers, Editors),
    ("exports", Readers, Nobody),
    ("funds", Readers, Editors),
    ("imports", Editors, Editors),
    ("liaisons", Readers, Editors),
    ("milestones", Readers, Editors),
    ("organizations", Readers, Editors),
    ("pairings", Readers, Editors),
    ("programmes", Readers, Editors),
    ("progress-reports", Readers, Editors),
    ("projects", Readers, Editors),
    ("refusals", Administrators, Nobody),
    ("regions", Readers, Editors),
    ("reports", Readers, Nobody),
    ("resolutions", Readers, Editors),
    ("sectors", Readers, Editors),
    ("service", Anyone, Nobody),
    ("transactions", Readers, Editors),
    ("twinnings", Readers, Editors),
    ("webhooks", Administrators, Administrators),
];

/// Each route beside the document's operations; all of them are for reading.
const PAGES: &[(&str, Who)] = &[
    ("/", Readers),
    ("/metrics", Readers),
    ("/docs", Anyone),
    ("/docs/", Anyone),
    ("/docs/index.html", Anyone),
    ("/docs/page.css", Anyone),
    ("/docs/page.js", Anyone),
    ("/docs/guides", Anyone),
    ("/docs/guides/", Anyone),
    ("/docs/guides.css", Anyone),
    ("/docs/guides/{guide}", Anyone),
    ("/docs/{_:.*}", Anyone),
    ("/openapi.json", Anyone),
    ("/openapi.yaml", Anyone),
    ("/openapi-3.0.json", Anyone),
];

/// Tags of the document whose operations read far more than what they return.
const LONG_TAGS: &[&str] = &["calendars", "exports", "reports"];
/// Pages that do.
const LONG_PAGES: &[&str] = &["/"];

fn class_of(name: &str, long: &[&str]) -> Class {
    if long.contains(&name) { Class::LongRead } else { Class::ShortRead }
}

/// The table, by route.
pub struct Policy {
    routes: HashMap<String, Vec<Asked>>,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub method: String,
    /// The operation's id; for a page its route.
    pub operation: Arc<str>,
    pub who: Who,
    /// What its reads cost, whatever is asked of it.
    pub class: Class,
}

/// Who may do an operation of a tag; `None` where no row says so.
pub fn who_may(tag: &str, is_read: bool) -> Option<Who> {
    let (_, reads, writes) = OPERATIONS.iter().find(|(name, _, _)| *name == tag)?;
    Some(if is_read { *reads } else { *writes })
}

impl Policy {
    /// The table for the operations of a document; an operation without a row is an error, so that the service does not
    /// start with it.
    pub fn new(document: &Value) -> Result<Policy> {
        let mut routes: HashMap<String, Vec<Asked>> = HashMap::new();
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let tag = operation["tags"][0].as_str().unwrap_or_default();
                let (Some(id), Some(who)) = (operation["operationId"].as_str(), who_may(tag, method == "get")) else {
                    return Err(Error::Unexpected(format!("nothing says who may {method} {path}")));
                };
                let asked = Asked {
                    method: method.to_ascii_uppercase(),
                    operation: id.into(),
                    who,
                    class: class_of(tag, LONG_TAGS),
                };
                routes.entry(path.clone()).or_default().push(asked);
            }
        }
        for (path, who) in PAGES {
            let asked = Asked {
                method: "GET".to_owned(),
                operation: (*path).into(),
                who: *who,
                class: class_of(path, LONG_PAGES),
            };
            routes.entry((*path).to_owned()).or_default().push(asked);
        }
        Ok(Policy { routes })
    }

    /// What a request for a route asks for; `None` where nothing is meant to answer it.
    pub fn asked(&self, method: &str, route: &str) -> Option<&Asked> {
        self.routes.get(route)?.iter().find(|asked| asked.method == method)
    }

    /// Lets a caller pass, or says why not: 401 without a key where one is needed, 403 with one that is not enough.
    /// `opens_feed`: whether he shows a key of the very feed that he asks for.
    pub fn admit(who: Who, is_private: bool, actor: Option<&Actor>, opens_feed: bool) -> Result<()> {
        match (who, actor) {
            (Anyone, _) | (Readers | FeedReaders, Some(_)) => Ok(()),
            (Readers | FeedReaders, None) if !is_private => Ok(()),
            (FeedReaders, None) if opens_feed => Ok(()),
            (Readers | FeedReaders, None) => Err(Problem::unauthorized(msg!(
                "本服务只对持有密钥者开放：Authorization: Bearer <密钥>。",
                "This service is for holders of a key: Authorization: Bearer <key>."
            ))
            .into()),
            (Editors | Administrators, None) => Err(Problem::unauthorized(msg!(
                "此操作需要密钥：Authorization: Bearer <密钥>；用 `pairing-tracker key create` 创建。",
                "This needs a key: Authorization: Bearer <key>; `pairing-tracker key create` makes one."
            ))
            .into()),
            (Editors, Some(actor)) => actor.require_writer(),
            (Administrators, Some(actor)) if actor.role == Role::Admin => Ok(()),
            (Administrators, Some(_)) => {
                Err(Problem::forbidden(msg!("此操作需要 admin 角色。", "This needs the role admin.")).into())
            }
            (Nobody, _) => Err(Problem::forbidden(msg!("无人可进行此操作。", "Nobody may do this.")).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_without_a_row_is_refused() {
        let document = serde_json::json!({ "paths": { "/api/v1/novelties": {
            "get": { "operationId": "listNovelties", "tags": ["novelties"] }
        } } });
        assert!(Policy::new(&document).is_err());
    }

    #[test]
    fn rows_stand_once_and_in_order() {
        assert!(OPERATIONS.is_sorted_by_key(|(name, _, _)| *name));
    }
}
