//! The fields of a resource, declared once.
//!
//! A resource lists its fields in [`fields!`](crate::fields), which writes what follows from the list: the type that clients read,
//! the type that they write, the row, and the conversions between them ([`Record`] and [`Fields`]). [`Loading`] reads and
//! [`Changeset`] writes the records of any such resource.

mod changeset;
mod declare;
pub mod links;
mod loading;
mod stored;
mod write;

use diesel::Queryable;

use crate::db::Conn;
use crate::db::reference::{Kind, Reference, References};
use crate::error::Result;
use crate::model::text::Text;
use crate::model::types::{Code, Instant};
use crate::record::citations::Citation;
use crate::record::{Record, Tx};

pub use changeset::{Changeset, Ids};
pub use loading::{Found, Loading};
pub use stored::{Statements, Stored};

/// The columns that the rows of every resource have.
#[derive(Clone, Copy, Debug, Queryable)]
pub struct Head {
    pub id: i64,
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// What [`fields!`](crate::fields) writes for a resource.
pub trait Fields: Record {
    /// The columns of the resource's own, without those of [`Head`].
    type Row;
    /// The computed and nested fields of [`Fields::Read`], which the row does not hold; `()` where there are none.
    type Parts;

    /// What is stored of some records, in no order.
    fn stored(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Stored<Self::Row>>>;

    /// Notes the records that a row refers to.
    fn want(row: &Self::Row, references: &mut References);

    /// A record as a client reads it.
    fn read(head: Head, row: Self::Row, parts: Self::Parts, found: &Found<'_>, citations: Vec<Citation>) -> Self::Read;

    /// The row of a request whose references are resolved. Columns that a client does not write are null, 0 or empty.
    fn row(new: &Self::New, ids: &Ids) -> Self::Row;

    /// Inserts a row with version 1, or as the deleted record that is being restored; or replaces the columns of the row `id` and
    /// increments its version.
    fn put(tx: &mut Tx<'_>, id: Option<i64>, row: &Self::Row) -> Result<i64>;

    /// The ids that a record refers to, by field.
    fn referred(read: &Self::Read) -> Vec<(&'static str, Vec<i64>)>;
}

/// Whether a record embeds others of its kind.
pub fn refers_to_own_kind<R: Fields>(read: &R::Read) -> bool {
    let own: Vec<&str> = R::KIND.own_references().collect();
    !own.is_empty() && R::referred(read).iter().any(|(field, ids)| own.contains(field) && !ids.is_empty())
}

/// A field of a record that holds references.
pub trait AsIds {
    fn as_ids(&self) -> Vec<i64>;
}

impl AsIds for Reference {
    fn as_ids(&self) -> Vec<i64> {
        vec![self.id]
    }
}

impl AsIds for Option<Reference> {
    fn as_ids(&self) -> Vec<i64> {
        self.iter().map(|reference| reference.id).collect()
    }
}

impl AsIds for Vec<Reference> {
    fn as_ids(&self) -> Vec<i64> {
        self.iter().map(|reference| reference.id).collect()
    }
}

/// A column that holds the id of another record: `i64`, or `Option<i64>` where it may be null.
pub trait IdColumn: Copy {
    /// How a client reads it.
    type Read;
    /// The column of a reference. Where a reference that is required was not found, the id is 0, which no record has; there is a
    /// fault then, so that nothing is written.
    fn from_id(id: Option<i64>) -> Self;
    fn read(self, references: &References, kind: &'static Kind) -> Self::Read;
}

impl IdColumn for i64 {
    type Read = Reference;
    fn from_id(id: Option<i64>) -> i64 {
        id.unwrap_or(0)
    }
    fn read(self, references: &References, kind: &'static Kind) -> Reference {
        references.get(kind, self)
    }
}

impl IdColumn for Option<i64> {
    type Read = Option<Reference>;
    fn from_id(id: Option<i64>) -> Option<i64> {
        id
    }
    fn read(self, references: &References, kind: &'static Kind) -> Option<Reference> {
        references.optional(kind, self)
    }
}

/// A field whose text `q` searches.
pub trait Searched {
    fn texts(&self) -> impl Iterator<Item = &str>;
}

impl Searched for String {
    fn texts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.as_str())
    }
}

impl Searched for Text {
    fn texts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.zh.as_str()).chain(self.en.as_deref())
    }
}

impl<T: Searched> Searched for Option<T> {
    fn texts(&self) -> impl Iterator<Item = &str> {
        self.iter().flat_map(Searched::texts)
    }
}

/// The code of a record, which may have none.
pub trait AsCode {
    fn as_code(&self) -> Option<&Code>;
}

impl AsCode for Code {
    fn as_code(&self) -> Option<&Code> {
        Some(self)
    }
}

impl AsCode for Option<Code> {
    fn as_code(&self) -> Option<&Code> {
        self.as_ref()
    }
}
