//! What clients see of sectors.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Sectors;
use crate::db::page::RecordSort;
use crate::http::routes::Routes;
use crate::model::types::Ref;
use crate::resources::ApiResource;

crate::fields! {
    /// A field of cooperation.
    Sector;
    /// A sector to create.
    NewSector;
    resource Sectors, table sectors, sheet "合作领域", code Code;

    /// Name.
    name: Text "名称" searched,
    /// Vocabulary that the code is from.
    #[schema(max_length = 200, example = "jiangmen-2022")]
    vocabulary: Option<String> "分类体系",
    /// Wider sector that this one is part of. A change that leads back to the record, or reaches more than 10,000 records
    /// through others, is rejected (422).
    parent: Option<Ref<sectors>> "上级领域",
    /// Description of the sector.
    description: Option<Text> "说明" searched,
}

/// Filter parameters of the list of sectors.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SectorFilter {
    /// Words in name and description.
    #[param(max_length = 200, example = "文旅")]
    pub q: Option<String>,
    /// Part of this sector, directly.
    pub parent: Option<Ref>,
    /// From this vocabulary.
    #[param(max_length = 200, example = "jiangmen-2022")]
    pub vocabulary: Option<String>,
    /// Only records changed at this instant or later.
    pub updated_since: Option<DateTime<Utc>>,
    /// Sort order; a leading `-` sorts descending.
    #[param(inline)]
    pub sort: Option<RecordSort>,
}

impl ApiResource for Sectors {
    const ROUTES: Routes = Routes { label: "合作领域", ..Routes::SHARED };
}
