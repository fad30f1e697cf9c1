//! The same login, decided in several ways, and whole servers under the same load: `make bench-compare`.
//!
//! Every contender has to link what the case expects before it is measured. Each login has a directory of
//! its own in memory, which is made before its time is taken. Without Node, only the component and the
//! native policy are measured, and no server.
//!
//! `LIGATURE_BENCH_SECONDS` is the time for which each login of each contender, and each kind of request to
//! each server, is measured in each round. With `LIGATURE_BENCH_DOCS`, the figures are written into that
//! file, between two comments, and the chart beside it.
//!
//! Compare only figures of one run: the other load of the machine is in them.

use std::fs;
use std::path::{Path, PathBuf};

use cases::Login;
use contender::Contender;
use growth::Growth;
use machine::Machine;
use node::Scripts;
use page::Page;
use servers::Servers;
use throughput::Throughput;

mod cases;
mod chart;
mod component;
mod contender;
mod growth;
mod machine;
mod native;
mod node;
mod page;
#[allow(dead_code, reason = "each bench uses what it needs")]
#[path = "../program.rs"]
mod program;
mod servers;
mod throughput;
mod times;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The usual time for which a login is measured.
const SECONDS: f64 = 2.0;

fn main() {
    // `cargo test --benches` only asks whether it is built.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let seconds = std::env::var("LIGATURE_BENCH_SECONDS").ok().filter(|text| !text.is_empty());
    let seconds = seconds.map_or(SECONDS, |text| text.parse().expect("LIGATURE_BENCH_SECONDS is a number"));
    let place = Place::create();
    let logins = Login::write_all(&place.0);
    let mut left_out = Vec::new();
    let scripts = Scripts::install(&place);
    let mut contenders = vec![component_contender(&place, seconds)];
    contenders.extend(native_contenders(seconds, &mut left_out));
    match &scripts {
        Ok(scripts) => contenders.extend(script_contenders(scripts, seconds, &mut left_out)),
        Err(why) => left_out.push(format!("every contender in JavaScript: {why}")),
    }
    let contenders = Contender::measure_all(&contenders, &logins);
    let throughput = Throughput::measure(&place, &logins, seconds);
    let growth = Growth::measure(&place, seconds);
    let servers = Servers::install(&place);
    let machine = Machine::describe(&place, scripts.as_ref().ok(), servers.as_ref().ok());
    let servers = match servers {
        Ok(servers) => Some(servers.measure_all(seconds, &mut left_out)),
        Err(why) => {
            left_out.push(format!("the whole servers: {why}"));
            None
        }
    };
    let page = Page { machine, contenders, left_out, throughput, growth, servers };
    println!("{}", page.text());
    if let Some(docs) = std::env::var_os("LIGATURE_BENCH_DOCS").filter(|docs| !docs.is_empty()) {
        page.write_into(docs.as_ref());
    }
}

/// The folder of the bench. It stays, with the packages of Node in it.
struct Place(PathBuf);

impl Place {
    fn create() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-compare");
        fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }
}

fn component_contender(place: &Place, seconds: f64) -> Contender<'_> {
    Contender::new("the component, in a fresh sandbox", move |login| {
        let (linked, reason) = component::decide(place, &login.file);
        assert_eq!(linked, login.linked, "{}: {reason}", login.name);
        component::measure(place, &login.file, seconds).times
    })
}

fn native_contenders(seconds: f64, left_out: &mut Vec<String>) -> Vec<Contender<'static>> {
    let alone = |name| Contender::new(name, move |login| native::measure_alone(login, seconds));
    if cfg!(debug_assertions) {
        let why = "this bench is a development build, whose guard is not optimized";
        left_out.push(format!("the same policy, native, behind the guard: {why}"));
        return vec![alone("the same policy, native, alone (development build)")];
    }
    let name = "the same policy, native, behind the guard";
    let guarded = Contender::new(name, move |login| native::measure_guarded(login, seconds));
    vec![guarded, alone("the same policy, native, alone")]
}

fn script_contenders<'a>(
    scripts: &'a Scripts,
    seconds: f64,
    left_out: &mut Vec<String>,
) -> Vec<Contender<'a>> {
    let mut contenders = Vec::new();
    for (script, name) in node::CONTENDERS {
        match scripts.why_not(script) {
            Some(why) => left_out.push(format!("{name}: {why}")),
            None => contenders.push(Contender::new(name, move |login| {
                scripts.measure(script, &login.script_file, seconds)
            })),
        }
    }
    contenders
}
