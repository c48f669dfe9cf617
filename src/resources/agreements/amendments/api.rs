//! What clients see of amendments.

use actix_web::HttpResponse;
use actix_web::web::{Path, Payload};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::store;
use crate::db::Conn;
use crate::db::page::PageRequest;
use crate::error::Result;
use crate::http::Call;
use crate::http::idempotency::Posted;
use crate::http::list::{ListPage, Page, PageParams};
use crate::model::text::Text;
use crate::model::types::{Instant, Ref};

/// A numbered, signed change of an agreement.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Amendment {
    /// Numeric identifier, assigned on creation and never reused.
    #[schema(minimum = 1, example = 1)]
    pub id: i64,
    /// Its number within the agreement: 1, 2, 3.
    #[schema(minimum = 1, example = 1)]
    pub number: i64,
    /// The amendment's title.
    pub title: Text,
    /// When it was signed.
    pub signed_on: Option<NaiveDate>,
    /// Its first day in force.
    pub effective_on: Option<NaiveDate>,
    /// What it changes.
    pub summary: Option<Text>,
    /// When it was entered.
    pub created_at: Instant,
    /// Who entered it.
    pub created_by: String,
}

/// An amendment to add.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAmendment {
    /// The amendment's title.
    pub title: Text,
    /// When it was signed; not in the future.
    #[serde(default)]
    pub signed_on: Option<NaiveDate>,
    /// Its first day in force.
    #[serde(default)]
    pub effective_on: Option<NaiveDate>,
    /// What it changes.
    #[serde(default)]
    pub summary: Option<Text>,
}

/// A page of a list.
pub type AmendmentList = ListPage<Amendment>;

/// Lists an agreement's amendments.
#[utoipa::path(
    get, path = "/agreements/{ref}/amendments", operation_id = "listAgreementAmendments", tag = "agreements",
    summary = "List the amendments of an agreement · 协议变更列表",
    description = "Returns a page of the amendments of one agreement, in the order of their numbers. 按编号分页列出协议的变更。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the agreement."), PageParams),
    responses((status = 200, description = "A page of amendments.", body = AmendmentList))
)]
pub async fn list_amendments(call: Call, reference: Path<String>) -> Result<HttpResponse> {
    let reference = Ref(reference.into_inner());
    call.reads(&super::super::KIND)
        .list("listAgreementAmendments", |_, _, _| {
            Ok(move |conn: &mut Conn, page: &PageRequest| {
                let (items, page) = store::page(conn, &reference, page)?;
                Ok(Page::new(items, page))
            })
        })
        .await
}

/// Adds an amendment to an agreement.
#[utoipa::path(
    post, path = "/agreements/{ref}/amendments", operation_id = "createAgreementAmendment", tag = "agreements",
    summary = "Add an amendment to an agreement · 新增协议变更",
    description = "Adds an amendment to a signed agreement; the service assigns its number. 为已签署的协议新增一条变更，由服务编号。",
    params(("ref" = Ref, Path, description = "Code or numeric identifier of the agreement.")),
    request_body(content = NewAmendment, description = "The amendment to add."),
    responses((status = 201, description = "The added amendment.", body = Amendment))
)]
pub async fn create_amendment(call: Call, payload: Payload, reference: Path<String>) -> Result<HttpResponse> {
    let actor = call.writer()?;
    let mut body = call.json(payload, &["application/json"]).await?;
    call.state.catalog.contract.normalize("NewAmendment", &mut body);
    call.state.catalog.contract.validate("NewAmendment", &body)?;
    let new: NewAmendment = serde_json::from_value(body.clone())?;
    call.post(actor, &body, move |tx| {
        let (agreement, version, amendment) = store::add(tx, &Ref(reference.into_inner()), new)?;
        Posted::created(format!("/api/v1/agreements/{agreement}/amendments"), version, &amendment)
    })
    .await
}
