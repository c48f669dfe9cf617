//! Macros that all stores share: writing rows, linking records, and filter conditions.

/// Writes a row: inserts it with version 1, or as the deleted record that is being restored; or replaces every column of the
/// one with this id and raises its version.
#[macro_export]
macro_rules! put_row {
    ($tx:expr, $table:ident, $id:expr, $row:expr) => {{
        use diesel::prelude::*;
        use $crate::db::schema::$table::dsl as t;
        match $id {
            None => match $tx.restored() {
                None => diesel::insert_into(t::$table)
                    .values((&$row, t::version.eq(1), t::created_at.eq($tx.now), t::updated_at.eq($tx.now)))
                    .returning(t::id)
                    .get_result::<i64>($tx.conn)?,
                Some(restored) => {
                    let version = (t::version.eq(restored.version), t::created_at.eq(restored.created_at));
                    diesel::insert_into(t::$table)
                        .values((&$row, t::id.eq(restored.id), version, t::updated_at.eq($tx.now)))
                        .execute($tx.conn)?;
                    restored.id
                }
            },
            Some(id) => {
                diesel::update(t::$table.find(id))
                    .set((&$row, t::version.eq(t::version + 1), t::updated_at.eq($tx.now)))
                    .execute($tx.conn)?;
                id
            }
        }
    }};
}

/// Puts the ids of a many-to-many list in place of those that are there, in order; a list that is the same is left alone.
#[macro_export]
macro_rules! put_links {
    ($tx:expr, $table:ident, $owner:ident = $id:expr, $other:ident in $ids:expr) => {{
        use diesel::prelude::*;
        use $crate::db::schema::$table::dsl as t;
        let ids = $ids;
        let there: Vec<i64> =
            t::$table.filter(t::$owner.eq($id)).order(t::position).select(t::$other).load($tx.conn)?;
        if there != ids {
            diesel::delete(t::$table.filter(t::$owner.eq($id))).execute($tx.conn)?;
            for (position, other) in (0_i32..).zip(ids) {
                diesel::insert_into(t::$table)
                    .values((t::$owner.eq($id), t::$other.eq(other), t::position.eq(position)))
                    .execute($tx.conn)?;
            }
        }
    }};
}

/// Reads the ids of a many-to-many list for a page of owners: pairs of owner and other, in order.
#[macro_export]
macro_rules! links {
    ($conn:expr, $table:ident, $owner:ident in $ids:expr, $other:ident) => {{
        use diesel::prelude::*;
        use $crate::db::schema::$table::dsl as t;
        t::$table
            .filter(t::$owner.eq_any($ids))
            .order((t::$owner, t::position))
            .select((t::$owner, t::$other))
            .load::<(i64, i64)>($conn)?
    }};
}

/// Writes what every resource says alike of its records, inside its `impl Resource`: code, citations, id and version.
#[macro_export]
macro_rules! record_parts {
    ($read:ty, $new:ty, code required) => {
        $crate::record_parts!(@all $read, $new, |new| Some(&new.code));
    };
    ($read:ty, $new:ty, code optional) => {
        $crate::record_parts!(@all $read, $new, |new| new.code.as_ref());
    };
    (@all $read:ty, $new:ty, |$from:ident| $code:expr) => {
        fn code($from: &$new) -> Option<&$crate::model::types::Code> {
            $code
        }

        fn citations(new: &$new) -> &[$crate::record::citations::NewCitation] {
            &new.citations
        }

        fn id_and_version(read: &$read) -> (i64, i64) {
            (read.id, read.version)
        }
    };
}

