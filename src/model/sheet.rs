//! How a resource is written down in a table: the name of its sheet and the headers of its columns.
//!
//! English headers are the fields' own names; the Chinese ones, the order of the columns, and which kind of record a
//! field names stand in each resource's `sheet.rs`. Everything else about a column is in the published schema.

/// A resource's sheet.
pub struct Sheet {
    /// The sheet's name in Chinese; the English one is the resource's path.
    pub zh: &'static str,
    /// In the order of the columns.
    pub fields: &'static [Field],
}

/// A field, or a part of one.
pub struct Field {
    pub name: &'static str,
    /// The header in Chinese.
    pub zh: &'static str,
    /// The kind of record that it names, where it names one or a list of them.
    pub names: Option<&'static str>,
    /// The fields of the object, or of each object of the list, that it holds.
    pub parts: &'static [Field],
}

/// What every record has: the documents that it rests on.
pub static CITATIONS: Field = Field {
    name: "citations",
    zh: "出处",
    names: None,
    parts: &[
        Field { name: "document", zh: "文件", names: Some("document"), parts: &[] },
        Field { name: "field", zh: "字段", names: None, parts: &[] },
        Field { name: "locator", zh: "位置", names: None, parts: &[] },
        Field { name: "note", zh: "备注", names: None, parts: &[] },
    ],
};

impl Sheet {
    /// The resource's own fields and the citations.
    pub fn all_fields(&self) -> impl Iterator<Item = &'static Field> {
        self.fields.iter().chain([&CITATIONS])
    }

    /// The kind of record that a field names, by its dotted name: `members.region`.
    pub fn names(&self, dotted: &str) -> Option<&'static str> {
        let mut parts = dotted.split('.');
        let first = parts.next()?;
        let mut field = self.all_fields().find(|field| field.name == first)?;
        for part in parts {
            field = field.parts.iter().find(|field| field.name == part)?;
        }
        field.names
    }
}

/// Declares `SHEET`: its Chinese name, then each field with its Chinese header, `=>` the kind that it names, and in
/// braces the parts of what it holds.
///
/// ```ignore
/// sheet! { "结对", code "代码", programme "计划" => "programme", members "成员" { region "地区" => "region" } }
/// ```
#[macro_export]
macro_rules! sheet {
    ($zh:literal, $($name:ident $label:literal $(=> $names:literal)? $({ $($parts:tt)* })?),+ $(,)?) => {
        /// The sheet's name and columns.
        pub static SHEET: $crate::model::sheet::Sheet = $crate::model::sheet::Sheet {
            zh: $zh,
            fields: $crate::sheet!(@fields $($name $label $(=> $names)? $({ $($parts)* })?,)+),
        };
    };
    (@fields $($name:ident $label:literal $(=> $names:literal)? $({ $($parts:tt)* })?,)*) => {
        &[$($crate::model::sheet::Field {
            name: stringify!($name),
            zh: $label,
            names: $crate::sheet!(@names $($names)?),
            parts: $crate::sheet!(@parts $($($parts)*)?),
        }),*]
    };
    (@names) => { None };
    (@names $names:literal) => { Some($names) };
    (@parts) => { &[] };
    (@parts $($parts:tt)+) => { $crate::sheet!(@fields $($parts)+) };
}
