//! Macros that declare the [`Kind`](crate::db::reference::Kind) of a resource.

/// How the records of a kind are named: by a text in two columns of its table.
#[macro_export]
macro_rules! named {
    ($table:ident by $zh:ident, $en:ident) => {
        |conn, ids| {
            use diesel::prelude::*;
            use $crate::db::schema::$table::dsl as t;
            let rows: Vec<(i64, Option<String>, String, Option<String>)> =
                t::$table.filter(t::id.eq_any(ids)).select((t::id, t::code.nullable(), t::$zh, t::$en)).load(conn)?;
            Ok(rows
                .into_iter()
                .map(|(id, code, zh, en)| $crate::db::reference::Reference {
                    id,
                    code,
                    name: $crate::model::text::Text { zh, en },
                })
                .collect())
        }
    };
}

/// Defines the [`Kind`] of a resource from its table. `references` says how its records are named: see [`named!`].
#[macro_export]
macro_rules! kind {
    ($name:literal, $path:literal, $number:literal, $table:ident, $references:expr, $about:literal,
     refers to { $($to:literal by $other:ident :: $column:ident),* $(,)? }
     $(, after $after:expr)? $(, private $private:expr)? $(, restorable $restorable:literal)?
     $(, confidential $confidential:literal)?) => {
        /// What the rest of the service knows of this kind of record.
        pub static KIND: $crate::db::reference::Kind = $crate::db::reference::Kind {
            name: $name,
            path: $path,
            number: $number,
            own_code: |conn, code| {
                use diesel::prelude::*;
                use $crate::db::schema::$table::dsl as t;
                t::$table.filter(t::code.eq(code)).select(t::id).first(conn).optional()
            },
            find_codes: |conn, codes| {
                use diesel::prelude::*;
                use $crate::db::schema::$table::dsl as t;
                t::$table.filter(t::code.eq_any(codes)).select((t::code.assume_not_null(), t::id)).load(conn)
            },
            ids_after: |conn, id, limit| {
                use diesel::prelude::*;
                use $crate::db::schema::$table::dsl as t;
                t::$table.filter(t::id.gt(id)).order(t::id).limit(limit).select(t::id).load(conn)
            },
            made: |conn, ids| {
                use diesel::prelude::*;
                use $crate::db::schema::$table::dsl as t;
                t::$table.filter(t::id.eq_any(ids)).select((t::id, t::code.nullable(), t::created_at)).load(conn)
            },
            exists: |conn, id| {
                use diesel::prelude::*;
                use $crate::db::schema::$table::dsl as t;
                t::$table.find(id).select(t::id).first::<i64>(conn).optional().map(|found| found.is_some())
            },
            references: $references,
            lock: |conn, id| $crate::lock_version!(conn, $table, id),
            delete: |conn, id| {
                use diesel::prelude::*;
                use $crate::db::schema::$table::dsl as t;
                diesel::delete(t::$table.find(id)).execute(conn)
            },
            refers_to: &[$($crate::db::reference::Outgoing {
                to: $to,
                count: |conn, id| {
                    use diesel::prelude::*;
                    use $crate::db::schema::$other::dsl as t;
                    t::$other.filter(t::$column.eq(id)).count().get_result(conn)
                },
            }),*],
            about: $about,
            after: $crate::kind!(@or_none $($after)?),
            private: $crate::kind!(@or_none $($private)?),
            cites: &$crate::resources::documents::KIND,
            is_restorable: $crate::kind!(@or true, $($restorable)?),
            is_confidential: $crate::kind!(@or false, $($confidential)?),
        };
    };
    (@or_none) => { &[] };
    (@or_none $some:expr) => { $some };
    (@or $default:literal,) => { $default };
    (@or $default:literal, $some:literal) => { $some };
}
