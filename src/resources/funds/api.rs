//! What clients see of funds.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Funds, Source};
use crate::db::page::RecordSort;
use crate::http::routes::Routes;
use crate::model::types::Ref;
use crate::resources::ApiResource;

crate::fields! {
    /// A pot of money with a purpose.
    Fund;
    /// A fund to create.
    NewFund;
    resource Funds, table funds, sheet "资金", code Code;

    /// Programme that the fund serves.
    programme: Ref<programmes> "计划",
    /// Name.
    name: Text "名称" searched,
    /// First day; null when unknown.
    starts_on: Option<NaiveDate> "开始日期",
    /// Last day, not before `starts_on`; null when open or unknown.
    ends_on: Option<NaiveDate> "结束日期",
    /// Fields of cooperation that the fund focuses on.
    #[new(schema(max_items = 100))]
    focus: Vec<Ref<sectors>> in fund_sectors.sector_id "重点领域",
    /// Kinds of sources of the money, each at most once.
    #[new(schema(max_items = 20))]
    #[new(serde(default))]
    source_kinds: nested { Vec<Source> } from { Vec<Source> } in fund_source_kinds "资金来源" {},
    /// Free-text note.
    note: Option<String> "备注" searched,
}

/// Filter parameters of the list of funds.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FundFilter {
    /// Words in name and note.
    #[param(max_length = 200, example = "平衡发展")]
    pub q: Option<String>,
    /// Of this programme.
    pub programme: Option<Ref>,
    /// With this field of cooperation among its focus.
    pub focus: Option<Ref>,
    /// With money from one of these kinds of sources; several repeat the parameter.
    #[serde(default)]
    pub source_kind: Vec<Source>,
    /// Beginning on this date or later.
    pub starts_from: Option<NaiveDate>,
    /// Beginning on this date or earlier.
    pub starts_to: Option<NaiveDate>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending.
    #[param(inline)]
    pub sort: Option<RecordSort>,
}

impl ApiResource for Funds {
    const ROUTES: Routes = Routes { label: "资金", ..Routes::SHARED };
}
