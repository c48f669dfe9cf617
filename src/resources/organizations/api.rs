//! What clients see of organizations.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Kind, Organizations};
use crate::db::page::RecordSort;
use crate::http::routes::Routes;
use crate::model::types::Ref;
use crate::resources::ApiResource;

crate::fields! {
    /// A department, a company, an association, a school, a hospital, a park.
    Organization;
    /// An organization to create.
    NewOrganization;
    resource Organizations, table organizations, sheet "单位", code Code;

    /// Name.
    name: Text "名称" searched,
    /// Kind of organization.
    kind: Kind "类别",
    /// Region that the organization belongs to.
    region: Ref<regions> "所在地区",
    /// Organization that this one is part of. A change that leads back to the record, or reaches more than 10,000 records
    /// through others, is rejected (422).
    parent: Option<Ref<organizations>> "上级单位",
}

/// Filter parameters of the list of organizations.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OrganizationFilter {
    /// Words in name.
    #[param(max_length = 200, example = "教育")]
    pub q: Option<String>,
    /// Of this region.
    pub region: Option<Ref>,
    /// Part of this organization, directly.
    pub parent: Option<Ref>,
    /// Only organizations of these kinds; several repeat the parameter.
    #[serde(default)]
    pub kind: Vec<Kind>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending.
    #[param(inline)]
    pub sort: Option<RecordSort>,
}

impl ApiResource for Organizations {
    const ROUTES: Routes = Routes { label: "单位", ..Routes::SHARED };
}
