//! The schema of a merge patch, derived from what it is applied to: every field optional, what may be cleared nullable.

use utoipa::PartialSchema;
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::{OneOfBuilder, RefOr};

/// Names the merge patch of what is written: `NewAgreement` is patched by `AgreementPatch`.
pub fn component(new: &str) -> String {
    format!("{}Patch", new.trim_start_matches("New"))
}

/// The schema of the merge patch (RFC 7396) of `New`.
pub fn schema<New: PartialSchema>() -> RefOr<Schema> {
    let RefOr::T(Schema::Object(mut object)) = New::schema() else { return New::schema() };
    let required = std::mem::take(&mut object.required);
    for (name, property) in &mut object.properties {
        patch_text(property);
        if !required.contains(name) {
            make_nullable(property);
        }
        if let RefOr::T(Schema::Object(property)) = property {
            property.default = None;
        }
    }
    object.description =
        Some("JSON Merge Patch (RFC 7396): a field that is absent stays as it is, null clears it.".to_owned());
    RefOr::T(Schema::Object(object))
}

/// The schema of `New` without one field, which a path gives instead.
pub fn without<New: PartialSchema>(field: &str) -> RefOr<Schema> {
    let RefOr::T(Schema::Object(mut object)) = New::schema() else { return New::schema() };
    object.properties.shift_remove(field);
    object.required.retain(|name| name != field);
    RefOr::T(Schema::Object(object))
}

/// A text is patched language by language.
fn patch_text(property: &mut RefOr<Schema>) {
    match property {
        RefOr::Ref(reference) if reference.ref_location.ends_with("/Text") => reference.ref_location.push_str("Patch"),
        RefOr::T(Schema::OneOf(choice)) => choice.items.iter_mut().for_each(patch_text),
        _ => {}
    }
}

fn make_nullable(property: &mut RefOr<Schema>) {
    match property {
        RefOr::T(Schema::Object(object)) => add_null(&mut object.schema_type),
        RefOr::T(Schema::Array(array)) => add_null(&mut array.schema_type),
        RefOr::Ref(_) => {
            let null = utoipa::openapi::ObjectBuilder::new().schema_type(Type::Null);
            let either = OneOfBuilder::new().item(null).item(property.clone());
            *property = RefOr::T(Schema::OneOf(either.build()));
        }
        // A `oneOf` that came from an optional reference has its null already.
        RefOr::T(_) => {}
    }
}

fn add_null(types: &mut SchemaType) {
    let mut all = match types {
        SchemaType::Type(one) => vec![one.clone()],
        SchemaType::Array(all) => all.clone(),
        SchemaType::AnyValue => return,
    };
    if !all.contains(&Type::Null) {
        all.push(Type::Null);
        *types = SchemaType::Array(all);
    }
}
