//! The resources, one line each. A resource is a folder: `mod.rs` says what it is, `api.rs` is what clients see of it,
//! `store.rs` is what the database sees.

pub mod kind;
pub mod query;

use crate::record::{self, bulk};

/// Declares the resources: their modules, their kinds, how they are mounted, and how a bundle's records reach them. A
/// bundle's kinds are applied in this order, so that what is referred to comes first.
macro_rules! resources {
    ($($(#[$doc:meta])* $module:ident => $resource:ident),+ $(,)?) => {
        $($(#[$doc])* pub mod $module;)+
        pub mod api_keys;
        pub mod audit_events;
        pub mod calendar_keys;
        pub mod refusals;

        /// Every kind of record that a bundle may bring.
        pub static KINDS: &[&crate::db::reference::Kind] = &[$(&$module::KIND),+];

        /// Mounts the operations of every resource.
        pub fn mount(config: &mut utoipa_actix_web::service_config::ServiceConfig<'_>) {
            $($module::api::mount(config);)+
            api_keys::api::mount(config);
            audit_events::api::mount(config);
            calendar_keys::api::mount(config);
            refusals::api::mount(config);
        }

        /// Creates records of one kind, or makes those that are there equal to them.
        pub fn put_all(
            tx: &mut record::Tx<'_>,
            path: &str,
            policy: bulk::Policy,
            records: &[(&str, &serde_json::Value)],
        ) -> crate::error::Result<Vec<crate::error::Result<bulk::Done>>> {
            match path {
                $(path if path == $module::KIND.path => {
                    bulk::put_all::<$module::$resource>(tx, &$module::sheet::SHEET, policy, records)
                })+
                other => Err(crate::error::Error::unexpected(format!("no resource {other}"))),
            }
        }

        /// The records of one kind that belong to a pairing and to nothing else, with their codes and versions.
        pub fn of_pairing(
            tx: &mut record::Tx<'_>,
            path: &str,
            pairing: i64,
        ) -> crate::error::Result<Vec<bulk::Held>> {
            match path {
                $(path if path == $module::KIND.path => bulk::of_pairing::<$module::$resource>(tx, pairing),)+
                other => Err(crate::error::Error::unexpected(format!("no resource {other}"))),
            }
        }

        /// Tells each record of a kind that belongs to a pairing, as it is read; nothing where they belong to none.
        pub fn each_of_pairing(
            conn: &mut crate::db::Conn,
            contract: &crate::validation::Contract,
            path: &str,
            pairing: i64,
            view: record::View,
            tell: &mut dyn FnMut(&mut crate::db::Conn, serde_json::Value) -> crate::error::Result<()>,
        ) -> crate::error::Result<()> {
            match path {
                $(path if path == $module::KIND.path => {
                    bulk::each_of_pairing::<$module::$resource>(conn, contract, pairing, view, tell)
                })+
                other => Err(crate::error::Error::unexpected(format!("no resource {other}"))),
            }
        }

        /// Deletes a record of a kind.
        pub fn delete(tx: &mut record::Tx<'_>, path: &str, id: i64) -> crate::error::Result<()> {
            let (reference, any) = (crate::model::types::Ref(id.to_string()), record::Precondition::Any);
            match path {
                $(path if path == $module::KIND.path => record::delete::<$module::$resource>(tx, &reference, &any),)+
                other => Err(crate::error::Error::unexpected(format!("no resource {other}"))),
            }
        }

        /// The ids of a page of a kind's list, by a filter as the list takes it.
        pub fn page(
            conn: &mut crate::db::Conn,
            path: &str,
            filter: &serde_json::Value,
            page: &crate::db::page::PageRequest,
            view: record::View,
        ) -> crate::error::Result<crate::db::page::PageIds> {
            match path {
                $(path if path == $module::KIND.path => {
                    let filter = serde::Deserialize::deserialize(filter)?;
                    <$module::$resource as record::Resource>::page(conn, &filter, page, view)
                })+
                other => Err(crate::error::Error::unexpected(format!("no resource {other}"))),
            }
        }

        /// Records of a kind by id, in order, as they are read, and with what a bundle needs besides.
        pub fn load(
            conn: &mut crate::db::Conn,
            path: &str,
            ids: &[i64],
            view: record::View,
        ) -> crate::error::Result<Vec<serde_json::Value>> {
            match path {
                $(path if path == $module::KIND.path => record::for_bundle::<$module::$resource>(conn, ids, view),)+
                other => Err(crate::error::Error::unexpected(format!("no resource {other}"))),
            }
        }

        /// The texts that the search index must hold of these records, of any of [`kinds`].
        pub fn search_bodies(
            conn: &mut crate::db::Conn,
            contract: &crate::validation::Contract,
            path: &str,
            ids: &[i64],
            view: record::View,
        ) -> crate::error::Result<Vec<(i64, String)>> {
            match path {
                $(path if path == $module::KIND.path => {
                    record::search_bodies::<$module::$resource>(conn, contract, ids, view)
                })+
                path if path == api_keys::KIND.path => {
                    record::search_bodies::<api_keys::ApiKeys>(conn, contract, ids, view)
                }
                path if path == calendar_keys::KIND.path => {
                    record::search_bodies::<calendar_keys::CalendarKeys>(conn, contract, ids, view)
                }
                other => Err(crate::error::Error::unexpected(format!("no resource {other}"))),
            }
        }

        /// How the records of every kind look from outside, in the order of [`KINDS`].
        pub fn forms() -> Vec<Form> {
            vec![$(Form {
                kind: &$module::KIND,
                new: <$module::$resource as record::Resource>::NEW,
                read: <<$module::$resource as record::Resource>::Read as utoipa::ToSchema>::name(),
                sheet: &$module::sheet::SHEET,
            }),+]
        }
    };
}

/// How the records of a kind look from outside.
pub struct Form {
    pub kind: &'static crate::db::reference::Kind,
    /// The component that clients write.
    pub new: &'static str,
    /// The component that clients read.
    pub read: std::borrow::Cow<'static, str>,
    pub sheet: &'static crate::model::sheet::Sheet,
}

/// The component that a record of a bundle is judged by.
pub fn component(path: &str) -> Option<&'static str> {
    forms().into_iter().find(|form| form.kind.path == path).map(|form| form.new)
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
