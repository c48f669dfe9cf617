//! The traits of a resource.

use std::sync::Arc;

use chrono::NaiveDate;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::ToSchema;

use super::citations::NewCitation;
use super::{ReadContext, Tx};
use crate::access::Scope;
use crate::db::Conn;
use crate::db::page::{PageIds, PageRequest};
use crate::db::reference::{Belongs, Kind};
use crate::error::{Error, Faults, Result};
use crate::model::sheet::Sheet;
use crate::model::types::{Code, Ref};

/// The types of a resource, and the functions that follow from the list of its fields.
pub trait Record: Sized + 'static {
    /// What a client reads.
    type Read: Serialize + ToSchema + Send + 'static;
    /// What a client writes; a merge patch is applied to the same.
    type New: Serialize + DeserializeOwned + ToSchema + Send + 'static;

    const KIND: &'static Kind;
    /// The OpenAPI component of [`Record::New`].
    const NEW: &'static str;
    /// The columns of the records in files; `None` for kinds that no file contains.
    const SHEET: Option<&'static Sheet> = None;
    /// Fields of [`Record::Read`] that are computed from other fields or the date; they are not stored.
    const COMPUTED: &'static [&'static str] = &[];

    /// The references of a request, in the order of the fields.
    fn given(new: &Self::New) -> Vec<Given<'_>>;

    /// The texts that `q` searches.
    fn texts(new: &Self::New) -> Vec<&str>;

    fn code(new: &Self::New) -> Option<&Code>;
    fn citations(new: &Self::New) -> &[NewCitation];
    fn id_and_version(read: &Self::Read) -> (i64, i64);

    /// Whether a record embeds others of its kind; true where it may.
    fn refers_to_own_kind(_read: &Self::Read) -> bool {
        true
    }
}

/// A resource: records that clients create, read, change and delete, and its rules.
pub trait Resource: Record {
    /// Filter parameters of the list.
    type Filter: DeserializeOwned + Send + Sync + 'static;

    /// Returns the ids of one page of the list.
    fn page(conn: &mut Conn, filter: &Self::Filter, page: &PageRequest, view: ReadContext) -> Result<PageIds>;

    /// Loads records by id, in order, with the references that they embed; records that do not exist are left out.
    fn load(conn: &mut Conn, ids: &[i64], view: ReadContext) -> Result<Vec<Self::Read>>;

    /// The computed fields of a record for any date, if they follow from its own fields and the date.
    fn dated(_read: &Self::Read) -> Option<Dated> {
        None
    }

