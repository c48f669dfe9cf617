//! Keyset paging: a page is what follows a key, so that page 1,000 costs what page 1 costs and nothing is lost or
//! doubled while others write.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Fault, Problem, Result};
use crate::model::text::Msg;
use crate::msg;

/// Which page of a list is wanted.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// 1 to 1,000.
    pub limit: i64,
    /// The key of the last item before this page.
    pub after: Option<Key>,
    /// Whether the list is to be counted as a whole.
    pub count: bool,
    /// What the cursor is good for: this list, with this filter and order.
    pub list: String,
}

/// The position of an item in an order: the value that the list is sorted by, as text, and the id.
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

/// The ids of one page, in order, and what is needed to go on.
#[derive(Debug)]
pub struct PageIds {
    pub ids: Vec<i64>,
    pub next: Option<Key>,
    pub total: Option<i64>,
}

impl PageIds {
    /// Takes at most `limit` rows of the `limit + 1` that were asked for; the one too many says that there is more.
    pub fn cut(mut rows: Vec<(i64, String)>, limit: i64, total: Option<i64>) -> PageIds {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = match rows.last() {
            Some((id, value)) if more => Some(Key { value: value.clone(), id: *id }),
            _ => None,
        };
        PageIds { ids: rows.into_iter().map(|(id, _)| id).collect(), next, total }
    }
}

/// One page of rows that were computed as a whole and stand in the order of their keys: the rows, the next page's key, and
/// the count of all where it is asked for.
pub fn cut_computed<T>(rows: Vec<(Key, T)>, page: &PageRequest) -> (Vec<T>, Option<Key>, Option<i64>) {
    let total = page.count.then(|| i64::try_from(rows.len()).unwrap_or(i64::MAX));
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let mut rest = rows.into_iter().filter(|(key, _)| page.after.as_ref().is_none_or(|after| key > after)).peekable();
    let taken: Vec<(Key, T)> = rest.by_ref().take(limit).collect();
    let next = rest.peek().and_then(|_| taken.last()).map(|(key, _)| key.clone());
    (taken.into_iter().map(|(_, row)| row).collect(), next, total)
}

/// Rows in the order of a page's ids; ids whose rows are gone are left out.
pub fn in_order<R>(ids: &[i64], rows: Vec<R>, id: impl Fn(&R) -> i64) -> impl Iterator<Item = R> {
    let mut rows: std::collections::HashMap<i64, R> = rows.into_iter().map(|row| (id(&row), row)).collect();
    ids.iter().filter_map(move |id| rows.remove(id)).collect::<Vec<_>>().into_iter()
}

/// Names a list by everything that makes it another list; short, for the cursor.
pub fn list_digest(operation: &str, filter: &str) -> String {
    let digest = Sha256::digest(format!("{operation}\n{filter}"));
    URL_SAFE_NO_PAD.encode(&digest[..9])
}

/// The opaque text of a position.
pub fn encode_cursor(list: &str, key: &Key) -> Result<String> {
    let cursor = Cursor { list: list.to_owned(), key: key.clone() };
    Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor)?))
}

/// The position that a cursor stands for; 400 when it was not made by this list.
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

/// A key's value as the type of its column.
pub fn key_value<T: KeyValue>(key: &Key) -> Result<T> {
    T::from_key(&key.value).ok_or_else(unknown_cursor)
}

fn unknown_cursor() -> Error {
    invalid_cursor(msg!("不是本服务给出的游标。", "is not a cursor of this service"))
}

fn invalid_cursor(message: Msg) -> Error {
    Problem::malformed(vec![Fault { pointer: "/query/cursor".to_owned(), code: "invalid_cursor", message }]).into()
}

/// A value that a list can be sorted by, as text in a cursor and back without loss.
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
        // No text of ours holds NUL, and PostgreSQL takes none that does.
        (!text.contains('\0')).then(|| text.to_owned())
    }
}

impl KeyValue for chrono::NaiveDate {
    fn to_key(&self) -> String {
        self.to_string()
    }
    fn from_key(text: &str) -> Option<Self> {
        // Not every date that there could be is one to each backend.
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
    /// The orders that every list has; ties are ordered by id.
    RecordSort as "RecordSort" {
        /// In the order of creation.
        Id => "id",
        /// Newest first.
        IdDesc => "-id",
        /// By code.
        Code => "code",
        /// By code, backwards.
        CodeDesc => "-code",
        /// Least recently changed first.
        UpdatedAt => "updated_at",
        /// Most recently changed first.
        UpdatedAtDesc => "-updated_at",
    }
}

/// [`keyset!`] for a list that has the orders of [`RecordSort`] alone.
#[macro_export]
macro_rules! record_page {
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
}

/// Runs a boxed query for one page in one of its orders. `$filtered` makes the query anew, because counting takes it
/// too; each order names its column, ascending or descending.
///
/// ```ignore
/// keyset!(conn, page, sort, filtered, regions, { Sort::Code => asc code: String, … })
/// ```
#[macro_export]
macro_rules! keyset {
    ($conn:expr, $page:expr, $sort:expr, $filtered:expr, $table:ident, { $($order:pat => $way:ident $column:ident: $ty:ty),+ $(,)? }) => {{
        use diesel::prelude::*;
        use $crate::db::page::{KeyValue, PageIds};
        use $crate::db::schema::$table::dsl as t;
        let total = if $page.count {
            Some($filtered($conn)?.count().get_result::<i64>($conn)?)
        } else {
            None
        };
        let mut query = $filtered($conn)?.limit($page.limit + 1);
        let rows: Vec<(i64, String)> = match $sort {
            $($order => {
                if let Some(key) = &$page.after {
                    query = $crate::keyset!(@after $way, query, t::$column, t::id, key, $ty);
                }
                let query = $crate::keyset!(@order $way, query, t::$column, t::id);
                let rows = query.select((t::id, t::$column)).load($conn)?;
                rows.into_iter().map(|(id, value): (i64, $ty)| (id, KeyValue::to_key(&value))).collect()
            })+
        };
        Ok(PageIds::cut(rows, $page.limit, total))
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
