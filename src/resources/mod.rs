//! The resources. A resource is a folder: `mod.rs` has its kind and rules, `api.rs` what clients read and write, and
//! `store.rs` its rows. Each has one line in [`RESOURCES`] or [`KEYS`].

pub mod agreements;
mod any;
pub mod api_keys;
pub mod assets;
pub mod audit_events;
pub mod calendar_keys;
pub mod commitments;
pub mod conferences;
pub mod documents;
pub mod exchanges;
pub mod fields;
pub mod funds;
pub mod liaisons;
pub mod milestones;
pub mod organizations;
pub mod pairings;
pub mod programmes;
pub mod progress_reports;
pub mod projects;
pub mod query;
pub mod refusals;
pub mod regions;
pub mod resolutions;
pub mod sectors;
pub mod transactions;
pub mod twinnings;

use std::sync::LazyLock;

use crate::db::reference::{Belongs, Kind, Kinds, Naming};
use crate::error::{Error, Result};
use crate::http::routes::ServiceConfig;

pub use any::{AnyResource, ApiResource, Form};

/// The fields that most kinds have in common: `Kind { name: "sector", …, ..defaults() }`. A constant could not contain the
/// reference to a static.
pub const fn defaults() -> Kind {
    Kind {
        name: "",
        path: "",
        number: 0,
        table: "",
        owner: "",
        naming: Naming::Columns { zh: "name_zh", en: "name_en" },
        belongs: Belongs::Shared,
        outgoing: &[],
        acyclic: &[],
        private: &[],
        about: "",
        cites: &documents::KIND,
        computed_from: &[],
        is_cached: true,
        is_restorable: true,
        is_confidential: false,
    }
}

/// The resources that bundles bring, in the order in which their records are applied: a kind comes after those that it
/// refers to.
pub static RESOURCES: &[&dyn AnyResource] = &[
    &documents::Documents,
    &regions::Regions,
    &organizations::Organizations,
    &sectors::Sectors,
    &programmes::Programmes,
    &pairings::Pairings,
    &conferences::Conferences,
    &agreements::Agreements,
    &commitments::Commitments,
    &progress_reports::ProgressReports,
    &projects::Projects,
    &milestones::Milestones,
    &resolutions::Resolutions,
    &liaisons::Liaisons,
    &exchanges::Exchanges,
    &twinnings::Twinnings,
    &funds::Funds,
    &transactions::Transactions,
    &assets::Assets,
];

/// The keys of the service, which no bundle brings.
pub static KEYS: &[&dyn AnyResource] = &[&api_keys::ApiKeys, &calendar_keys::CalendarKeys];

/// Registers the operations of the resources, and those that read the audit log.
pub fn mount(config: &mut ServiceConfig) {
    RESOURCES.iter().chain(KEYS).for_each(|resource| resource.mount(config));
    audit_events::api::mount(config);
    refusals::api::mount(config);
}

/// The kinds of [`RESOURCES`].
pub fn kinds() -> Kinds {
    static KINDS: LazyLock<Vec<&'static Kind>> =
        LazyLock::new(|| RESOURCES.iter().map(|resource| resource.kind()).collect());
    &KINDS
}

/// The resource of [`RESOURCES`] with this path.
pub fn by_path(path: &str) -> Result<&'static dyn AnyResource> {
    let found = RESOURCES.iter().copied().find(|resource| resource.kind().path == path);
    found.ok_or_else(|| Error::unexpected(format!("no resource has the path {path}")))
}

/// The components and columns of [`RESOURCES`], in their order.
pub fn forms() -> Vec<Form> {
    RESOURCES.iter().filter_map(|resource| resource.form()).collect()
}

/// The component that clients write to create a record of this path.
pub fn component(path: &str) -> Option<&'static str> {
    forms().into_iter().find(|form| form.kind.path == path).map(|form| form.new)
}
