//! The growth of a login's cost with the size of what it reads.

use ligature_host::harness::group_thousands;

use crate::Place;
use crate::cases::Draft;
use crate::component;
use crate::contender::format;

/// One size of a case, and the cost of its login.
struct Row {
    dimension: &'static str,
    size: usize,
    p50_us: f64,
    fuel: u64,
    reason: String,
}

/// The cost of a login by the sizes of its case.
pub(crate) struct Growth(Vec<Row>);

/// A change of the demo's case.
type Change = fn(Draft, usize) -> Draft;

/// The dimensions with their sizes.
const DIMENSIONS: [(&str, Change, &[usize]); 6] = [
    ("candidates", Draft::with_candidates, &[0, 1, 10, 50]),
    // The policy allows 20 identities in all, unless it says otherwise.
    ("identities of the candidate", Draft::with_identities, &[1, 2, 10, 19]),
    // At most 32 KiB can be written with a link.
    ("bytes of user metadata of each account", Draft::with_metadata, &[0, 1_000, 10_000, 30_000]),
    ("trusted connections", Draft::with_trusted, &[2, 10, 100, 1_000]),
    ("users in the directory", Draft::with_users, USERS),
    // Shows what the copy of the directory costs, which the bench makes before each login.
    ("users in the directory, of whom none is looked up", Draft::with_users_unasked, USERS),
];

/// The sizes of the directory.
const USERS: &[usize] = &[1, 1_000, 100_000];

impl Growth {
    /// Measures each size for so many seconds.
    pub(crate) fn measure(place: &Place, seconds: f64) -> Self {
        let mut rows = Vec::new();
        for (dimension, change, sizes) in DIMENSIONS {
            for &size in sizes {
                let file = change(Draft::demo(), size).write(&place.0, "growth");
                let (_, reason) = component::decide(place, &file);
                let measured = component::measure(place, &file, seconds);
                println!("{dimension}, {size}: {}, {} fuel", format(measured.times.p50_us), measured.fuel);
                let (p50_us, fuel) = (measured.times.p50_us, measured.fuel);
                rows.push(Row { dimension, size, p50_us, fuel, reason });
            }
        }
        Self(rows)
    }

    /// Returns the rows as a table.
    pub(crate) fn table(&self) -> String {
        let mut table =
            "| growing | size | p50 | fuel | first reason |\n|---|---:|---:|---:|---|\n".to_owned();
        for Row { dimension, size, p50_us, fuel, reason } in &self.0 {
            let (time, size) = (format(*p50_us), group_thousands(*size as u64));
            let fuel = group_thousands(*fuel);
            table.push_str(&format!("| {dimension} | {size} | {time} | {fuel} | `{reason}` |\n"));
        }
        table
    }
}
