//! The resources that an instance of a component needs.

use serde::{Deserialize, Serialize};
use wasmparser::{Error, FunctionBody, Payload, ValType};

/// The resources that one instance of a component takes at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Needs {
    /// Instances, of components and of core modules.
    pub instances: u64,
    /// Imported and exported interfaces.
    pub interfaces: u64,
    /// Linear memories.
    pub memories: u64,
    /// The size of all linear memories, in bytes.
    pub memory_bytes: u64,
    /// Tables.
    pub tables: u64,
    /// Elements of all tables.
    pub table_elements: u64,
    /// Functions of all core instances.
    pub functions: u64,
    /// Globals and imports of all core instances.
    pub globals: u64,
    /// The largest size of one function's locals, in bytes.
    pub stack_bytes: u64,
}

impl Needs {
    pub(super) fn add(&mut self, other: &Self) {
        self.instances = self.instances.saturating_add(other.instances);
        self.memories = self.memories.saturating_add(other.memories);
        self.memory_bytes = self.memory_bytes.saturating_add(other.memory_bytes);
        self.tables = self.tables.saturating_add(other.tables);
        self.table_elements = self.table_elements.saturating_add(other.table_elements);
        self.functions = self.functions.saturating_add(other.functions);
        self.globals = self.globals.saturating_add(other.globals);
        self.stack_bytes = self.stack_bytes.max(other.stack_bytes);
    }

    /// Raises each need to that of another definition, if it is larger there.
    pub(super) fn raise_to(&mut self, other: &Self) {
        self.instances = self.instances.max(other.instances);
        self.memories = self.memories.max(other.memories);
        self.memory_bytes = self.memory_bytes.max(other.memory_bytes);
        self.tables = self.tables.max(other.tables);
        self.table_elements = self.table_elements.max(other.table_elements);
        self.functions = self.functions.max(other.functions);
        self.globals = self.globals.max(other.globals);
        self.stack_bytes = self.stack_bytes.max(other.stack_bytes);
    }
}

/// Reads the needs that one section of a core module declares.
pub(super) fn read_needs(payload: &Payload<'_>) -> Result<Needs, Error> {
    let mut needs = Needs::default();
    match payload {
        Payload::FunctionSection(section) => needs.functions = section.count().into(),
        Payload::GlobalSection(section) => needs.globals = section.count().into(),
        Payload::ImportSection(section) => needs.globals = section.count().into(),
        Payload::MemorySection(section) => {
            for memory in section.clone() {
                let memory = memory?;
                let page = 1_u64 << memory.page_size_log2.unwrap_or(16);
                needs.memories += 1;
                needs.memory_bytes = needs.memory_bytes.saturating_add(memory.initial.saturating_mul(page));
            }
        }
        Payload::TableSection(section) => {
            for table in section.clone() {
                needs.tables += 1;
                needs.table_elements = needs.table_elements.saturating_add(table?.ty.initial);
            }
        }
        Payload::CodeSectionEntry(body) => needs.stack_bytes = read_locals_size(body)?,
        _ => {}
    }
    Ok(needs)
}

/// Reads the size of a function's locals, in bytes.
fn read_locals_size(body: &FunctionBody<'_>) -> Result<u64, Error> {
    let mut bytes: u64 = 0;
    for locals in body.get_locals_reader()? {
        let (count, kind) = locals?;
        let size = if kind == ValType::V128 { 16 } else { 8 };
        bytes = bytes.saturating_add(u64::from(count) * size);
    }
    Ok(bytes)
}
