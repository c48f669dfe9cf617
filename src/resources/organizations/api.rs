//! What clients see of organizations.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::{Kind, Organizations};
use crate::db::page::RecordSort;
use crate::db::reference::Reference;
use crate::http::routes::Routes;
use crate::model::types::{Code, Instant, Ref};
use crate::record::citations::{Citation, NewCitation};
use crate::resources::ApiResource;

use crate::model::text::Text;

/// A department, a company, an association, a school, a hospital, a park.
#[derive(Debug, Serialize, ToSchema)]
pub struct Organization {
    /// Numeric identifier, assigned on creation and never reused.
    #[schema(minimum = 1, example = 1)]
    pub id: i64,
    /// Unique slug.
    pub code: Code,
    /// Version, incremented by every change.
    #[schema(minimum = 1, example = 1)]
    pub version: i64,
    /// Time of creation.
    pub created_at: Instant,
    /// Time of the last change.
    pub updated_at: Instant,
    /// The organization's name.
    pub name: Text,
    /// What it is.
    pub kind: Kind,
    /// The region that it belongs to.
    pub region: Reference,
    /// The organization that it is part of.
    pub parent: Option<Reference>,
    /// Sources cited for this record.
    pub citations: Vec<Citation>,
}

/// An organization to create.
#[derive(Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewOrganization {
    /// Unique slug.
    pub code: Code,
    /// The organization's name.
    pub name: Text,
    /// What it is.
    pub kind: Kind,
    /// The region that it belongs to.
    pub region: Ref,
    /// The organization that it is part of. A change that leads back to the record, or to more than 10,000 records
    /// through others, is refused (422).
    #[serde(default)]
    pub parent: Option<Ref>,
    /// Sources cited for this record.
    #[serde(default)]
    pub citations: Vec<NewCitation>,
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
    /// What the organizations are; several repeat the parameter.
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
