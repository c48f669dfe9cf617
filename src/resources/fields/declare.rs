//! [`fields!`](crate::fields), the list of a resource's fields.

/// Declares the fields of a resource, in its `api.rs`.
///
/// ```ignore
/// fields! {
///     /// Two organizations tied under a pairing.
///     Twinning;
///     /// A twinning to create.
///     NewTwinning;
///     resource Twinnings, table twinnings, sheet "单位结对", code Option<Code>;
///
///     /// Pairing that the twinning belongs to.
///     pairing: Ref<pairings> "结对",
///     /// Field of cooperation.
///     sector: Option<Ref<sectors>> "合作领域",
///     /// Free-text note.
///     #[schema(max_length = 200)]
///     note: Option<String> "备注" searched,
/// }
/// ```
///
/// It expands to
///
/// - `struct Twinning { id, code, version, created_at, updated_at, pairing: Reference, sector: Option<Reference>, …, citations }`,
/// - `struct NewTwinning { code, pairing: Ref, #[serde(default)] sector: Option<Ref>, …, citations }`,
/// - `struct TwinningRow { code, pairing_id: i64, sector_id: Option<i64>, note: Option<String> }`, a row for Diesel,
/// - `struct TwinningParts { … }` with the fields that are not read from the row (an alias of `()` without any),
/// - `static OUTGOING`, the columns that hold references, and `static SHEET`, the columns of a workbook's sheet,
/// - `impl Record for Twinnings` and `impl Fields for Twinnings`.
///
/// The text after the type is the column's header in Chinese; `searched` lets `q` find the field. Attributes that differ between
/// what is read and what is written are `#[read(…)]` and `#[new(…)]`. The types are
///
/// | type | read | written | columns |
/// |---|---|---|---|
/// | `String`, `Option<NaiveDate>`, … | the same | the same | the field's own name |
/// | `Weight in weight_thousandths` | the same | the same | the one that is named |
/// | `Text`, `Option<Text>` | the same | the same | `…_zh`, `…_en` |
/// | `Ref<kind>`, `Option<Ref<kind>>` | `Reference` | `Ref` | `…_id` |
/// | `Vec<Ref<kind>> in links.column` | `Vec<Reference>` | `Vec<Ref>` | a table of links |
/// | `stored T` | as above | never | as above; set by `save` |
/// | `column Option<T>` | never | never | its own name; set by `save` |
/// | `computed T` | by `load`, in `…Parts` | never | none |
/// | `nested { T } from { U } in table` | by `load`, in `…Parts` | by `save` | a table of parts |
/// | `written Option<T>` | never | by `save` | none |
#[macro_export]
macro_rules! fields {
    (
        $(#[doc = $about:literal])+ $Read:ident; $(#[doc = $about_new:literal])+ $New:ident;
        resource $Resource:ident, table $table:ident, sheet $sheet:literal, code Code $(, copied as $copied:ident)?;
        $($field:tt)*
    ) => {
        // A name that one expansion introduces does not exist in another, so the names of local variables are passed along.
        $crate::fields! { @next
            { [$(#[doc = $about])+ $Read] [$(#[doc = $about_new])+ $New] $Resource $table $sheet [$($copied)?]
                [#[doc = "Unique slug."]] [] [$crate::model::types::Code] }
            [row new context parts] [] $($field)* }
    };
    (
        $(#[doc = $about:literal])+ $Read:ident; $(#[doc = $about_new:literal])+ $New:ident;
        resource $Resource:ident, table $table:ident, sheet $sheet:literal, code Option<Code> $(, copied as $copied:ident)?;
        $($field:tt)*
    ) => {
        $crate::fields! { @next
            { [$(#[doc = $about])+ $Read] [$(#[doc = $about_new])+ $New] $Resource $table $sheet [$($copied)?]
                [#[doc = "Optional unique slug."]] [#[serde(default)]] [Option<$crate::model::types::Code>] }
            [row new context parts] [] $($field)* }
    };

    // One field after the other becomes a group of what it adds to each output, behind those that are done.
    (@next $head:tt $locals:tt [$($done:tt)*]) => { $crate::write_fields! { $head $locals $($done)* } };
    (@next $head:tt $locals:tt $done:tt
        $(#[doc = $doc:literal])* $(#[schema $schema:tt])? $(#[read($($read:tt)*)])* $(#[new($($new:tt)*)])*
        $name:ident: $($rest:tt)+
    ) => {
        $crate::fields! { @field $head $locals $done $name
            { $(#[doc = $doc])* $(#[schema $schema])? $(#[$($read)*])* } { $(#[doc = $doc])* $(#[schema $schema])? $(#[$($new)*])* }
            $($rest)+ }
    };

    // References.
    (@field $h:tt $l:tt $d:tt $n:ident $ra:tt $na:tt Ref<$kind:ident> $zh:literal, $($rest:tt)*) => {
        $crate::fields! { @reference $h $l $d $n $ra $na [$crate::db::reference::Reference] [$crate::model::types::Ref] [i64] $kind $zh $($rest)* }
    };
    (@field $h:tt $l:tt $d:tt $n:ident $ra:tt {$($na:tt)*} Option<Ref<$kind:ident>> $zh:literal, $($rest:tt)*) => {
        $crate::fields! { @reference $h $l $d $n $ra {$($na)* #[serde(default)]}
            [Option<$crate::db::reference::Reference>] [Option<$crate::model::types::Ref>] [Option<i64>] $kind $zh $($rest)* }
    };
    (@reference $h:tt [$row:ident $new:ident $context:ident $parts:ident] [$($done:tt)*] $name:ident {$($ra:tt)*} {$($na:tt)*}
        [$($read:tt)*] [$($given:tt)*] [$($column:tt)*] $kind:ident $zh:literal $($rest:tt)*
    ) => {
        $crate::fields! { @next $h [$row $new $context $parts] [$($done)* {
            read { $($ra)* pub $name: $($read)*, }
            new { $($na)* pub $name: $($given)*, }
            columns { ([<$name _id>]: $($column)*) }
            load { $name: $context.one(&$crate::resources::$kind::KIND, $row.[<$name _id>]), }
            save { [<$name _id>]: $context.column(stringify!($name)), }
            given { $crate::record::Given::new(stringify!($name), &$crate::resources::$kind::KIND, &$new.$name), }
            want { $context.want(&$crate::resources::$kind::KIND, $row.[<$name _id>]); }
            referred { (stringify!($name), $crate::resources::fields::AsIds::as_ids(&$row.$name)), }
            outgoing { (stringify!($name), $kind, Self, concat!(stringify!($name), "_id")) }
            sheet { (stringify!($name), $zh, Some($crate::resources::$kind::KIND.name), &[]) }
        }] $($rest)* }
    };
    (@field $h:tt [$row:ident $new:ident $context:ident $parts:ident] [$($done:tt)*] $name:ident {$($ra:tt)*} $na:tt
        stored Ref<$kind:ident>, $($rest:tt)*
    ) => {
        $crate::fields! { @next $h [$row $new $context $parts] [$($done)* {
            read { $($ra)* pub $name: $crate::db::reference::Reference, }
            columns { ([<$name _id>]: i64) }
            load { $name: $context.one(&$crate::resources::$kind::KIND, $row.[<$name _id>]), }
            save { [<$name _id>]: 0, }
            want { $context.want(&$crate::resources::$kind::KIND, $row.[<$name _id>]); }
            outgoing { (stringify!($name), $kind, Self, concat!(stringify!($name), "_id")) }
        }] $($rest)* }
    };

    // Lists of references.
    (@field $h:tt [$row:ident $new:ident $context:ident $parts:ident] [$($done:tt)*] $name:ident {$($ra:tt)*} {$($na:tt)*}
        Vec<Ref<$kind:ident>> in $links:ident.$column:ident $zh:literal, $($rest:tt)*
    ) => {
        $crate::fields! { @next $h [$row $new $context $parts] [$($done)* {
            read { $($ra)* pub $name: Vec<$crate::db::reference::Reference>, }
            new { $($na)* #[serde(default)] pub $name: Vec<$crate::model::types::Ref>, }
            load { $name: $context.list(stringify!($name), &$crate::resources::$kind::KIND), }
            given { $crate::record::Given::new(stringify!($name), &$crate::resources::$kind::KIND, &$new.$name), }
            referred { (stringify!($name), $crate::resources::fields::AsIds::as_ids(&$row.$name)), }
            outgoing { (stringify!($name), $kind, $links, stringify!($column)) }
            sheet { (stringify!($name), $zh, Some($crate::resources::$kind::KIND.name), &[]) }
        }] $($rest)* }
    };
    (@field $h:tt [$row:ident $new:ident $context:ident $parts:ident] [$($done:tt)*] $name:ident {$($ra:tt)*} $na:tt
        stored Vec<Ref<$kind:ident>> in $links:ident.$column:ident, $($rest:tt)*
    ) => {
        $crate::fields! { @next $h [$row $new $context $parts] [$($done)* {
            read { $($ra)* pub $name: Vec<$crate::db::reference::Reference>, }
            load { $name: $context.list(stringify!($name), &$crate::resources::$kind::KIND), }
            outgoing { (stringify!($name), $kind, $links, stringify!($column)) }
        }] $($rest)* }
    };

    // Texts in two languages.
    (@field $h:tt [$row:ident $new:ident $context:ident $parts:ident] [$($done:tt)*] $name:ident {$($ra:tt)*} {$($na:tt)*}
        Text $zh:literal $($searched:ident)?, $($rest:tt)*
    ) => {
        $crate::fields! { @next $h [$row $new $context $parts] [$($done)* {
            read { $($ra)* pub $name: $crate::model::text::Text, }
            new { $($na)* pub $name: $crate::model::text::Text, }
            columns { ([<$name _zh>]: String) ([<$name _en>]: Option<String>) }
            load { $name: $crate::model::text::Text { zh: $row.[<$name _zh>], en: $row.[<$name _en>] }, }
            save { [<$name _zh>]: $new.$name.zh.clone(), [<$name _en>]: $new.$name.en.clone(), }
            sheet { (stringify!($name), $zh, None, &[]) }
            texts { $(($searched $new.$name))? }
        }] $($rest)* }
    };
    (@field $h:tt [$row:ident $new:ident $context:ident $parts:ident] [$($done:tt)*] $name:ident {$($ra:tt)*} {$($na:tt)*}
        Option<Text> $zh:literal $($searched:ident)?, $($rest:tt)*
    ) => {
        $crate::fields! { @next $h [$row $new $context $parts] [$($done)* {
            read { $($ra)* pub $name: Option<$crate::model::text::Text>, }
            new { $($na)* #[serde(default)] pub $name: Option<$crate::model::text::Text>, }
            columns { ([<$name _zh>]: Option<String>) ([<$name _en>]: Option<String>) }
            load { $name: $crate::model::text::Text::optional($row.[<$name _zh>], $row.[<$name _en>]), }
            save {
                [<$name _zh>]: $new.$name.as_ref().map(|text| text.zh.clone()),
                [<$name _en>]: $new.$name.as_ref().and_then(|text| text.en.clone()),
            }
            sheet { (stringify!($name), $zh, None, &[]) }
            texts { $(($searched $new.$name))? }
        }] $($rest)* }
    };

    // What is stored as it is read.
    (@field $h:tt [$row:ident $new:ident $context:ident $parts:ident] [$($done:tt)*] $name:ident {$($ra:tt)*} $na:tt
        stored $type:ident $(<$inner:ident>)?, $($rest:tt)*
    ) => {
        $crate::fields! { @next $h [$row $new $context $parts] [$($done)* {
            read { $($ra)* pub $name: $type $(<$inner>)?, }
            columns { ($name: $type $(<$inner>)?) }
            load { $name: $row.$name, }
            save { $name: Default::default(), }
        }] $($rest)* }
    };
    (@field $h:tt $l:tt [$($done:tt)*] $name:ident $ra:tt $na:tt column Option<$inner:ident>, $($rest:tt)*) => {
        $crate::fields! { @next $h $l [$($done)* {
            columns { ($name: Option<$inner>) }
            save { $name: None, }
        }] $($rest)* }
    };

    // What is not in the row.
    (@field $h:tt [$row:ident $new:ident $context:ident $parts:ident] [$($done:tt)*] $name:ident {$($ra:tt)*} $na:tt
        computed $type:ident $(<$inner:ident>)?, $($rest:tt)*
    ) => {
        $crate::fields! { @next $h [$row $new $context $parts] [$($done)* {
            after { $($ra)* pub $name: $type $(<$inner>)?, }
            load { $name: $parts.$name, }
            computed { stringify!($name), }
            parts { pub $name: $type $(<$inner>)?, }
        }] $($rest)* }
    };
    (@field $h:tt $l:tt [$($done:tt)*] $name:ident $ra:tt {$($na:tt)*} written Option<$inner:ident> $zh:literal, $($rest:tt)*) => {
        $crate::fields! { @next $h $l [$($done)* {
            new { $($na)* #[serde(default)] pub $name: Option<$inner>, }
            sheet { (stringify!($name), $zh, None, &[]) }
        }] $($rest)* }
    };
    (@field $h:tt [$row:ident $new:ident $context:ident $parts:ident] [$($done:tt)*] $name:ident {$($ra:tt)*} {$($na:tt)*}
        nested { $($read:tt)* } from { $($given:tt)* } in $table:ident
        $zh:literal { $($part:ident $part_zh:literal $(=> $kind:ident)?),* $(,)? } $($searched:ident)?, $($rest:tt)*
    ) => {
        $crate::fields! { @next $h [$row $new $context $parts] [$($done)* {
            read { $($ra)* pub $name: $($read)*, }
            new { $($na)* pub $name: $($given)*, }
            load { $name: $parts.$name, }
            outgoing { $($(("", $kind, $table, concat!(stringify!($part), "_id")))?)* }
            sheet { (stringify!($name), $zh, None,
                &[$($crate::write_fields!(@column stringify!($part), $part_zh, [$($crate::resources::$kind::KIND.name)?], &[])),*]) }
            texts { $(($searched $new.$name))? }
            parts { pub $name: $($read)*, }
        }] $($rest)* }
    };

    // Plain columns; last, because any type would match.
    (@field $h:tt $l:tt $d:tt $name:ident $ra:tt {$($na:tt)*} Option<$inner:ident> $zh:literal $($searched:ident)?, $($rest:tt)*) => {
        $crate::fields! { @plain $h $l $d $name $ra {$($na)* #[serde(default)]} [Option<$inner>] $name $zh [$($searched)?] $($rest)* }
    };
    (@field $h:tt $l:tt $d:tt $name:ident $ra:tt $na:tt $type:ident in $column:ident $zh:literal, $($rest:tt)*) => {
        $crate::fields! { @plain $h $l $d $name $ra $na [$type] $column $zh [] $($rest)* }
    };
    (@field $h:tt $l:tt $d:tt $name:ident $ra:tt $na:tt $type:ident $zh:literal $($searched:ident)?, $($rest:tt)*) => {
        $crate::fields! { @plain $h $l $d $name $ra $na [$type] $name $zh [$($searched)?] $($rest)* }
    };
    (@plain $h:tt [$row:ident $new:ident $context:ident $parts:ident] [$($done:tt)*] $name:ident {$($ra:tt)*} {$($na:tt)*}
        [$($type:tt)*] $column:ident $zh:literal [$($searched:ident)?] $($rest:tt)*
    ) => {
        $crate::fields! { @next $h [$row $new $context $parts] [$($done)* {
            read { $($ra)* pub $name: $($type)*, }
            new { $($na)* pub $name: $($type)*, }
            columns { ($column: $($type)*) }
            load { $name: $row.$column, }
            save { $column: Clone::clone(&$new.$name), }
            sheet { (stringify!($name), $zh, None, &[]) }
            texts { $(($searched $new.$name))? }
        }] $($rest)* }
    };
}
