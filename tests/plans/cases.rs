//! The large lists, with their filters and orders.

use pairing_tracker::access::Visibility;
use pairing_tracker::app::kinds;
use pairing_tracker::audit::log as audit;
use pairing_tracker::db::Conn;
use pairing_tracker::db::page::{PageIds, PageRequest};
use pairing_tracker::error::Result;
use pairing_tracker::record::{ReadContext, Resource};
use pairing_tracker::resources::agreements::Agreements;
use pairing_tracker::resources::commitments::Commitments;
use pairing_tracker::resources::milestones::Milestones;
use pairing_tracker::resources::progress_reports::ProgressReports;
use pairing_tracker::resources::refusals::store as refusals;
use pairing_tracker::resources::transactions::Transactions;
use serde_json::{Value, json};

use super::data::day;

const SINCE: &str = "2026-01-01T00:00:00Z";

/// A list's function, with its filter as in a query.
pub type List = fn(&mut Conn, Value, &PageRequest) -> Result<PageIds>;

/// A list, its filters, and its orders.
pub struct Case {
    pub table: &'static str,
    pub list: List,
    pub filters: Vec<Filter>,
    pub sorts: &'static [&'static str],
}

/// A filter.
pub struct Filter {
    pub name: &'static str,
    pub query: Value,
    /// The only order that an index can combine with a range; every order where nothing is a range.
    pub order: Option<&'static str>,
    /// The column that bounds the rows read; none where a page may read the whole list for the rows that match.
    pub bound: Option<&'static str>,
}

pub fn all(name: &'static str, query: Value) -> Filter {
    Filter { name, query, order: None, bound: None }
}

pub fn one(bound: &'static str, name: &'static str, query: Value) -> Filter {
    Filter { name, query, order: None, bound: Some(bound) }
}

fn range(order: &'static str, bound: &'static str, name: &'static str, query: Value) -> Filter {
    Filter { name, query, order: Some(order), bound: Some(bound) }
}

fn page_of<R: Resource>(conn: &mut Conn, filter: Value, page: &PageRequest) -> Result<PageIds> {
    let filter: R::Filter = serde_json::from_value(filter)?;
    R::page(conn, &filter, page, ReadContext { as_of: day(1500) })
}

pub fn cases() -> Vec<Case> {
    vec![
        milestones(),
        agreements(),
        commitments(),
        progress_reports(),
        transactions(),
        all_audit_events(),
        public_audit_events(),
        request_refusals(),
    ]
}

fn due_range() -> Value {
    json!({ "due_from": "2023-01-01", "due_to": "2023-12-31" })
}

fn milestones() -> Case {
    Case {
        table: "milestones",
        list: page_of::<Milestones>,
        filters: vec![
            all("nothing", json!({})),
            all("status", json!({ "status": ["scheduled"] })),
            one("pairing_id", "pairing", json!({ "pairing": "1" })),
            one("pairing_id", "pairing and status", json!({ "pairing": "1", "status": ["scheduled"] })),
            one("agreement_id", "agreement", json!({ "agreement": "agreement-7" })),
            range("due_on", "due_on", "overdue", json!({ "overdue": true })),
            range("due_on", "due_on", "due range", due_range()),
            range("updated_at", "updated_at", "updated since", json!({ "updated_since": SINCE })),
            range("due_on", "pairing_id", "pairing and overdue", json!({ "pairing": "1", "overdue": true })),
            range(
                "updated_at",
                "pairing_id",
                "pairing and updated since",
                json!({ "pairing": "1", "updated_since": SINCE }),
            ),
        ],
        sorts: &["due_on", "-due_on", "id", "-id", "updated_at", "-updated_at"],
    }
}

fn agreements() -> Case {
    Case {
        table: "agreements",
        list: page_of::<Agreements>,
        filters: vec![
            all("nothing", json!({})),
            all("status", json!({ "status": ["draft"] })),
            one("pairing_id", "pairing", json!({ "pairing": "1" })),
            one("pairing_id", "pairing and status", json!({ "pairing": "1", "status": ["draft"] })),
            range(
                "signed_on",
                "signed_order",
                "signed range",
                json!({ "signed_from": "2022-03-01", "signed_to": "2022-06-30" }),
            ),
            range("updated_at", "updated_at", "updated since", json!({ "updated_since": SINCE })),
        ],
        sorts: &["id", "-id", "code", "-code", "signed_on", "-signed_on", "updated_at", "-updated_at"],
    }
}