/// Narrows a boxed query over a table by the fields of a filter that are given; what names no record becomes a fault.
///
/// ```ignore
/// filter!(query, conn, faults, projects: text(q), reference(pairing => pairings.pairing_id), since(updated_since));
/// ```
///
/// | way | the field | what it asks for |
/// |---|---|---|
/// | `text(q)` | words | the record's texts hold them |
/// | `reference(f => kind.column)` | a reference | the column names that record |
/// | `linked(f => kind in links(owner, other))` | a reference | a row of `links` ties the record to that one |
/// | `programme(f)` | a reference | `pairing_id` is a pairing of that programme |
/// | `among(f => column)` | some values | the column is one of them |
/// | `from(f => column)`, `to(f => column)` | a value | the column is that or later, that or earlier |
/// | `active(f => from, to)` | a day | the period of the two columns holds it; a bound that is null is open |
/// | `since(f)` | an instant | the record was changed then or later |
#[macro_export]
macro_rules! filter {
    ($query:ident, $conn:expr, $faults:ident, $table:ident: $($way:ident($($rule:tt)+)),+ $(,)?) => {
        $($query = $crate::filter!(@$way $query, $conn, $faults, $table, $($rule)+);)+
    };
    (@text $query:ident, $conn:expr, $faults:ident, $table:ident, $field:ident) => {
        match $field {
            Some(words) => $query.filter($crate::db::search::matches(
                $conn, concat!(stringify!($table), ".id"), $crate::resources::$table::KIND.name, words,
            )),
            None => $query,
        }
    };
    (@reference $query:ident, $conn:expr, $faults:ident, $table:ident, $field:ident => $kind:ident.$column:ident) => {
        match $crate::filter!(@id $conn, $faults, $field, $kind) {
            Some(id) => $query.filter($crate::db::schema::$table::$column.eq(id)),
            None => $query,
        }
    };
    (@linked $query:ident, $conn:expr, $faults:ident, $table:ident,
     $field:ident => $kind:ident in $links:ident($owner:ident, $other:ident)) => {
        match $crate::filter!(@id $conn, $faults, $field, $kind) {
            Some(id) => {
                use $crate::db::schema::$links as l;
                let owners = l::table.filter(l::$other.eq(id)).select(l::$owner);
                $query.filter($crate::db::schema::$table::id.eq_any(owners))
            }
            None => $query,
        }
    };
    (@programme $query:ident, $conn:expr, $faults:ident, $table:ident, $field:ident) => {
        match $crate::filter!(@id $conn, $faults, $field, programmes) {
            Some(id) => {
                use $crate::db::schema::pairings as p;
                let of_programme = p::table.filter(p::programme_id.eq(id)).select(p::id);
                $query.filter($crate::db::schema::$table::pairing_id.eq_any(of_programme))
            }
            None => $query,
        }
    };
    // An equality keeps the order of an index, a list of values does not.
    (@among $query:ident, $conn:expr, $faults:ident, $table:ident, $field:ident => $column:ident) => {
        match $field.as_slice() {
            [] => $query,
            [only] => $query.filter($crate::db::schema::$table::$column.eq(*only)),
            several => $query.filter($crate::db::schema::$table::$column.eq_any(several)),
        }
    };
    (@from $query:ident, $conn:expr, $faults:ident, $table:ident, $field:ident => $column:ident) => {
        match $field {
            Some(from) => $query.filter($crate::db::schema::$table::$column.ge(*from)),
            None => $query,
        }
    };
    (@to $query:ident, $conn:expr, $faults:ident, $table:ident, $field:ident => $column:ident) => {
        match $field {
            Some(to) => $query.filter($crate::db::schema::$table::$column.le(*to)),
            None => $query,
        }
    };
    (@active $query:ident, $conn:expr, $faults:ident, $table:ident, $field:ident => $from:ident, $to:ident) => {
        match $field {
            Some(day) => {
                use $crate::db::schema::$table as t;
                $query
                    .filter(t::$from.is_null().or(t::$from.le(*day)))
                    .filter(t::$to.is_null().or(t::$to.ge(*day)))
            }
            None => $query,
        }
    };
    (@since $query:ident, $conn:expr, $faults:ident, $table:ident, $field:ident) => {
        match $field {
            Some(since) => $query.filter($crate::db::schema::$table::updated_at.ge($crate::model::types::Instant::from(*since))),
            None => $query,
        }
    };
    (@id $conn:expr, $faults:ident, $field:ident, $kind:ident) => {
        match $field {
            // No record has the id 0, so an unknown reference matches nothing.
            Some(reference) => Some(
                $crate::resources::$kind::KIND
                    .resolve($conn, &mut $faults, concat!("/query/", stringify!($field)), reference)?
                    .unwrap_or(0),
            ),
            None => None,
        }
    };
}
