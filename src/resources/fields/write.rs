//! The second half of [`fields!`](crate::fields): what is written for a list of fields.

/// Writes the types and the conversions of a resource from what [`fields!`](crate::fields) made of its fields: for each field a group
/// such as
///
/// ```ignore
/// {
///     read { pub pairing: Reference, } new { pub pairing: Ref, } columns { (pairing_id: i64) }
///     load { pairing: context.one(&pairings::KIND, row.pairing_id), } save { pairing_id: context.column("pairing"), }
/// }
/// ```
///
/// It expands to a `struct` with the `read` of all fields, one with their `new`, one with their `columns`, and functions with
/// their `load` and their `save`; see the list at [`fields!`](crate::fields).
#[macro_export]
macro_rules! write_fields {
    // A column of a sheet, and the column of a reference.
    (@column $name:expr, $zh:literal, [$($kind:expr)?], $parts:expr) => {
        $crate::model::sheet::Field { name: $name, zh: $zh, names: $crate::write_fields!(@optional $($kind)?), parts: $parts }
    };
    (@optional) => { None };
    (@optional $some:expr) => { Some($some) };
    (@table Self $table:ident) => { stringify!($table) };
    (@table $other:ident $table:ident) => { stringify!($other) };

    // The fields that a row does not hold.
    (@parts $name:ident) => {
        #[doc = "The record has no field that its row does not hold."]
        pub type $name = ();
    };
    (@parts $name:ident $($field:tt)+) => {
        #[doc = "The fields of a record that its row does not hold."]
        #[derive(serde::Serialize)]
        pub struct $name { $($field)+ }
    };
    // A whole row, for `COPY`, which takes no row within a row.
    (@copied [] $row:ident $table:ident $($column:tt)*) => {};
    (@copied [$name:ident] $row:ident $table:ident $(($column:ident: $($type:tt)*))*) => {
        #[doc = "A whole row, with the id that was reserved for it."]
        #[derive(diesel::Insertable)]
        #[diesel(table_name = $crate::db::schema::$table, treat_none_as_default_value = false)]
        pub struct $name {
            id: i64, version: i64, created_at: $crate::model::types::Instant, updated_at: $crate::model::types::Instant,
            $($column: $($type)*,)*
        }

        impl $name {
            #[doc = "The row of a new record."]
            pub fn new(id: i64, now: $crate::model::types::Instant, row: $row) -> $name {
                $name { id, version: 1, created_at: now, updated_at: now, $($column: row.$column,)* }
            }
        }
    };

    (
        { [$(#[doc = $about:literal])+ $Read:ident] [$(#[doc = $about_new:literal])+ $New:ident] $Resource:ident $table:ident
            $sheet_zh:literal $copied:tt [$($code_doc:tt)*] [$($code_default:tt)*] [$($code:tt)*] }
        [$row:ident $new:ident $context:ident $parts:ident]
        $({
            $(read { $($read:tt)* })? $(after { $($after:tt)* })? $(new { $($given_field:tt)* })?
            $(columns { $(($column:tt: $($type:tt)*))* })? $(load { $($load:tt)* })? $(save { $($save:tt)* })?
            $(given { $($given:tt)* })? $(want { $($want:tt)* })? $(referred { $($referred:tt)* })?
            $(outgoing { $(($out:expr, $out_kind:ident, $out_table:tt, $out_column:expr))* })?
            $(sheet { ($sheet:expr, $zh:literal, $names:expr, $sub:expr) })?
            $(texts { $((searched $($text:tt)*))? })? $(computed { $($computed:tt)* })? $(parts { $($part:tt)* })?
        })*
    ) => {
        pastey::paste! {
            $(#[doc = $about])+
            #[derive(Debug, serde::Serialize, utoipa::ToSchema)]
            pub struct $Read {
                #[doc = "Numeric identifier, assigned on creation, never reused."]
                #[schema(minimum = 1, example = 1)]
                pub id: i64,
                $($code_doc)*
                pub code: $($code)*,
                #[doc = "Version of the record, incremented by every change."]
                #[schema(minimum = 1, example = 1)]
                pub version: i64,
                #[doc = "When the record was created."]
                pub created_at: $crate::model::types::Instant,
                #[doc = "When the record was last changed."]
                pub updated_at: $crate::model::types::Instant,
                $($($($read)*)?)*
                #[doc = "Sources cited for this record."]
                pub citations: Vec<$crate::record::citations::Citation>,
                $($($($after)*)?)*
            }

            $(#[doc = $about_new])+
            #[derive(Debug, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
            #[serde(deny_unknown_fields)]
            pub struct $New {
                $($code_doc)* $($code_default)*
                pub code: $($code)*,
                $($($($given_field)*)?)*
                #[doc = "Sources cited for this record."]
                #[serde(default)]
                pub citations: Vec<$crate::record::citations::NewCitation>,
            }

            #[doc = "The columns of the resource's own."]
            #[derive(diesel::Queryable, diesel::Selectable, diesel::Insertable, diesel::AsChangeset)]
            // A statement with `DEFAULT` in place of null is not cached.
            #[diesel(table_name = $crate::db::schema::$table, treat_none_as_null = true, treat_none_as_default_value = false)]
            pub struct [<$Read Row>] {
                pub code: $($code)*,
                $($($(pub $column: $($type)*,)*)?)*
            }

            $crate::write_fields! { @parts [<$Read Parts>] $($($($part)*)?)* }
            $crate::write_fields! { @copied $copied [<$Read Row>] $table (code: $($code)*) $($($(($column: $($type)*))*)?)* }

            #[doc = "The columns that hold references."]
            pub static OUTGOING: &[$crate::db::reference::Outgoing] = &[$($($($crate::db::reference::Outgoing {
                field: $out,
                to: &$crate::resources::$out_kind::KIND,
                table: $crate::write_fields!(@table $out_table $table),
                column: $out_column,
            },)*)?)*];

            #[doc = "The sheet of the records in a workbook."]
            pub static SHEET: $crate::model::sheet::Sheet = $crate::model::sheet::Sheet {
                zh: $sheet_zh,
                fields: &[
                    $crate::model::sheet::Field { name: "code", zh: "代码", names: None, parts: &[] },
                    $($($crate::model::sheet::Field { name: $sheet, zh: $zh, names: $names, parts: $sub },)?)*
                ],
            };

            #[allow(unused_variables, reason = "a resource without references has no use for what they are resolved by")]
            impl $crate::record::Record for $Resource {
                type Read = $Read;
                type New = $New;

                const KIND: &'static $crate::db::reference::Kind = &super::KIND;
                const NEW: &'static str = stringify!($New);
                const COMPUTED: &'static [&'static str] = &[$($($($computed)*)?)*];
                const SHEET: Option<&'static $crate::model::sheet::Sheet> = Some(&SHEET);

                fn given($new: &$New) -> Vec<$crate::record::Given<'_>> {
                    vec![$($($($given)*)?)*]
                }

                fn texts($new: &$New) -> Vec<&str> {
                    <[Vec<&str>]>::concat(&[$($($($crate::resources::fields::Searched::texts(&$($text)*).collect(),)?)?)*])
                }

                fn code(new: &$New) -> Option<&$crate::model::types::Code> {
                    $crate::resources::fields::AsCode::as_code(&new.code)
                }

                fn citations(new: &$New) -> &[$crate::record::citations::NewCitation] {
                    &new.citations
                }

                fn id_and_version(read: &$Read) -> (i64, i64) {
                    (read.id, read.version)
                }

                fn refers_to_own_kind(read: &$Read) -> bool {
                    $crate::resources::fields::refers_to_own_kind::<Self>(read)
                }
            }

            #[allow(unused_variables, reason = "a resource without references has no use for what they are resolved by")]
            impl $crate::resources::fields::Fields for $Resource {
                type Row = [<$Read Row>];
                type Parts = [<$Read Parts>];

                fn stored(
                    conn: &mut $crate::db::Conn,
                    ids: &[i64],
                ) -> $crate::error::Result<Vec<$crate::resources::fields::Stored<Self::Row>>> {
                    use diesel::expression::Expression;
                    use $crate::db::schema::$table as t;
                    type Columns = (
                        <t::code as Expression>::SqlType,
                        $($($(<t::$column as Expression>::SqlType,)*)?)*
                    );
                    static STATEMENTS: $crate::resources::fields::Statements =
                        $crate::resources::fields::Statements::new(&["code", $($($(stringify!($column),)*)?)*]);
                    STATEMENTS.load::<Columns, Self::Row>(conn, &super::KIND, ids)
                }

                fn want($row: &Self::Row, $context: &mut $crate::db::reference::References) {
                    $($($($want)*)?)*
                }

                fn read(
                    head: $crate::resources::fields::Head,
                    $row: Self::Row,
                    $parts: Self::Parts,
                    $context: &$crate::resources::fields::Found<'_>,
                    citations: Vec<$crate::record::citations::Citation>,
                ) -> $Read {
                    let $crate::resources::fields::Head { id, version, created_at, updated_at } = head;
                    $Read { id, code: $row.code, version, created_at, updated_at, citations, $($($($load)*)?)* }
                }

                fn row($new: &$New, $context: &$crate::resources::fields::Ids) -> Self::Row {
                    [<$Read Row>] { code: $new.code.clone(), $($($($save)*)?)* }
                }

                fn put(
                    tx: &mut $crate::record::Tx<'_>,
                    id: Option<i64>,
                    row: &Self::Row,
                ) -> $crate::error::Result<i64> {
                    use diesel::prelude::*;
                    use $crate::db::schema::$table as t;
                    $crate::db::names::note_written(&super::KIND);
                    let updated = t::updated_at.eq(tx.now);
                    Ok(match (id, tx.restored()) {
                        (Some(id), _) => {
                            let changes = (row, t::version.eq(t::version + 1), updated);
                            diesel::update(t::table.find(id)).set(changes).execute(tx.conn)?;
                            id
                        }
                        (None, None) => diesel::insert_into(t::table)
                            .values((row, t::version.eq(1), t::created_at.eq(tx.now), updated))
                            .returning(t::id)
                            .get_result(tx.conn)?,
                        (None, Some(old)) => {
                            let head = (t::id.eq(old.id), t::version.eq(old.version), t::created_at.eq(old.created_at));
                            diesel::insert_into(t::table).values((row, head, updated)).execute(tx.conn)?;
                            old.id
                        }
                    })
                }

                fn referred($row: &$Read) -> Vec<(&'static str, Vec<i64>)> {
                    vec![$($($($referred)*)?)*]
                }
            }
        }
    };
}
