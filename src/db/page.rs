//! Keyset pagination: a page starts after a key, so its cost does not depend on its number, and concurrent writes cause
//! no gaps or duplicates.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Fault, Problem, Result};
use crate::model::text::Msg;
use crate::msg;

/// A request for a page of a list.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// Maximum number of items, 1 to 1,000.
    pub limit: i64,
    /// Key of the last item before this page.
    pub after: Option<Key>,
    /// Whether to count all items.
    pub count: bool,
    /// Digest of the list, its filter and its order, for which cursors are valid.
    pub list: String,
}

impl PageRequest {
    /// Reads a page with a total that is known, so that the database does not count; with `None` it counts as requested.
    pub fn read_with_total(
        &self,
        total: Option<i64>,
        read: impl FnOnce(&PageRequest) -> Result<PageIds>,
    ) -> Result<PageIds> {
        let page = read(&PageRequest { count: self.count && total.is_none(), ..self.clone() })?;
        Ok(PageIds { total: page.total.or(total), ..page })
    }
}

/// The position of an item in a sort order: the sort value as text, and the id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    pub value: String,
    pub id: i64,
}

#[derive(Serialize, Deserialize)]
struct Cursor {
    list: String,
    key: Key,
}

/// The ids of a page in order, and the key of the next page.
#[derive(Debug)]
pub struct PageIds {
    pub ids: Vec<i64>,
    /// The versions of the records; empty where they have none.
    pub versions: Vec<i64>,
    pub next: Option<Key>,
    pub total: Option<i64>,
}

impl PageIds {
    /// Cuts `limit + 1` requested rows to `limit`; the extra row indicates a next page.
    pub fn cut(mut rows: Vec<(i64, String)>, limit: i64, total: Option<i64>) -> PageIds {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = match rows.last() {
            Some((id, value)) if more => Some(Key { value: value.clone(), id: *id }),
            _ => None,
        };
        PageIds { ids: rows.into_iter().map(|(id, _)| id).collect(), versions: Vec::new(), next, total }
    }

    /// [`PageIds::cut`] for rows of id, version and sort value.
    pub fn cut_versioned(rows: Vec<(i64, i64, String)>, limit: i64, total: Option<i64>) -> PageIds {
        let versions = rows.iter().map(|(_, version, _)| *version).collect();
        let page = PageIds::cut(rows.into_iter().map(|(id, _, value)| (id, value)).collect(), limit, total);
        PageIds { versions, ..page }
    }
}

/// Cuts a page from sorted rows that were all computed. Returns its rows, the next page's key and, if requested, the
/// count of all rows.
pub fn cut_computed<T>(rows: Vec<(Key, T)>, page: &PageRequest) -> (Vec<T>, Option<Key>, Option<i64>) {
    let total = page.count.then(|| i64::try_from(rows.len()).unwrap_or(i64::MAX));
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let mut rest = rows.into_iter().filter(|(key, _)| page.after.as_ref().is_none_or(|after| key > after)).peekable();
    let taken: Vec<(Key, T)> = rest.by_ref().take(limit).collect();
    let next = rest.peek().and_then(|_| taken.last()).map(|(key, _)| key.clone());
    (taken.into_iter().map(|(_, row)| row).collect(), next, total)
}

/// Returns rows in the order of `ids`; missing rows are skipped.
pub fn in_order<R>(ids: &[i64], rows: Vec<R>, id: impl Fn(&R) -> i64) -> impl Iterator<Item = R> {
    let mut rows: std::collections::HashMap<i64, R> = rows.into_iter().map(|row| (id(&row), row)).collect();
    ids.iter().filter_map(move |id| rows.remove(id)).collect::<Vec<_>>().into_iter()
}

/// Returns a short digest of a list and its filter, for cursors.
pub fn list_digest(operation: &str, filter: &str) -> String {
    let digest = Sha256::digest(format!("{operation}\n{filter}"));
    URL_SAFE_NO_PAD.encode(&digest[..9])
}

