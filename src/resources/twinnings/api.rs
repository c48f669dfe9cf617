//! What clients see of twinnings.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Twinnings;
use crate::http::routes::Routes;
use crate::model::types::Ref;
use crate::resources::ApiResource;
use crate::text_enum;

crate::fields! {
    /// Two organizations tied under a pairing.
    Twinning;
    /// A twinning to create.
    NewTwinning;
    resource Twinnings, table twinnings, sheet "单位结对", code Option<Code>;

    /// Pairing that the twinning belongs to.
    pairing: Ref<pairings> "结对",
    /// Organization on the supporters' side.
    supporter_organization: Ref<organizations> "支援方单位",
    /// Organization on the recipients' side; differs from `supporter_organization`.
    recipient_organization: Ref<organizations> "受援方单位",
    /// Field of cooperation.
    sector: Option<Ref<sectors>> "合作领域",
    /// First day; null when unknown.
    from_on: Option<NaiveDate> "起始日期",
    /// Last day, not before `from_on`; null when open or unknown.
    to_on: Option<NaiveDate> "截止日期",
    /// Free-text note.
    note: Option<String> "备注" searched,
}

text_enum! {
    /// The orders of a list of twinnings; ties are ordered by id.
    Sort as "TwinningSort" {
        /// Oldest first.
        Id => "id",
        /// Newest first.
        IdDesc => "-id",
        /// By the first day; the undated last.
        FromOn => "from_on",
        /// By the first day, backwards; the undated first.
        FromOnDesc => "-from_on",
        /// Least recently changed first.
        UpdatedAt => "updated_at",
        /// Most recently changed first.
        UpdatedAtDesc => "-updated_at",
    }
}

/// Filter parameters of the list of twinnings.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TwinningFilter {
    /// Words in the note.
    #[param(max_length = 200, example = "幼儿园")]
    pub q: Option<String>,
    /// Of the pairings of this programme.
    pub programme: Option<Ref>,
    /// Of this pairing.
    pub pairing: Option<Ref>,
    /// With this organization on the supporters' side.
    pub supporter_organization: Option<Ref>,
    /// With this organization on the recipients' side.
    pub recipient_organization: Option<Ref>,
    /// With this organization on either side.
    pub organization: Option<Ref>,
    /// In this field of cooperation.
    pub sector: Option<Ref>,
    /// Tied on this date; a first or last day that is unknown excludes none.
    pub active_on: Option<NaiveDate>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending.
    #[param(inline)]
    pub sort: Option<Sort>,
}

impl ApiResource for Twinnings {
    const ROUTES: Routes = Routes { label: "单位结对", ..Routes::OF_PAIRING };
}
