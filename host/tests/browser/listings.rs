//! The listings of the linking documents, and their rows in docs/seeds.md.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

/// A hash is shown by this many hexadecimal digits.
const DIGITS: usize = 16;

/// The rows of the page: of each file, its hash and the title of a test.
fn rows(page: &str) -> BTreeMap<String, (String, String)> {
    let section = page.split("\n## ").find(|it| it.starts_with("The files of the listings\n"));
    let section = section.expect("a section on the files");
    let cells = |row: &str| row.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
    let rows = section.lines().filter(|line| line.starts_with("| `")).map(cells);
    rows.map(|cells: Vec<String>| (cells[1].clone(), (cells[2].clone(), cells[3].clone()))).collect()
}

#[test]
fn every_listing_has_a_row_with_its_hash_and_a_test() {
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let suites = crate_root.join("tests/clients/browser");
    let mut rows = rows(&fs::read_to_string(crate_root.join("../docs/seeds.md")).expect("the page"));
    for file in fs::read_dir(suites.join("seeds")).expect("the listings") {
        let path = file.expect("a file").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let hash = Sha256::digest(fs::read(&path).expect("a listing"));
        let mut hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        hash.truncate(DIGITS);
        let (held, title) = rows.remove(&name).unwrap_or_default();
        assert_eq!(held, hash, "docs/seeds.md: read the rows of {name} again, and renew its hash");
        let suite =
            fs::read_to_string(suites.join(format!("seed-{}.test.mjs", &name[..3]))).expect("its suite");
        assert!(
            !title.is_empty() && suite.contains(&title),
            "docs/seeds.md: {name}: there is no test {title:?}"
        );
    }
    assert!(rows.is_empty(), "docs/seeds.md has rows of listings that are not there: {rows:?}");
}