/// Encodes a position as an opaque cursor.
pub fn encode_cursor(list: &str, key: &Key) -> Result<String> {
    let cursor = Cursor { list: list.to_owned(), key: key.clone() };
    Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor)?))
}

/// Decodes a cursor; returns 400 if it belongs to another list.
pub fn decode_cursor(list: &str, cursor: &str) -> Result<Key> {
    let cursor: Cursor = URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(unknown_cursor)?;
    if cursor.list != list {
        return Err(invalid_cursor(msg!(
            "游标属于另一组筛选或排序条件，请从第一页开始。",
            "belongs to another filter or sort; start at the first page"
        )));
    }
    Ok(cursor.key)
}

/// Parses a key's value as the type of its column.
pub fn key_value<T: KeyValue>(key: &Key) -> Result<T> {
    T::from_key(&key.value).ok_or_else(unknown_cursor)
}

fn unknown_cursor() -> Error {
    invalid_cursor(msg!("游标无效。", "is not a valid cursor"))
}

fn invalid_cursor(message: Msg) -> Error {
    Problem::malformed(vec![Fault { pointer: "/query/cursor".to_owned(), code: "invalid_cursor", message }]).into()
}

/// A sortable value with a lossless text form for cursors.
pub trait KeyValue: Sized {
    fn to_key(&self) -> String;
    fn from_key(text: &str) -> Option<Self>;
}