    /// Inserts a record, or replaces `before`; checks the rules that need the database.
    fn save(tx: &mut Tx<'_>, before: Option<(i64, &Self::Read)>, new: Self::New) -> Result<i64>;

    /// Inserts many records and returns their ids; `None` for each that is refused, which is then created individually, so that its
    /// faults are found. By default each is saved by [`Resource::save`]; kinds with many records override this to need fewer
    /// statements.
    fn save_together(tx: &mut Tx<'_>, news: Vec<Self::New>) -> Result<Vec<Option<i64>>> {
        save_each::<Self>(tx, news)
    }

    /// Checks the rules that need no database.
    fn validate(_new: &Self::New, _faults: &mut Faults) {}

    /// Removes fields of a patched record that must not keep their old values when the patch does not contain them.
    fn settle_patch(_merged: &mut Value, _before: &Value, _patch: &Value) {}

    /// Refuses a change that the record's state does not permit; `changed` are the names of the fields that would change.
    fn refuse_change(_before: &Self::Read, _changed: &[String]) -> Result<()> {
        Ok(())
    }

    /// Refuses a deletion that the record's state does not permit.
    fn refuse_deletion(_before: &Self::Read) -> Result<()> {
        Ok(())
    }

    /// Adds the fields that a file needs to create the record again.
    fn complete(_record: &mut Value) {}

    /// Restores the columns that clients do not write, from the record as it was deleted.
    fn restore_own(_tx: &mut Tx<'_>, _id: i64, _state: &Value) -> Result<()> {
        Ok(())
    }

    /// Returns the scope of a deleted record.
    fn scope_of_state(state: &Value) -> Scope {
        state["pairing"]["id"].as_i64().map_or(Scope::Shared, Scope::Pairing)
    }

    /// Returns the scope of a record; by default by [`Kind::belongs`].
    fn scope(conn: &mut Conn, id: i64) -> Result<Scope> {
        scope(conn, Self::KIND, id)
    }

    /// Returns the scope of a record to create; `None` if the reference that decides it is unknown or absent.
    fn scope_of_new(conn: &mut Conn, new: &Self::New) -> Result<Option<Scope>> {
        scope_of_new::<Self>(conn, new)
    }
}

/// Saves new records individually; see [`Resource::save_together`].
pub fn save_each<R: Resource>(tx: &mut Tx<'_>, news: Vec<R::New>) -> Result<Vec<Option<i64>>> {
    let save = |new| {
        let saved = tx.savepoint(|tx| {
            let id = R::save(tx, None, new)?;
            if !tx.actor.writes_everywhere() {
                let scope = R::scope(tx.conn, id)?;
                tx.actor.require_scope(&scope)?;
            }
            Ok(id)
        });
        match saved {
            Err(Error::Problem(_)) => Ok(None),
            saved => saved.map(Some),
        }
    };
    news.into_iter().map(save).collect()
}

/// Returns the scope of a record by [`Kind::belongs`].
pub fn scope(conn: &mut Conn, kind: &Kind, id: i64) -> Result<Scope> {
    Ok(match kind.belongs {
        Belongs::Shared => Scope::Shared,
        Belongs::ToPairing => kind.pairing(conn, id)?.map_or(Scope::Shared, Scope::Pairing),
        Belongs::ToItself => Scope::Pairing(id),
        Belongs::ToAdministration => Scope::Administration,
    })
}

/// Returns the scope of a record to create: the pairing that it refers to, or that of the first record that it refers to and that
/// belongs to one. `None` if that reference is unknown or absent.
fn scope_of_new<R: Record>(conn: &mut Conn, new: &R::New) -> Result<Option<Scope>> {
    match R::KIND.belongs {
        Belongs::Shared | Belongs::ToItself => return Ok(Some(Scope::Shared)),
        Belongs::ToAdministration => return Ok(Some(Scope::Administration)),
        Belongs::ToPairing => {}
    }
    let decides = |given: &Given<'_>| matches!(given.kind.belongs, Belongs::ToPairing | Belongs::ToItself);
    let owner = R::given(new).into_iter().filter(decides).find_map(|given| Some((given.kind, given.refs.first()?)));
    let Some((kind, reference)) = owner else { return Ok(None) };
    scope_of_reference(conn, kind, reference)
}

/// Returns the scope of the record behind a reference; `None` if the reference is unknown.
pub fn scope_of_reference(conn: &mut Conn, kind: &Kind, reference: &Ref) -> Result<Option<Scope>> {
    let id = kind.find(conn, reference)?;
    id.map(|id| scope(conn, kind, id)).transpose()
}

/// Fields of a record that are computed from the date; see [`Resource::dated`].
#[derive(Clone)]
pub struct Dated(Arc<dyn Fn(NaiveDate) -> serde_json::Result<String> + Send + Sync>);

impl Dated {
    /// The fields that `compute` returns for a date, in the order of the record's.
    pub fn new<T: Serialize>(compute: impl Fn(NaiveDate) -> T + Send + Sync + 'static) -> Dated {
        Dated(Arc::new(move |as_of| serde_json::to_string(&compute(as_of))))
    }

    /// The end of the record's JSON: the fields, each after a comma, and the closing brace.
    pub fn json(&self, as_of: NaiveDate) -> Result<String> {
        let mut json = (self.0)(as_of)?;
        json.replace_range(..1, ",");
        Ok(json)
    }
}

/// The references of a field of a request.
pub struct Given<'a> {
    pub field: &'static str,
    pub kind: &'static Kind,
    pub refs: &'a [Ref],
    /// Whether the field is a list; the pointers of its references then end in an index.
    pub is_list: bool,
}

impl<'a> Given<'a> {
    pub fn new<T: AsRefs>(field: &'static str, kind: &'static Kind, refs: &'a T) -> Given<'a> {
        Given { field, kind, refs: refs.as_refs(), is_list: T::IS_LIST }
    }
}

/// A field of a request that holds references.
pub trait AsRefs {
    const IS_LIST: bool;
    fn as_refs(&self) -> &[Ref];
}

impl AsRefs for Ref {
    const IS_LIST: bool = false;
    fn as_refs(&self) -> &[Ref] {
        std::slice::from_ref(self)
    }
}

impl AsRefs for Option<Ref> {
    const IS_LIST: bool = false;
    fn as_refs(&self) -> &[Ref] {
        self.as_slice()
    }
}

impl AsRefs for Vec<Ref> {
    const IS_LIST: bool = true;
    fn as_refs(&self) -> &[Ref] {
        self
    }
}
