//! Audit events as clients read them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::Action;
use crate::model::types::{Instant, Ref};
use crate::text_enum;

/// One write: who, when, what stood before and after.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEvent {
    /// The event's number; later ones are greater.
    #[schema(minimum = 1, example = 1)]
    pub id: i64,
    /// When it was written.
    pub at: Instant,
    /// The name of the key that wrote it, or that was refused; `oidc:` and the issuer's name for the holder of a token;
    /// `anonymous` without a key or token that is good.
    #[schema(example = "operator")]
    pub actor: String,
    /// Which key that is, whatever its name: `key:` and its id, `operator`, or `service`; null for all but administrators.
    #[schema(max_length = 300, example = "operator")]
    pub actor_id: Option<String>,
    /// What was done.
    pub action: Action,
    /// The kind of record; `request` where requests were refused.
    #[schema(max_length = 100, example = "milestone")]
    pub entity: String,
    /// The record's id; null where requests were refused.
    #[schema(minimum = 1, example = 1)]
    pub record_id: Option<i64>,
    /// The record's code at that time.
    #[schema(max_length = 100, example = "xinhui-taishan")]
    pub record_code: Option<String>,
    /// The reason that was given; the problem's code where requests were refused.
    pub reason: Option<String>,
    /// The record before the write; null when it was created, and where the stored text cannot be decoded.
    #[schema(value_type = Option<Object>, additional_properties = true)]
    pub before: Option<Value>,
    /// The record after the write; null when it was deleted, and where the stored text cannot be decoded. Where requests were
    /// refused: the request, its address, and how often it was repeated.
    #[schema(value_type = Option<Object>, additional_properties = true)]
    pub after: Option<Value>,
    /// Names the request in the service's log.
    #[schema(max_length = 100, example = "b8c1f0d2a94e4f7c")]
    pub request_id: String,
}

text_enum! {
    /// The orders of the history.
    Sort as "AuditEventSort" {
        /// Oldest first.
        At => "at",
        /// Newest first.
        AtDesc => "-at",
    }
}

/// What the history can be narrowed by.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditEventFilter {
    /// Of this kind of record.
    #[param(max_length = 100, example = "agreement")]
    pub entity: Option<String>,
    /// Of the record with this id or code, also one that it had or that is deleted; needs `entity`.
    #[param(example = "xinhui-taishan-framework-2022")]
    pub record: Option<Ref>,
    /// Written by the key of this name.
    #[param(max_length = 200, example = "operator")]
    pub actor: Option<String>,
    /// Of these actions; several repeat the parameter.
    #[serde(default)]
    pub action: Vec<Action>,
    /// Written by the request with this id.
    #[param(max_length = 100, example = "b8c1f0d2a94e4f7c")]
    pub request_id: Option<String>,
    /// Written at this instant or later.
    pub at_from: Option<DateTime<Utc>>,
    /// Written before this instant.
    pub at_before: Option<DateTime<Utc>>,
    /// The order; a minus turns it round. Newest first unless given.
    #[param(inline)]
    pub sort: Option<Sort>,
}

/// Up to when a record's history is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryParams {
    /// Only what was written at this instant or earlier; the answer's `record` is the record as it stood then.
    #[param(example = "2022-04-11T01:30:00Z")]
    pub at: Option<DateTime<Utc>>,
}

/// A page of one record's history, and the record as it stood.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecordHistory {
    /// The events of this page.
    #[schema(max_items = 1000)]
    pub items: Vec<AuditEvent>,
    /// The record as it stood at `at`, without what is computed; null where `at` was not asked for, and where the record
    /// was not there yet or not there any more.
    #[schema(value_type = Option<Object>, additional_properties = true)]
    pub record: Option<Value>,
    /// Pass it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
    /// How many events there are; only with `count=true`.
    #[schema(minimum = 0)]
    pub total: Option<i64>,
}
