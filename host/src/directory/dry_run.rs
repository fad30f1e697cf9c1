//! A dry run: changes stay in memory, as a layer over the unchanged directory.

mod decisions;
mod layered;

use std::sync::{Mutex, PoisonError};

use super::memory::Memory;
use super::operations::Administration;
use super::records::{Records, TxResult};
use super::store::{Durability, Store};
use crate::ambient::Ambient;
use crate::model::ApiError;
use layered::{Changed, Layered};

/// A directory that behaves as the one behind it would after the same calls, but leaves
/// that one unchanged.
pub struct DryRun<S> {
    behind: S,
    front: Memory,
    /// The records that the front has replaced or removed.
    changed: Mutex<Changed>,
}

impl<S: Administration> DryRun<S> {
    /// Creates a dry run over a directory.
    pub fn new(behind: S) -> Self {
        let front = Memory::new(behind.ambient());
        Self { behind, front, changed: Mutex::default() }
    }
}

impl<S: Store> Store for DryRun<S> {
    fn ambient(&self) -> &Ambient {
        Store::ambient(&self.front)
    }

    fn read<T>(&self, work: impl FnMut(&mut dyn Records) -> TxResult<T>) -> Result<T, ApiError> {
        self.write(Durability::Process, work)
    }

    fn snapshot<T>(&self, work: impl FnOnce(&mut dyn Records) -> TxResult<T>) -> Result<T, ApiError> {
        let mut work = Some(work);
        self.read(|records| match work.take() {
            Some(work) => work(records),
            None => Err(ApiError::Unavailable("the reading was interrupted".to_owned()).into()),
        })
    }

    fn write<T>(
        &self,
        durability: Durability,
        mut work: impl FnMut(&mut dyn Records) -> TxResult<T>,
    ) -> Result<T, ApiError> {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        let before = changed.clone();
        let done = self.front.write(durability, |front| {
            work(&mut Layered { behind: &self.behind, front, changed: &mut changed })
        });
        if done.is_err() {
            *changed = before;
        }
        done
    }
}
