//! The machine and the versions of a run.

use std::{fs, thread};

use ligature_host::ambient::Ambient;

use crate::node::Scripts;
use crate::servers::Servers;
use crate::{Place, component};

/// The machine and the programs of a run.
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    versions: Vec<String>,
    date: String,
}

impl Machine {
    /// Asks the machine and the programs.
    pub(crate) fn describe(place: &Place, scripts: Option<&Scripts>, servers: Option<&Servers>) -> Self {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let version = component::run(place, &["--version"]);
        // The first line has the program's name and version, the others a name and a value each.
        let lines = version.lines().filter(|line| !line.starts_with("contract"));
        let mut versions: Vec<_> = lines.map(shorten).collect();
        if let Some(scripts) = scripts {
            versions.push(format!("Node {}", scripts.node.trim_start_matches('v')));
            versions.extend(scripts.isolate.iter().map(|version| format!("isolated-vm {version}")));
        }
        versions.extend(servers.iter().flat_map(|servers| servers.versions.iter().cloned()));
        Self {
            cpu: model.map_or("an unknown processor", |(_, name)| name).to_owned(),
            cores: thread::available_parallelism().map_or(1, usize::from),
            versions,
            date: Ambient::system().now().to_string().chars().take(10).collect(),
        }
    }

    /// Returns the machine, the versions and the date as a sentence.
    pub(crate) fn sentence(&self) -> String {
        let Self { cpu, cores, versions, date } = self;
        format!("Measured on {date} on {cores} cores of {cpu}, with {}.", versions.join(", "))
    }
}

/// Joins the words of a line by single blanks, and shortens a commit's name.
fn shorten(line: &str) -> String {
    let words = line.split_whitespace().map(|word| if word.len() == 40 { &word[..12] } else { word });
    words.collect::<Vec<_>>().join(" ")
}
