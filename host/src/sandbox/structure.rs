//! The structure of a component: its imports and exports, and the resources that an
//! instance takes at least. Nothing is compiled.

use serde::{Deserialize, Serialize};
use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::TypesRef;
use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, Encoding, Error,
    Instance, Parser, Payload, Validator, WasmFeatures,
};

use super::needs::{Needs, read_needs};
use crate::model::truncate;

/// The structure of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Structure {
    pub(super) imports: Vec<Port>,
    pub(super) exports: Vec<Port>,
    pub(super) needs: Needs,
}

/// One import or export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Port {
    /// The name, with its version: `ligature:login/users@0.1.0`.
    pub(super) name: String,
    /// The names of its functions; none if it is not an interface.
    pub(super) functions: Option<Vec<String>>,
}

impl Port {
    /// Returns whether it is an interface of types only, which needs no function of
    /// the host.
    pub(super) fn is_types_only(&self) -> bool {
        self.functions.as_ref().is_some_and(Vec::is_empty)
    }
}

impl Structure {
    /// Reads the structure of a component. The bodies of its functions are not
    /// validated; the compiler does that.
    ///
    /// # Errors
    ///
    /// When the bytes are not a component, or need other features.
    pub(super) fn parse(bytes: &[u8], features: WasmFeatures) -> Result<Self, Error> {
        let mut parser = Parser::new(0);
        parser.set_features(features);
        let mut validator = Validator::new_with_features(features);
        let mut reader = Reader::default();
        for payload in parser.parse_all(bytes) {
            let payload = payload?;
            validator.payload(&payload)?;
            if let Some(types) = validator.types(0) {
                reader.read_payload(&payload, types)?;
            } else {
                reader.close();
            }
        }
        let Reader { imports, exports, interfaces, root, .. } = reader;
        Ok(Self { imports, exports, needs: Needs { interfaces, ..root } })
    }
}

/// A module or component that is being read. A definition only adds to the needs
/// when it is instantiated.
#[derive(Default)]
struct Frame {
    is_component: bool,
    modules: Vec<Needs>,
    components: Vec<Needs>,
    needs: Needs,
}

/// The state of reading a component: the modules and components around the current
/// position.
#[derive(Default)]
struct Reader {
    frames: Vec<Frame>,
    imports: Vec<Port>,
    exports: Vec<Port>,
    interfaces: u64,
    root: Needs,
}

/// The most names that are kept, of interfaces and of one interface's functions.
const MAX_NAMES: usize = 1_000;

/// The longest name that is kept, in bytes.
const NAME: usize = 200;

