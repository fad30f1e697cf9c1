//! Each room of the host names only the rooms that `ARCHITECTURE.md` lists beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::sources::Sources;

/// A room, and the rooms that it may name. The rooms are in the order of the page.
type Table = Vec<(String, BTreeSet<String>)>;

#[test]
fn rooms_name_the_rooms_of_the_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let table = read_table(&fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap());
    let used = used_rooms(&Sources::read(&root.join("host/src")));
    let mut problems = Vec::new();
    for (place, (room, allowed)) in table.iter().enumerate() {
        let further_down = |it: &&String| table[place + 1..].iter().any(|(room, _)| room == *it);
        for name in allowed.iter().filter(|it| !further_down(it)) {
            problems.push(format!("ARCHITECTURE.md: `{room}` names `{name}`, which is not further down"));
        }
        if !used.contains_key(room) {
            problems.push(format!("ARCHITECTURE.md: there is no room `{room}`"));
        }
    }
    for (room, names) in &used {
        let Some((_, allowed)) = table.iter().find(|(it, _)| it == room) else {
            problems.push(format!("ARCHITECTURE.md: the room `{room}` is not in the table"));
            continue;
        };
        for (name, files) in names.iter().filter(|(name, _)| !allowed.contains(*name)) {
            problems.push(format!("`{room}` names `{name}`, which the page does not allow: {files:?}"));
        }
        for name in allowed.iter().filter(|it| !names.contains_key(*it)) {
            problems.push(format!("ARCHITECTURE.md: `{room}` may name `{name}`, and does not"));
        }
    }
    assert!(problems.is_empty(), "\n- {}\n", problems.join("\n- "));
    assert!(table.len() > 15, "the page has few rooms: {}", table.len());
}

/// Reads the table whose first column has a path in `host/src`, and whose last column has rooms.
fn read_table(page: &str) -> Table {
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", room, _, _, names, ""] = cells[..] else { return None };
        let room = room.strip_prefix("`host/src/")?.trim_end_matches('`').trim_end_matches(".rs");
        Some((room.to_owned(), names.split('`').skip(1).step_by(2).map(str::to_owned).collect()))
    });
    rows.collect()
}

/// Returns the rooms that each room names, each with the modules that name it.
fn used_rooms(sources: &Sources) -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
    let mut used: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for (module, names) in &sources.names {
        // The crate's root declares every room.
        let Some(room) = module.first() else { continue };
        let used = used.entry(room.clone()).or_default();
        for name in names.iter().filter_map(|it| it.first()).filter(|it| *it != room) {
            let modules = used.entry(name.clone()).or_default();
            if modules.last() != Some(&module.join("/")) {
                modules.push(module.join("/"));
            }
        }
    }
    used
}
