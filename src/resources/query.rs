//! Filter parameters of lists.

/// Adds the filter parameters of a list that are given to a boxed query; a reference that is not found becomes a fault.
///
/// ```ignore
/// filter!(query, conn, faults, projects: text(q), reference(pairing => pairings.pairing_id), since(updated_since));
/// ```
///
/// expands to one assignment for each parameter:
///
/// ```ignore
/// query = match q { Some(words) => query.filter(search::matches(conn, "projects.id", "project", words)), None => query };
/// query = match pairing { Some(pairing) => query.filter(projects::pairing_id.eq(id)), None => query };
/// ```
///
/// | form | parameter | condition |
/// |---|---|---|
/// | `text(q)` | words | the searched texts of the record contain them |
/// | `reference(f => kind.column)` | a reference | the column holds the id of that record |
/// | `either(f => kind.a, b)` | a reference | one of two columns holds the id of that record |
/// | `linked(f => kind in links(owner, other))` | a reference | a row of `links` ties the record to that one |
/// | `programme(f)` | a reference | `pairing_id` is that of a pairing of the programme |
/// | `equal(f => column)` | a value | the column is that value |
/// | `among(f => column)` | some values | the column is one of them |
/// | `from(f => column)`, `to(f => column)` | a value | the column is at least, at most that value |
/// | `active(f => from, to)` | a day | the period of the two columns contains it; a bound that is null is open |
/// | `since(f)` | an instant | the record was changed at that instant or later |
///
/// Where the forms cover all parameters, `filter!(conn, projects, filter => ProjectFilter { text(q), … })` is the whole of it: the
/// query from the table on, as `Ok(query)`, or the faults. A parameter that no form covers does not compile.
///
/// A function cannot do it: the type of a boxed query, and what its columns compare with, differ for each table.
#[macro_export]
macro_rules! filter {
    ($conn:expr, $table:ident, $filter:expr => $Filter:ident { $($way:ident($field:ident $($rule:tt)*)),+ $(,)? }) => {{
        use diesel::prelude::*;
        let $Filter { $($field,)+ sort: _ } = $filter;
        let mut faults = $crate::error::Faults::default();
        let mut query = $crate::db::schema::$table::table.into_boxed::<$crate::db::MultiBackend>();
        $crate::filter!(query, $conn, faults, $table: $($way($field $($rule)*)),+);
        faults.refuse()?;
        Ok(query)
    }};
    ($query:ident, $conn:expr, $faults:ident, $table:ident: $($way:ident($($rule:tt)+)),+ $(,)?) => {
        $($query = $crate::filter!(@$way $query, $conn, $faults, $table, $($rule)+);)+
    };
    (@text $query:ident, $conn:expr, $faults:ident, $table:ident, $field:ident) => {
        match $field {
            Some(words) => $query.filter($crate::db::search::matches(
                $conn, concat!(stringify!($table), ".id"), super::KIND.name, words,
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
    (@either $query:ident, $conn:expr, $faults:ident, $table:ident, $field:ident => $kind:ident.$a:ident, $b:ident) => {
        match $crate::filter!(@id $conn, $faults, $field, $kind) {
            Some(id) => {
                use $crate::db::schema::$table as t;
                $query.filter(t::$a.eq(id).or(t::$b.eq(id)))
            }
            None => $query,
        }
    };
    (@equal $query:ident, $conn:expr, $faults:ident, $table:ident, $field:ident => $column:ident) => {
        match $field {
            Some(value) => $query.filter($crate::db::schema::$table::$column.eq(value)),
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
            // No record has the id 0, so that a reference that is not found matches nothing.
            Some(reference) => Some(
                $crate::resources::$kind::KIND
                    .resolve($conn, &mut $faults, concat!("/query/", stringify!($field)), reference)?
                    .unwrap_or(0),
            ),
            None => None,
        }
    };
}
