//! What the proxy keeps in mind on behalf of an emulator, such that a copy of the emulator can have a proxy that knows as much.

use std::ops::Deref;
use std::sync::Mutex;

use super::super::lock;

/// A mutex whose content is copied with it.
#[derive(Debug, Default)]
pub(super) struct Memory<T>(Mutex<T>);

impl<T> Deref for Memory<T> {
    type Target = Mutex<T>;

    fn deref(&self) -> &Mutex<T> {
        &self.0
    }
}

impl<T: Clone> Clone for Memory<T> {
    fn clone(&self) -> Memory<T> {
        Memory(Mutex::new(lock(&self.0).clone()))
    }
}
