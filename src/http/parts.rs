//! State of modules above this one: the application puts it in, its owner takes it out by its type.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Result};

/// Values by their type, one of each.
#[derive(Default)]
pub struct Parts(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl Parts {
    /// Adds a value, in place of one of the same type.
    pub fn insert<T: Any + Send + Sync>(&mut self, part: T) {
        self.0.insert(TypeId::of::<T>(), Arc::new(part));
    }

    /// The value of a type. Fails where the application put none in.
    pub fn get<T: Any + Send + Sync>(&self) -> Result<Arc<T>> {
        let part = self.0.get(&TypeId::of::<T>()).cloned().and_then(|part| part.downcast().ok());
        part.ok_or_else(|| Error::unexpected(format!("the application has no {}", std::any::type_name::<T>())))
    }
}
