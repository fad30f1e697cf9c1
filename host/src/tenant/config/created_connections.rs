//! Connections that the Management API creates while the tenant runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::model::Metadata;

use crate::tenant::config::Connection;

/// The maximum number of creations and changes in the lifetime of a process. An entry is never
/// moved or freed, so that a login that has found it can continue with it.
const MOST: usize = 256;

/// The connections created through the Management API.
pub(in crate::tenant) struct CreatedConnections {
    slots: Box<[OnceLock<CreatedConnection>]>,
    writing: Mutex<()>,
}

/// A version of a created connection.
pub(in crate::tenant) struct CreatedConnection {
    pub(in crate::tenant) connection: Connection,
    /// The other options, without secrets. They are shown but have no effect.
    pub(in crate::tenant) options: Metadata,
    is_gone: AtomicBool,
}

/// The reason why a connection is not created or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tenant) enum CreationError {
    /// All slots are in use.
    Full,
    /// Another connection has the same name.
    Taken,
    /// The connection was removed in the meantime.
    Gone,
}

impl Default for CreatedConnections {
    fn default() -> Self {
        Self { slots: (0..MOST).map(|_| OnceLock::new()).collect(), writing: Mutex::default() }
    }
}

impl std::fmt::Debug for CreatedConnections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|it| &it.connection.name)).finish()
    }
}

impl CreatedConnection {
    pub(in crate::tenant) fn new(connection: Connection, options: Metadata) -> Self {
        Self { connection, options, is_gone: AtomicBool::new(false) }
    }
}

impl CreatedConnections {
    /// Iterates over the connections that exist now.
    pub(in crate::tenant) fn iter(&self) -> impl Iterator<Item = &CreatedConnection> {
        self.slots.iter().map_while(OnceLock::get).filter(|slot| !slot.is_gone.load(Ordering::Acquire))
    }

    /// Adds a connection. Refuses a name that is in use.
    pub(in crate::tenant) fn add(&self, made: CreatedConnection) -> Result<(), CreationError> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.iter().any(|it| it.connection.name == made.connection.name) {
            return Err(CreationError::Taken);
        }
        self.find_free_slot()?.set(made).map_err(|_| CreationError::Full)
    }

    /// Replaces the connection that has the same ID.
    pub(in crate::tenant) fn replace(&self, made: CreatedConnection) -> Result<(), CreationError> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let before =
            self.iter().find(|it| it.connection.id == made.connection.id).ok_or(CreationError::Gone)?;
        self.find_free_slot()?.set(made).map_err(|_| CreationError::Full)?;
        before.is_gone.store(true, Ordering::Release);
        Ok(())
    }

    fn find_free_slot(&self) -> Result<&OnceLock<CreatedConnection>, CreationError> {
        self.slots.iter().find(|slot| slot.get().is_none()).ok_or(CreationError::Full)
    }

    /// Removes the connection with this ID.
    pub(in crate::tenant) fn remove(&self, id: &str) {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        for slot in self.iter().filter(|it| it.connection.id == id) {
            slot.is_gone.store(true, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::tenant::config::created_connections::{
        Connection, CreatedConnection, CreatedConnections, CreationError, MOST,
    };

    fn slot(id: &str, name: &str) -> CreatedConnection {
        let text = format!("id = {id:?}\nname = {name:?}\nstrategy = \"auth0\"");
        CreatedConnection::new(toml::from_str::<Connection>(&text).unwrap(), serde_json::Map::new())
    }

    fn names(made: &CreatedConnections) -> Vec<&str> {
        made.iter().map(|it| it.connection.name.as_str()).collect()
    }

    #[test]
    fn one_takes_the_place_of_another_and_goes() {
        let made = CreatedConnections::default();
        made.add(slot("a", "first")).unwrap();
        assert_eq!(made.add(slot("b", "first")), Err(CreationError::Taken));
        made.add(slot("b", "second")).unwrap();
        made.replace(slot("a", "third")).unwrap();
        assert_eq!(names(&made), ["second", "third"]);
        made.remove("a");
        assert_eq!(names(&made), ["second"]);
        assert_eq!(made.replace(slot("a", "again")), Err(CreationError::Gone));
    }

    #[test]
    fn there_is_an_end_to_them() {
        let made = CreatedConnections::default();
        for n in 0..MOST {
            assert_eq!(made.add(slot("a", "first")), Ok(()), "{n}");
            made.remove("a");
        }
        assert_eq!(made.add(slot("a", "first")), Err(CreationError::Full));
    }
}
