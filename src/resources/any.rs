//! The interface of a resource for code that handles all resources without their types.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::access::policy::Tag;
use crate::db::Conn;
use crate::db::page::{PageIds, PageRequest};
use crate::db::reference::Kind;
use crate::error::{Error, Result};
use crate::http::routes::{self, Routes, ServiceConfig};
use crate::model::sheet::Sheet;
use crate::model::types::Ref;
use crate::record::{self, Precondition, ReadContext, Resource, Tx, bulk};
use crate::validation::Contract;

/// A resource as the API offers it.
pub trait ApiResource: Resource<Filter: IntoParams> + Sync {
    const ROUTES: Routes;

    /// Registers the resource's operations; a resource with operations of its own adds them here.
    fn mount(config: &mut ServiceConfig) {
        routes::mount::<Self>(config, &Self::ROUTES);
    }
}

/// The components and columns of the records of a kind that bundles bring.
pub struct Form {
    pub kind: &'static Kind,
    /// The component that clients write.
    pub new: &'static str,
    /// The component that clients read.
    pub read: Cow<'static, str>,
    pub sheet: &'static Sheet,
}

/// Any [`ApiResource`].
pub trait AnyResource: Sync {
    fn kind(&self) -> &'static Kind;

    /// The tag of its operations.
    fn tag(&self) -> Tag;

    /// Registers its operations.
    fn mount(&self, config: &mut ServiceConfig);

    /// `None` for what bundles do not bring.
    fn form(&self) -> Option<Form>;

    /// Creates records with these codes, or makes those that exist equal to them.
    fn put_all(
        &self,
        tx: &mut Tx<'_>,
        policy: bulk::Policy,
        records: &[(&str, &Value)],
    ) -> Result<Vec<Result<bulk::Done>>>;

    /// The records that belong to a pairing and to nothing else, with their codes and versions.
    fn of_pairing(&self, tx: &mut Tx<'_>, pairing: i64) -> Result<Vec<bulk::Held>>;

    /// Visits each record that belongs to a pairing, as clients read it; none where the kind's records belong to no pairing.
    fn each_of_pairing(
        &self,
        conn: &mut Conn,
        contract: &Contract,
        pairing: i64,
        view: ReadContext,
        visit: &mut dyn FnMut(&mut Conn, Value) -> Result<()>,
    ) -> Result<()>;

    /// Deletes a record, whatever its version.
    fn delete(&self, tx: &mut Tx<'_>, id: i64) -> Result<()>;

    /// The ids of a page of the list; `filter` holds the list's filter parameters.
    fn page(&self, conn: &mut Conn, filter: &Value, page: &PageRequest, view: ReadContext) -> Result<PageIds>;

    /// Records by id, in order, as clients read them and with what a bundle needs besides.
    fn load(&self, conn: &mut Conn, ids: &[i64], view: ReadContext) -> Result<Vec<Value>>;

    /// The texts that the search index must hold of these records.
    fn search_bodies(
        &self,
        conn: &mut Conn,
        contract: &Contract,
        ids: &[i64],
        view: ReadContext,
    ) -> Result<Vec<(i64, String)>>;
}

impl<R: ApiResource> AnyResource for R {
    fn kind(&self) -> &'static Kind {
        R::KIND
    }

    fn tag(&self) -> Tag {
        R::ROUTES.tag::<R>()
    }

    fn mount(&self, config: &mut ServiceConfig) {
        <R as ApiResource>::mount(config);
    }

    fn form(&self) -> Option<Form> {
        R::SHEET.map(|sheet| Form { kind: R::KIND, new: R::NEW, read: R::Read::name(), sheet })
    }

    fn put_all(
        &self,
        tx: &mut Tx<'_>,
        policy: bulk::Policy,
        records: &[(&str, &Value)],
    ) -> Result<Vec<Result<bulk::Done>>> {
        let sheet = R::SHEET.ok_or_else(|| Error::unexpected(format!("bundles bring no {}", R::KIND.path)))?;
        bulk::put_all::<R>(tx, sheet, policy, records)
    }

    fn of_pairing(&self, tx: &mut Tx<'_>, pairing: i64) -> Result<Vec<bulk::Held>> {
        bulk::of_pairing::<R>(tx, pairing)
    }

    fn each_of_pairing(
        &self,
        conn: &mut Conn,
        contract: &Contract,
        pairing: i64,
        view: ReadContext,
        visit: &mut dyn FnMut(&mut Conn, Value) -> Result<()>,
    ) -> Result<()> {
        bulk::each_of_pairing::<R>(conn, contract, pairing, view, visit)
    }

    fn delete(&self, tx: &mut Tx<'_>, id: i64) -> Result<()> {
        record::delete::<R>(tx, &Ref(id.to_string()), &Precondition::Any)
    }

    fn page(&self, conn: &mut Conn, filter: &Value, page: &PageRequest, view: ReadContext) -> Result<PageIds> {
        R::page(conn, &R::Filter::deserialize(filter)?, page, view)
    }

    fn load(&self, conn: &mut Conn, ids: &[i64], view: ReadContext) -> Result<Vec<Value>> {
        record::for_bundle::<R>(conn, ids, view)
    }

    fn search_bodies(
        &self,
        conn: &mut Conn,
        contract: &Contract,
        ids: &[i64],
        view: ReadContext,
    ) -> Result<Vec<(i64, String)>> {
        record::search_bodies::<R>(conn, contract, ids, view)
    }
}
