//! Organizations (单位): departments, companies, associations, schools, hospitals and parks; each belongs to a region and
//! may have a parent.

pub mod api;
pub mod store;

use crate::text_enum;

use crate::db::reference;

/// The resource.
pub struct Organizations;

/// The kind of these records.
pub static KIND: reference::Kind = reference::Kind {
    name: "organization",
    path: "organizations",
    number: 3,
    table: "organizations",
    owner: "organization_id",
    outgoing: &[api::OUTGOING],
    acyclic: &["parent"],
    about: "Departments, companies, schools, hospitals. 单位。",
    ..super::defaults()
};

text_enum! {
    /// Kind of organization.
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