impl KeyValue for i64 {
    fn to_key(&self) -> String {
        self.to_string()
    }
    fn from_key(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl KeyValue for String {
    fn to_key(&self) -> String {
        self.clone()
    }
    fn from_key(text: &str) -> Option<Self> {
        // Stored texts contain no NUL, and PostgreSQL rejects it.
        (!text.contains('\0')).then(|| text.to_owned())
    }
}

impl KeyValue for chrono::NaiveDate {
    fn to_key(&self) -> String {
        self.to_string()
    }
    fn from_key(text: &str) -> Option<Self> {
        // The backends support different ranges of dates.
        text.parse().ok().filter(|date: &Self| (0..=9999).contains(&chrono::Datelike::year(date)))
    }
}

impl KeyValue for crate::model::types::Instant {
    fn to_key(&self) -> String {
        self.utc().to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
    }
    fn from_key(text: &str) -> Option<Self> {
        chrono::DateTime::parse_from_rfc3339(text).ok().map(|t| crate::model::types::Instant::from(t.to_utc()))
    }
}

crate::text_enum! {
    /// Sort orders of every list; ties are ordered by id.
    RecordSort as "RecordSort" {
        /// Oldest first.
        Id => "id",
        /// Newest first.
        IdDesc => "-id",
        /// By code.
        Code => "code",
        /// By code, descending.
        CodeDesc => "-code",
        /// Least recently changed first.
        UpdatedAt => "updated_at",
        /// Most recently changed first.
        UpdatedAtDesc => "-updated_at",
    }
}

/// Runs a boxed query for one page in one of its orders. `$filtered` makes the query anew, because counting takes it
/// too; each order names its column, ascending or descending.
///
/// ```ignore
/// keyset!(conn, page, sort, filtered, regions, { Sort::Code => asc code: String, … })
/// ```
///
/// expands to a `match` on `sort`, in which each order is
///
/// ```ignore
/// query.filter(code.ge(key)).filter(code.gt(key).or(id.gt(key.id))).order((code.asc(), id.asc())).select((id, version, code)).load(conn)
/// ```
///
/// Without orders in braces, `sort` is an optional [`RecordSort`]. A table without versions is `unversioned table`. A function cannot do it: each order has a column type of its own.
#[macro_export]
macro_rules! keyset {
    ($conn:expr, $page:expr, $sort:expr, $filtered:expr, $table:ident) => {
        $crate::keyset!($conn, $page, $sort.unwrap_or($crate::db::page::RecordSort::Id), $filtered, $table, {
            $crate::db::page::RecordSort::Id => asc id: i64,
            $crate::db::page::RecordSort::IdDesc => desc id: i64,
            $crate::db::page::RecordSort::Code => asc code: String,
            $crate::db::page::RecordSort::CodeDesc => desc code: String,
            $crate::db::page::RecordSort::UpdatedAt => asc updated_at: $crate::model::types::Instant,
            $crate::db::page::RecordSort::UpdatedAtDesc => desc updated_at: $crate::model::types::Instant,
        })
    };
    ($conn:expr, $page:expr, $sort:expr, $filtered:expr, $table:ident, { $($orders:tt)+ }) => {
        $crate::keyset!(@page $conn, $page, $sort, $filtered, $table, version, { $($orders)+ })
            .map(|(rows, total)| $crate::db::page::PageIds::cut_versioned(rows, $page.limit, total))
    };
    ($conn:expr, $page:expr, $sort:expr, $filtered:expr, unversioned $table:ident, { $($orders:tt)+ }) => {
        $crate::keyset!(@page $conn, $page, $sort, $filtered, $table, id, { $($orders)+ }).map(|(rows, total)| {
            let rows = rows.into_iter().map(|(id, _, value)| (id, value)).collect();
            $crate::db::page::PageIds::cut(rows, $page.limit, total)
        })
    };
    (@page $conn:expr, $page:expr, $sort:expr, $filtered:expr, $table:ident, $version:ident, {
        $($order:pat => $way:ident $column:ident: $ty:ty),+ $(,)?
    }) => {{
        use diesel::prelude::*;
        use $crate::db::page::KeyValue;
        use $crate::db::schema::$table::dsl as t;
        let total = if $page.count {
            Some($filtered($conn)?.count().get_result::<i64>($conn)?)
        } else {
            None
        };
        let mut query = $filtered($conn)?.limit($page.limit + 1);
        let rows: Vec<(i64, i64, String)> = match $sort {
            $($order => {
                if let Some(key) = &$page.after {
                    query = $crate::keyset!(@after $way, query, t::$column, t::id, key, $ty);
                }
                let query = $crate::keyset!(@order $way, query, t::$column, t::id);
                let rows = query.select((t::id, t::$version, t::$column)).load($conn)?;
                rows.into_iter().map(|(id, version, value): (i64, i64, $ty)| (id, version, KeyValue::to_key(&value))).collect()
            })+
        };
        $crate::error::Result::Ok((rows, total))
    }};
    // The first condition alone bounds the index; the second drops what the page before had of the same value.
    (@after asc, $query:expr, $column:expr, $id:expr, $key:expr, $ty:ty) => {
        $query.filter($column.ge($crate::db::page::key_value::<$ty>($key)?))
            .filter($column.gt($crate::db::page::key_value::<$ty>($key)?).or($id.gt($key.id)))
    };
    (@after desc, $query:expr, $column:expr, $id:expr, $key:expr, $ty:ty) => {
        $query.filter($column.le($crate::db::page::key_value::<$ty>($key)?))
            .filter($column.lt($crate::db::page::key_value::<$ty>($key)?).or($id.lt($key.id)))
    };
    (@order asc, $query:expr, $column:expr, $id:expr) => { $query.order(($column.asc(), $id.asc())) };
    (@order desc, $query:expr, $column:expr, $id:expr) => { $query.order(($column.desc(), $id.desc())) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_list_alone() {
        let key = Key { value: "2022-04-11".to_owned(), id: 7 };
        let list = list_digest("listMilestones", "pairing=xinhui-taishan");
        let cursor = encode_cursor(&list, &key).unwrap();
        assert_eq!(decode_cursor(&list, &cursor).unwrap(), key);
        assert!(decode_cursor(&list_digest("listMilestones", ""), &cursor).is_err());
        assert!(decode_cursor(&list, "bm9uc2Vuc2U").is_err());
    }
}
