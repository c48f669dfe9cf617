//! State that belongs to modules above this one: the application inserts it, and its owner gets it by its type.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Result};

/// A map of values by type.
#[derive(Default)]
pub struct Parts(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl Parts {
    /// Inserts a value, replacing one of the same type.
    pub fn insert<T: Any + Send + Sync>(&mut self, part: T) {
        self.0.insert(TypeId::of::<T>(), Arc::new(part));
    }

    /// The value of a type; fails when the application has inserted none.
    pub fn get<T: Any + Send + Sync>(&self) -> Result<Arc<T>> {
        let part = self.0.get(&TypeId::of::<T>()).cloned().and_then(|part| part.downcast().ok());
        part.ok_or_else(|| Error::unexpected(format!("the application has no {}", std::any::type_name::<T>())))
    }
}
