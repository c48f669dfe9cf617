//! API types of the audit log.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::Action;
use crate::model::types::{Instant, Ref};
use crate::text_enum;

/// One change: actor, time, and the values before and after.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEvent {
    /// Numeric identifier; later events have greater ids.
    #[schema(minimum = 1, example = 1)]
    pub id: i64,
    /// When the change was made.
    pub at: Instant,
    /// Name of the API key; for tokens, `oidc:` and the holder's name; `anonymous` for refused requests without a valid
    /// key or token.
    #[schema(example = "operator")]
    pub actor: String,
    /// Unique identity of the actor: `key:` and its id, `operator` or `service`; null unless the reader is an
    /// administrator.
    #[schema(max_length = 300, example = "operator")]
    pub actor_id: Option<String>,
    /// The operation.
    pub action: Action,
    /// The kind of record; `request` for refused requests.
    #[schema(max_length = 100, example = "milestone")]
    pub entity: String,
    /// The record's id; null for refused requests.
    #[schema(minimum = 1, example = 1)]
    pub record_id: Option<i64>,
    /// The record's code at that time; null if it had none.
    #[schema(max_length = 100, example = "xinhui-taishan")]
    pub record_code: Option<String>,
    /// The reason given for the change, or null; for refused requests, the error code.
    pub reason: Option<String>,
    /// The record before the change; null if it was created or the stored text cannot be decoded.
    #[schema(value_type = Option<Object>, additional_properties = true)]
    pub before: Option<Value>,
    /// The record after the change; null if it was deleted or the stored text cannot be decoded. For refused requests:
    /// the request, its address and the number of repetitions.
    #[schema(value_type = Option<Object>, additional_properties = true)]
    pub after: Option<Value>,
    /// Identifier of the request in the service's log.
    #[schema(max_length = 100, example = "b8c1f0d2a94e4f7c")]
    pub request_id: String,
}

text_enum! {
    /// Sort orders of audit events.
    Sort as "AuditEventSort" {
        /// Oldest first.
        At => "at",
        /// Newest first.
        AtDesc => "-at",
    }
}

/// Filter parameters of the list of audit events.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditEventFilter {
    /// Only events of this kind of record.
    #[param(max_length = 100, example = "agreement")]
    pub entity: Option<String>,
    /// Only events of the record with this id or code; former codes and deleted records are found, too. Requires
    /// `entity`.
    #[param(example = "xinhui-taishan-framework-2022")]
    pub record: Option<Ref>,
    /// Only changes made by the actor of this name.
    #[param(max_length = 200, example = "operator")]
    pub actor: Option<String>,
    /// Only events with one of these actions; repeat the parameter for several.
    #[serde(default)]
    pub action: Vec<Action>,
    /// Only changes made by the request with this id.
    #[param(max_length = 100, example = "b8c1f0d2a94e4f7c")]
    pub request_id: Option<String>,
    /// Only events at this instant or later.
    pub at_from: Option<DateTime<Utc>>,
    /// Only events before this instant.
    pub at_before: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending. Default: `-at`.
    #[param(inline)]
    pub sort: Option<Sort>,
}

/// Parameters of a record's history.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryParams {
    /// Only changes made at this instant or earlier; `record` in the response is the record as of then.
    #[param(example = "2022-04-11T01:30:00Z")]
    pub at: Option<DateTime<Utc>>,
}

/// A page of one record's history, and the record as of an instant.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecordHistory {
    /// The events of this page.
    #[schema(max_items = 1000)]
    pub items: Vec<AuditEvent>,
    /// The record as of `at`, without computed fields; null if `at` is not given or the record did not exist then.
    #[schema(value_type = Option<Object>, additional_properties = true)]
    pub record: Option<Value>,
    /// Pass as `cursor` to get the next page; null on the last page.
    pub next_cursor: Option<String>,
    /// Number of events; present only with `count=true`.
    #[schema(minimum = 0)]
    pub total: Option<i64>,
}
