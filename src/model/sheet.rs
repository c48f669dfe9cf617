//! The sheet of a resource: its Chinese name, and the order and Chinese headers of its columns.
//!
//! English headers are the names of the fields. The list of a resource's fields declares the Chinese headers, their order, and
//! the kind of record that a field refers to. Everything else about a column comes from the published schema.

/// A resource's sheet.
pub struct Sheet {
    /// Name of the sheet in Chinese; in English it is the path of the resource.
    pub zh: &'static str,
    /// In the order of the columns.
    pub fields: &'static [Field],
}

/// A field, or a part of a field that holds objects.
pub struct Field {
    pub name: &'static str,
    /// Header in Chinese.
    pub zh: &'static str,
    /// Kind of record that the field refers to; `None` for other fields.
    pub names: Option<&'static str>,
    /// Fields of the object, or of each object of the list, that the field holds.
    pub parts: &'static [Field],
}

/// The sources cited for a record, a field of every resource.
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

    /// The kind of record that a field refers to, by its dotted name: `members.region`.
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
