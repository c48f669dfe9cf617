//! What clients see of programmes.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Programmes;
use crate::db::page::RecordSort;
use crate::http::routes::Routes;
use crate::resources::ApiResource;

crate::fields! {
    /// A policy that pairs regions, with a period and a lead body.
    Programme;
    /// A programme to create.
    NewProgramme;
    resource Programmes, table programmes, sheet "计划", code Code;

    /// Name.
    name: Text "名称" searched,
    /// Purpose of the programme.
    description: Option<Text> "说明" searched,
    /// Body that leads the programme.
    #[schema(max_length = 500, example = "中共江门市委、江门市人民政府")]
    lead_body: Option<String> "牵头单位" searched,
    /// First day; null when unknown.
    starts_on: Option<NaiveDate> "开始日期",
    /// Last day, not before `starts_on`; null when open or unknown.
    ends_on: Option<NaiveDate> "结束日期",
    /// Principles of the programme.
    principles: Option<Text> "原则" searched,
}

/// Filter parameters of the list of programmes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProgrammeFilter {
    /// Words in name, description, principles and lead body.
    #[param(max_length = 200, example = "对口")]
    pub q: Option<String>,
    /// Begun by this date and not ended before it; an unknown end is open.
    pub active_on: Option<NaiveDate>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending.
    #[param(inline)]
    pub sort: Option<RecordSort>,
}

impl ApiResource for Programmes {
    const ROUTES: Routes = Routes { label: "计划", ..Routes::SHARED };
}