impl Reader {
    fn read_payload(&mut self, payload: &Payload<'_>, types: TypesRef<'_>) -> Result<(), Error> {
        if let Payload::Version { encoding, .. } = payload {
            let is_component = *encoding == Encoding::Component;
            self.frames.push(Frame { is_component, ..Frame::default() });
            return Ok(());
        }
        if matches!(payload, Payload::End(_)) {
            self.close();
            return Ok(());
        }
        let is_root = self.frames.len() == 1;
        match payload {
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    let import = import?;
                    self.define_import(import.ty.kind());
                    if is_root {
                        let entity = types.component_item_for_import(import.name.name);
                        self.interfaces += 1;
                        keep_port(&mut self.imports, import.name.name, entity.map(|it| it.ty), types);
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let export = export?;
                    self.define_again(export.kind, export.index);
                    if is_root {
                        let entity = types.component_item_for_export(export.name.name);
                        self.interfaces += 1;
                        keep_port(&mut self.exports, export.name.name, entity.map(|it| it.ty), types);
                    }
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    self.define_alias(&alias?);
                }
            }
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    if let Instance::Instantiate { module_index, .. } = instance? {
                        self.instantiate(|frame| &frame.modules, module_index);
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section.clone() {
                    if let ComponentInstance::Instantiate { component_index, .. } = instance? {
                        self.instantiate(|frame| &frame.components, component_index);
                        // An instance has tables of its own, even if it is empty.
                        self.define_needs(&Needs { instances: 1, ..Needs::default() });
                    }
                }
            }
            _ => {
                self.define_needs(&read_needs(payload)?);
            }
        }
        Ok(())
    }

    fn define_needs(&mut self, needs: &Needs) {
        if let Some(frame) = self.frames.last_mut() {
            frame.needs.add(needs);
        }
    }

    /// Defines an imported module or component. The host offers none, so such a
    /// component does not load; it only takes its index among the definitions.
    fn define_import(&mut self, kind: ComponentExternalKind) {
        let Some(frame) = self.frames.last_mut() else { return };
        match kind {
            ComponentExternalKind::Module => frame.modules.push(Needs::default()),
            ComponentExternalKind::Component => frame.components.push(Needs::default()),
            _ => {}
        }
    }

    /// Defines an exported item again: an export has an index of its own.
    fn define_again(&mut self, kind: ComponentExternalKind, index: u32) {
        let Some(frame) = self.frames.last_mut() else { return };
        let definitions = match kind {
            ComponentExternalKind::Module => &mut frame.modules,
            ComponentExternalKind::Component => &mut frame.components,
            _ => return,
        };
        let needs = definitions.get(index as usize).copied().unwrap_or_default();
        definitions.push(needs);
    }

    fn define_alias(&mut self, alias: &ComponentAlias<'_>) {
        match *alias {
            // The instance's own needs were counted when it was created. Which module
            // it exports is not known here, so the costliest one is counted.
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Module, .. } => {
                let needs = self.find_costliest(|frame| &frame.modules);
                self.define(|frame| &mut frame.modules, needs);
            }
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                let needs = self.find_costliest(|frame| &frame.components);
                self.define(|frame| &mut frame.components, needs);
            }
            ComponentAlias::Outer { kind, count, index } => {
                let outer = self.frames.iter().rev().nth(count as usize);
                let at = |list: fn(&Frame) -> &Vec<Needs>| {
                    outer.and_then(|frame| list(frame).get(index as usize)).copied().unwrap_or_default()
                };
                match kind {
                    ComponentOuterAliasKind::CoreModule => {
                        let needs = at(|frame| &frame.modules);
                        self.define(|frame| &mut frame.modules, needs);
                    }
                    ComponentOuterAliasKind::Component => {
                        let needs = at(|frame| &frame.components);
                        self.define(|frame| &mut frame.components, needs);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn define(&mut self, list: fn(&mut Frame) -> &mut Vec<Needs>, needs: Needs) {
        if let Some(frame) = self.frames.last_mut() {
            list(frame).push(needs);
        }
    }

    fn find_costliest(&self, list: fn(&Frame) -> &Vec<Needs>) -> Needs {
        let mut costliest = Needs::default();
        for needs in self.frames.iter().flat_map(list) {
            costliest.raise_to(needs);
        }
        costliest
    }

    fn instantiate(&mut self, list: fn(&Frame) -> &Vec<Needs>, index: u32) {
        let Some(frame) = self.frames.last_mut() else { return };
        let needs = list(frame).get(index as usize).copied().unwrap_or_default();
        frame.needs.add(&needs);
    }

    /// Ends a module or component: it becomes a definition of the one around it.
    fn close(&mut self) {
        let Some(mut frame) = self.frames.pop() else { return };
        if !frame.is_component {
            frame.needs.instances = 1;
        }
        match self.frames.last_mut() {
            Some(outer) if frame.is_component => outer.components.push(frame.needs),
            Some(outer) => outer.modules.push(frame.needs),
            None => self.root = frame.needs,
        }
    }
}

/// Keeps an import or export of the component, unless there are too many.
fn keep_port(ports: &mut Vec<Port>, name: &str, entity: Option<ComponentEntityType>, types: TypesRef<'_>) {
    if ports.len() < MAX_NAMES {
        ports.push(read_port(name, entity, types));
    }
}

/// Reads an import or export of the component.
fn read_port(name: &str, entity: Option<ComponentEntityType>, types: TypesRef<'_>) -> Port {
    let functions = match entity {
        Some(ComponentEntityType::Instance(id)) => {
            let exports = types[id].exports.iter();
            let functions = exports.filter(|(_, item)| matches!(item.ty, ComponentEntityType::Func(_)));
            Some(functions.take(MAX_NAMES).map(|(name, _)| truncate(name, NAME).into_owned()).collect())
        }
        _ => None,
    };
    Port { name: truncate(name, NAME).into_owned(), functions }
}

#[cfg(test)]
mod tests {
    use super::{Needs, Structure};
    use crate::sandbox::code_config::FEATURES;

    fn needs(text: &str) -> Needs {
        let bytes = wat::parse_str(text).unwrap();
        Structure::parse(&bytes, FEATURES).unwrap().needs
    }

    #[test]
    fn a_definition_costs_nothing_until_it_is_instantiated() {
        let module = "(core module $m (memory 2) (memory 1) (table 7 funcref) (func))";
        assert_eq!(needs(&format!("(component {module})")), Needs::default());
        let twice = needs(&format!(
            "(component {module} (core instance (instantiate $m)) (core instance (instantiate $m)))"
        ));
        assert_eq!((twice.instances, twice.memories, twice.memory_bytes), (2, 4, 6 << 16));
        assert_eq!((twice.tables, twice.table_elements, twice.functions), (2, 14, 2));
    }

    #[test]
    fn nested_components_multiply() {
        let text = r#"(component
            (core module $m (table 10 funcref))
            (component $a (alias outer 1 $m (core module $n))
                (core instance (instantiate $n)) (core instance (instantiate $n)))
            (component $b (alias outer 1 $a (component $c))
                (instance (instantiate $c)) (instance (instantiate $c)))
            (instance (instantiate $b)) (instance (instantiate $b)))"#;
        let needs = needs(text);
        assert_eq!((needs.instances, needs.tables, needs.table_elements), (14, 8, 80));
    }

    #[test]
    fn an_exported_definition_can_be_instantiated_by_its_new_index() {
        let text = r#"(component
            (core module $m (table 5 funcref))
            (export $e "m" (core module $m))
            (core instance (instantiate $e)))"#;
        assert_eq!(needs(text).table_elements, 5);
    }

    #[test]
    fn locals_take_stack() {
        let text =
            "(component (core module $m (func (local i32 i64 v128))) (core instance (instantiate $m)))";
        assert_eq!(needs(text).stack_bytes, 32);
    }
}