fn commitments() -> Case {
    Case {
        table: "commitments",
        list: page_of::<Commitments>,
        filters: vec![
            all("nothing", json!({})),
            one("pairing_id", "pairing", json!({ "pairing": "1" })),
            one("agreement_id", "agreement", json!({ "agreement": "agreement-7" })),
            range("due_on", "due_order", "due range", due_range()),
            range("updated_at", "updated_at", "updated since", json!({ "updated_since": SINCE })),
        ],
        sorts: &["due_on", "-due_on", "id", "-id", "updated_at", "-updated_at"],
    }
}

fn progress_reports() -> Case {
    Case {
        table: "progress_reports",
        list: page_of::<ProgressReports>,
        filters: vec![
            all("nothing", json!({})),
            all("status", json!({ "status": ["submitted"] })),
            one("pairing_id", "pairing", json!({ "pairing": "1" })),
            one("commitment_id", "commitment", json!({ "commitment": "7" })),
            range("period_end_on", "period_end_on", "period", json!({ "period_from": "2023-01-01" })),
            range("updated_at", "updated_at", "updated since", json!({ "updated_since": SINCE })),
        ],
        sorts: &["period_end_on", "-period_end_on", "id", "-id", "updated_at", "-updated_at"],
    }
}

fn transactions() -> Case {
    Case {
        table: "transactions",
        list: page_of::<Transactions>,
        filters: vec![
            all("nothing", json!({})),
            one("pairing_id", "pairing", json!({ "pairing": "1" })),
            one("fund_id", "fund", json!({ "fund": "fund" })),
            one("project_id", "project", json!({ "project": "project" })),
            range(
                "value_on",
                "value_on",
                "value range",
                json!({ "value_from": "2023-01-01", "value_to": "2023-12-31" }),
            ),
            range("updated_at", "updated_at", "updated since", json!({ "updated_since": SINCE })),
            range(
                "value_on",
                "pairing_id",
                "pairing and value range",
                json!({ "pairing": "1", "value_from": "2023-01-01" }),
            ),
        ],
        sorts: &["value_on", "-value_on", "id", "-id", "updated_at", "-updated_at"],
    }
}

/// The audit log of a caller who sees all personal data.
fn all_audit_events() -> Case {
    Case {
        table: "audit_events",
        list: |conn, filter, page| {
            audit::page(conn, kinds(), &serde_json::from_value(filter)?, page, &Visibility::Everything)
        },
        filters: vec![
            all("nothing", json!({})),
            all("entity", json!({ "entity": "milestone" })),
            all("actor", json!({ "actor": "filler" })),
            one("record_id", "record", json!({ "entity": "milestone", "record": "7" })),
            one("request_id", "request", json!({ "request_id": "filler" })),
            range("at", "at>", "since", json!({ "at_from": SINCE })),
        ],
        sorts: &["at", "-at"],
    }
}

/// The audit log of a caller who sees no personal data.
fn public_audit_events() -> Case {
    Case {
        table: "audit_events",
        list: |conn, filter, page| {
            audit::page(conn, kinds(), &serde_json::from_value(filter)?, page, &Visibility::Nothing)
        },
        filters: vec![
            all("nothing", json!({})),
            all("entity", json!({ "entity": "milestone" })),
            all("actor", json!({ "actor": "filler" })),
            one("record_id", "record", json!({ "entity": "milestone", "record": "7" })),
        ],
        sorts: &["at", "-at"],
    }
}

fn request_refusals() -> Case {
    Case {
        table: "request_refusals",
        list: |conn, filter, page| refusals::page(conn, &serde_json::from_value(filter)?, page),
        filters: vec![
            all("nothing", json!({})),
            all("operation", json!({ "operation": "createSector" })),
            one("actor", "actor", json!({ "actor": "filler" })),
            range("first_at", "first_at", "since", json!({ "first_from": SINCE })),
        ],
        sorts: &["first_at", "-first_at"],
    }
}
