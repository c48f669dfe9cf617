//! How rows are written and read alike in every store.

/// Writes a row: inserts it with version 1, or replaces every column of the one with this id and raises its version.
#[macro_export]
macro_rules! put_row {
    ($tx:expr, $table:ident, $id:expr, $row:expr) => {{
        use diesel::prelude::*;
        use $crate::db::schema::$table::dsl as t;
        match $id {
            None => diesel::insert_into(t::$table)
                .values((&$row, t::version.eq(1), t::created_at.eq($tx.now), t::updated_at.eq($tx.now)))
                .returning(t::id)
                .get_result::<i64>($tx.conn)?,
            Some(id) => {
                diesel::update(t::$table.find(id))
                    .set((&$row, t::version.eq(t::version + 1), t::updated_at.eq($tx.now)))
                    .execute($tx.conn)?;
                id
            }
        }
    }};
}

/// Puts the ids of a many-to-many list in place of those that are there, in order.
#[macro_export]
macro_rules! put_links {
    ($tx:expr, $table:ident, $owner:ident = $id:expr, $other:ident in $ids:expr) => {{
        use diesel::prelude::*;
        use $crate::db::schema::$table::dsl as t;
        diesel::delete(t::$table.filter(t::$owner.eq($id))).execute($tx.conn)?;
        for (position, other) in (0_i32..).zip($ids) {
            diesel::insert_into(t::$table)
                .values((t::$owner.eq($id), t::$other.eq(other), t::position.eq(position)))
                .execute($tx.conn)?;
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
