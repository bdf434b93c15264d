//! Values that the server passes to operations by reference.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
};

use super::Context;
use crate::{auth::Caller, scope::Scope};

/// Type of a server-provided parameter. Generated code creates one for each `&T` that an operation takes.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct StateType {
    id: fn() -> TypeId,
    name: fn() -> &'static str,
    provided_by_call: bool,
    proves: Option<Scope>,
}

impl StateType {
    /// Returns the descriptor of `T`.
    pub const fn of<T: 'static>() -> Self {
        Self { id: TypeId::of::<T>, name: std::any::type_name::<T>, provided_by_call: false, proves: None }
    }

    /// Returns the descriptor of a `T` that each call provides, and that proves a scope.
    pub const fn proof<T: 'static>(scope: Scope) -> Self {
        Self { provided_by_call: true, proves: Some(scope), ..Self::of::<T>() }
    }

    /// Returns whether the value proves a scope.
    pub(crate) fn is_proof(self) -> bool {
        self.proves.is_some()
    }

    pub(crate) fn id(self) -> TypeId {
        (self.id)()
    }

    pub(crate) fn name(self) -> &'static str {
        (self.name)()
    }

    /// Returns whether each call provides the value, so that the server needs no state of this type.
    pub(crate) fn is_provided_by_call(self) -> bool {
        self.provided_by_call || [TypeId::of::<Caller>(), TypeId::of::<Context>()].contains(&self.id())
    }
}

/// State of a server: every type that is `Send`, `Sync` and `'static`.
///
/// This trait only gives the compiler one message for a type that is not. It has no other implementations.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the state of a server",
    label = "not `Send + Sync`",
    note = "calls run at the same time on several threads, so state is `Send` and `Sync`: use `Arc` instead of `Rc`, and \
            `Mutex`, `RwLock` or atomics instead of `Cell` and `RefCell`"
)]
pub trait ServerState: Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Send + Sync + 'static> ServerState for T {}

/// The values passed to [`Server::state`](crate::Server::state), one of each type.
#[derive(Default)]
pub(crate) struct States(HashMap<TypeId, Box<dyn Any + Send + Sync>>);

impl States {
    /// Adds a value. Returns `false` if there was one of this type.
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, state: T) -> bool {
        self.0.insert(TypeId::of::<T>(), Box::new(state)).is_none()
    }

    pub(crate) fn contains(&self, id: TypeId) -> bool {
        self.0.contains_key(&id)
    }

    pub(crate) fn get<T: 'static>(&self) -> Option<&T> {
        self.0.get(&TypeId::of::<T>())?.downcast_ref()
    }
}
