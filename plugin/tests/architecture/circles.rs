//! No modules of a crate name each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::sources::{Module, Sources};

/// The names between modules, or between folders.
type Graph = BTreeMap<Module, BTreeSet<Module>>;

fn read_sources() -> Sources {
    Sources::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/src"))
}

#[test]
fn no_files_of_a_room_name_each_other_in_a_circle() {
    let sources = read_sources();
    let graph = sources.names.iter().filter(|(module, _)| !module.is_empty()).map(|(module, names)| {
        let names = names.iter().filter(|it| it.first() == module.first());
        (module.clone(), names.cloned().collect())
    });
    assert_eq!(circles(&graph.collect()), Vec::<String>::new());
    assert!(sources.names.len() > 300, "there are few files: {}", sources.names.len());
}

/// The crates of the built-in policy, and the library for policies in Rust.
const PLUGIN_CRATES: [&str; 5] = ["contact-syntax", "ligature-policy", "linking-marks", "policy", "."];

#[test]
fn no_files_of_a_plugin_crate_name_each_other_in_a_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut modules = 0;
    for name in PLUGIN_CRATES {
        let sources = Sources::read(&root.join(name).join("src"));
        modules += sources.names.len();
        found.extend(circles(&sources.names).into_iter().map(|circle| format!("{name}: {circle}")));
    }
    assert_eq!(found, Vec::<String>::new());
    assert!(modules > 40, "there are few files: {modules}");
}

#[test]
fn no_folders_of_the_tenant_name_each_other_in_a_circle() {
    let sources = read_sources();
    let mut graph = Graph::new();
    let is_of_tenant = |module: &&Module| module.len() > 1 && module[0] == "tenant";
    for (module, names) in sources.names.iter().filter(|(module, _)| is_of_tenant(module)) {
        let folders = names.iter().filter(is_of_tenant).map(|it| it[..2].to_vec());
        graph.entry(module[..2].to_vec()).or_default().extend(folders.filter(|it| *it != module[..2]));
    }
    assert_eq!(circles(&graph), Vec::<String>::new());
    assert!(graph.len() > 10, "the tenant has few folders: {}", graph.len());
}

/// Returns the groups whose members all reach each other, as text.
fn circles(graph: &Graph) -> Vec<String> {
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        graph.keys().map(|module| (module, reach(graph, module))).collect();
    let mut groups: BTreeSet<String> = BTreeSet::new();
    for (module, reached_by_it) in reached.iter().filter(|(module, all)| all.contains(*module)) {
        let group =
            reached_by_it.iter().filter(|it| reached.get(*it).is_some_and(|back| back.contains(module)));
        groups.insert(group.map(|it| it.join("/")).collect::<Vec<_>>().join(", "));
    }
    groups.into_iter().collect()
}

/// Returns the modules that a module names, directly or through others.
fn reach<'a>(graph: &'a Graph, module: &Module) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<&Module> = graph[module].iter().collect();
    while let Some(next) = waiting.pop() {
        if reached.insert(next) {
            waiting.extend(graph.get(next).into_iter().flatten());
        }
    }
    reached
}

/// The file of a folder (`mod.rs`, or `lib.rs`) lists its files and gives their items further names. An item
/// that it defines itself is in a circle with each file that uses it.
#[test]
fn no_file_uses_an_item_that_is_defined_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = PLUGIN_CRATES.iter().map(|name| root.join(name).join("src"));
    let mut found = Vec::new();
    let mut modules = 0;
    for folder in crates.chain([root.join("../host/src")]) {
        let sources = Sources::read(&folder);
        modules += sources.names.len();
        for (module, names) in &sources.names {
            let above = names.iter().filter(|it| module.starts_with(it));
            found.extend(above.map(|it| format!("{} uses an item of {:?}", module.join("/"), it.join("/"))));
        }
    }
    assert_eq!(found, Vec::<String>::new());
    assert!(modules > 400, "there are few files: {modules}");
}

#[test]
fn a_circle_is_found() {
    let module = |name: &str| vec![name.to_owned()];
    let graph = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")];
    let graph = graph.map(|(from, to)| (module(from), BTreeSet::from([module(to)])));
    assert_eq!(circles(&Graph::from(graph)), ["a, b, c"]);
}
