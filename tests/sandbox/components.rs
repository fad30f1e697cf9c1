//! Files that take more than a login may, or than the host supports: refused
//! when they are loaded, or cut off when they run, by both allocators alike and
//! with the limit's key.

use insta::assert_snapshot;
use ligature_host::limits::Limits;
use ligature_host::sandbox::{Allocator, Wasi};
use ligature_test_guests::EVIL;

use super::{decided, sandbox};

/// A good plugin with one more core module, which is instantiated with it.
fn with_module(text: &str) -> Vec<u8> {
    ligature_test_guests::with_module(EVIL, &wat::parse_str(text).expect("well-formed text"))
}

/// The host's answer to a file, the same with both allocators: why it is not
/// loaded, or how its login ends.
fn answer_within(bytes: &[u8], limits: &Limits) -> String {
    let answer = |allocator| match sandbox(allocator, Wasi::Minimal, limits).load("evil", bytes) {
        Err(error) => format!("plugin evil {error}"),
        Ok(plugin) => decided(&plugin, "raw-event"),
    };
    let (on_demand, pooled) = (answer(Allocator::OnDemand), answer(Allocator::Pool));
    assert_eq!(on_demand, pooled);
    on_demand
}

fn answer(text: &str) -> String {
    answer_within(&with_module(text), &Limits::default())
}

#[test]
fn a_table_that_is_declared_too_large_is_refused() {
    assert_snapshot!(answer("(module (table 100000000 funcref))"));
}

#[test]
fn tables_are_counted_together() {
    assert_snapshot!(answer("(module (table 15000 funcref) (table 15000 funcref))"));
}

#[test]
fn a_table_that_grows_too_large_ends_the_login() {
    let text = "(module (table 1 funcref) (func $f (loop (drop (table.grow (ref.null func) (i32.const 1000))) (br 0))) (start $f))";
    assert_snapshot!(answer(text));
}

#[test]
fn too_many_tables_are_refused() {
    assert_snapshot!(answer(&format!("(module {})", "(table 0 funcref)".repeat(17))));
}

#[test]
fn memory_that_is_declared_too_large_is_refused() {
    assert_snapshot!(answer("(module (memory 257))"));
}

#[test]
fn memories_are_counted_together() {
    let text =
        "(module (memory 100) (memory 100) (func $f (drop (memory.grow 0 (i32.const 60)))) (start $f))";
    assert_snapshot!(answer(text));
}

#[test]
fn too_many_memories_are_refused() {
    assert_snapshot!(answer(&format!("(module {})", "(memory 0)".repeat(9))));
}

#[test]
fn memory_that_grows_beyond_its_own_maximum_is_the_plugins_affair() {
    let text = "(module (memory 1 2) (func $f (if (i32.ne (memory.grow (i32.const 5)) (i32.const -1)) (then unreachable))) (start $f))";
    assert!(answer(text).starts_with("proceed"), "{}", answer(text));
}

#[test]
fn too_many_functions_are_refused() {
    let limits = Limits { functions: 1_000, ..Limits::default() };
    let bytes = with_module(&format!("(module {})", "(func)".repeat(1_001)));
    assert_snapshot!(within_functions(&answer_within(&bytes, &limits)));
}

/// The plugin's own functions are counted, and their number is the build's.
fn within_functions(answer: &str) -> String {
    let (before, rest) = answer.split_once("takes at least ").expect("it says how many");
    let (_, after) = rest.split_once(' ').expect("it says of what");
    format!("{before}takes at least [number] {after}")
}

#[test]
fn locals_beyond_the_stack_are_refused() {
    assert_snapshot!(answer(&format!("(module (func (local {})))", "v128 ".repeat(40_000))));
}

#[test]
fn instances_that_multiply_are_refused_before_they_are_compiled() {
    // Two of the one before, thirty times: a thousand million.
    let mut text = "(component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
    for level in 1..=30 {
        text.push_str(&format!(
            "(component $c{level} (alias outer 1 $c{before} (component $c)) (instance (instantiate $c)) (instance (instantiate $c)))",
            before = level - 1
        ));
    }
    let bomb =
        wat::parse_str(format!("(component {text} (instance (instantiate $c30)))")).expect("a component");
    let bytes = ligature_test_guests::with_component(EVIL, &bomb);
    assert_snapshot!(answer_within(&bytes, &Limits::default()));
}

#[test]
fn globals_and_imports_are_counted() {
    let globals = "(global i32 (i32.const 0))".repeat(50_001);
    assert!(answer(&format!("(module {globals})")).contains("globals and imports; a login may take 50000"));
}

/// A component without anything in it takes tables of the host's all the same.
#[test]
fn instances_of_empty_components_are_counted() {
    let mut text = "(component $c0)".to_owned();
    for level in 1..=20 {
        text.push_str(&format!(
            "(component $c{level} (alias outer 1 $c{before} (component $c)) (instance (instantiate $c)) (instance (instantiate $c)))",
            before = level - 1
        ));
    }
    let bomb =
        wat::parse_str(format!("(component {text} (instance (instantiate $c20)))")).expect("a component");
    let answer = answer_within(&ligature_test_guests::with_component(EVIL, &bomb), &Limits::default());
    assert!(answer.contains("instances; a login may take 64 (the limit is `instances`)"), "{answer}");
}

#[test]
fn a_function_beyond_the_parsers_limits_is_whole_all_the_same() {
    let blocks = "(nop)".repeat(7_700_000);
    let refused = answer(&format!("(module (func {blocks}))"));
    assert!(refused.contains("goes beyond a limit of this host's WebAssembly parser"), "{refused}");
}

#[test]
fn a_limit_that_is_raised_is_in_force() {
    let limits = Limits { table_elements: 40_000, ..Limits::default() };
    let bytes = with_module("(module (table 30000 funcref))");
    assert!(answer_within(&bytes, &limits).starts_with("proceed"));
}

#[test]
fn threads_are_not_supported_and_named() {
    assert_snapshot!(without_offset(&answer("(module (memory 1 1 shared))")));
}

#[test]
fn garbage_collection_is_not_supported_and_named() {
    assert_snapshot!(without_offset(&answer("(module (type (struct (field i32))))")));
}

#[test]
fn exceptions_are_not_supported_and_named() {
    assert_snapshot!(without_offset(&answer("(module (tag) (func (throw 0)))")));
}

#[test]
fn memories_of_64_bits_are_not_supported_and_named() {
    assert_snapshot!(without_offset(&answer("(module (memory i64 1))")));
}

/// Removes the offset in the file, which depends on the build.
fn without_offset(answer: &str) -> String {
    answer.split_once(" (at offset").map_or(answer, |(before, _)| before).to_owned()
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let limits = Limits { component_bytes: 10_000, ..Limits::default() };
    assert_snapshot!(answer_within(EVIL, &limits));
}

#[test]
fn not_a_number_has_the_same_bits_everywhere() {
    // x86-64 and aarch64 make a negative and a positive NaN of this.
    let text = "(module (func $f (if (i64.ne (i64.reinterpret_f64 (f64.div (f64.const 0) (f64.const 0))) (i64.const 0x7ff8000000000000)) (then unreachable))) (start $f))";
    assert!(answer(text).starts_with("proceed"), "{}", answer(text));
}
