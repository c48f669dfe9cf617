//! Organizations (单位): departments, companies, associations, schools, hospitals and parks; each belongs to a region and
//! may have a parent.

pub mod api;
pub mod sheet;
pub mod store;

use crate::{kind, named, text_enum};

/// The resource.
pub struct Organizations;

kind!(
    "organization", "organizations", 3, organizations, named!(organizations by name_zh, name_en), "Departments, companies, schools, hospitals. 单位。",
    refers to {
        "region" by organizations::region_id, "organization" by organizations::parent_id,
    },
    after &["parent"]
);

text_enum! {
    /// What an organization is.
    Kind as "OrganizationKind" {
        /// 党委机构.
        PartyBody => "party_body",
        /// 人民政府.
        Government => "government",
        /// 部门.
        Department => "department",
        /// 企业.
        Company => "company",
        /// 协会、商会.
        Association => "association",
        /// 学校.
        School => "school",
        /// 幼儿园.
        Kindergarten => "kindergarten",
        /// 医院.
        Hospital => "hospital",
        /// 园区.
        Park => "park",
        /// 其他.
        Other => "other",
    }
}
