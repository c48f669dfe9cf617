//! The resources, one line each. A resource is a folder: `mod.rs` says what it is, `api.rs` is what clients see of it,
//! `store.rs` is what the database sees.

pub mod citations;
mod merge;
pub mod record;
mod rows;
mod tx;

/// Declares the resources: their modules, their kinds, how they are mounted, and how a bundle's records reach them. A
/// bundle's kinds are applied in this order, so that what is referred to comes first.
macro_rules! resources {
    ($($(#[$doc:meta])* $module:ident => $resource:ident),+ $(,)?) => {
        $($(#[$doc])* pub mod $module;)+
        pub mod api_keys;
        pub mod audit_events;

        /// Every kind of record that a bundle may bring.
        pub static KINDS: &[&crate::db::reference::Kind] = &[$(&$module::KIND),+];

        /// Mounts the operations of every resource.
        pub fn mount(config: &mut utoipa_actix_web::service_config::ServiceConfig<'_>) {
            $($module::api::mount(config);)+
            api_keys::api::mount(config);
            audit_events::api::mount(config);
        }

        /// Creates a bundle's record or makes the one that is there equal to it.
        pub fn put(
            tx: &mut record::Tx<'_>,
            path: &str,
            code: &str,
            document: &serde_json::Value,
        ) -> crate::error::Result<(record::Outcome, Vec<String>)> {
            match path {
                $(path if path == $module::KIND.path => record::put::<$module::$resource>(tx, code, document),)+
                other => Err(crate::error::Error::unexpected(format!("no resource {other}"))),
            }
        }

        /// The component that a bundle's record is judged by.
        pub fn component(path: &str) -> Option<&'static str> {
            match path {
                $(path if path == $module::KIND.path => Some(<$module::$resource as record::Resource>::NEW),)+
                _ => None,
            }
        }
    };
}

/// Every kind of record, keys included, which no bundle brings.
pub fn kinds() -> impl Iterator<Item = &'static crate::db::reference::Kind> {
    KINDS.iter().copied().chain([&api_keys::KIND])
}

resources! {
    /// Documents: files and web sources that records cite.
    documents => Documents,
    /// Regions: administrative divisions and functional zones.
    regions => Regions,
    /// Organizations: departments, companies, schools, hospitals, parks.
    organizations => Organizations,
    /// Sectors: fields of cooperation.
    sectors => Sectors,
    /// Programmes: the policies that pair regions.
    programmes => Programmes,
    /// Pairings: supporters tied to recipients.
    pairings => Pairings,
    /// Conferences: joint conferences and other meetings of a pairing.
    conferences => Conferences,
    /// Agreements: what the sides signed.
    agreements => Agreements,
    /// Commitments: clauses turned into something checkable.
    commitments => Commitments,
    /// Progress reports: what is reported on a commitment for a period.
    progress_reports => ProgressReports,
    /// Projects: work under a pairing, usually under an agreement.
    projects => Projects,
    /// Milestones: dated, checkable points of an agreement or a project.
    milestones => Milestones,
    /// Resolutions: what a conference decided.
    resolutions => Resolutions,
    /// Liaisons: leaders and departments assigned to a pairing.
    liaisons => Liaisons,
    /// Exchanges: secondments from one side of a pairing to the other.
    exchanges => Exchanges,
    /// Twinnings: two organizations tied under a pairing.
    twinnings => Twinnings,
    /// Funds: pots of money with a purpose.
    funds => Funds,
    /// Transactions: the ledger of pledges, commitments, disbursements, expenditures and reversals.
    transactions => Transactions,
    /// Assets: what a region brings.
    assets => Assets,
}
