//! `ligature new` in every language: what the README of a project says builds
//! it and passes its cases. In the same project, the example policy
//! `domain-allow-list` of the language passes the cases that all languages
//! share, and refuses the same settings with the same words. In JavaScript also
//! `examples/auth0-action-embedded`, the built-in policy inside an Auth0 Action.

mod embedded;
mod project;
#[cfg(all(feature = "serve", feature = "sqlite"))]
#[path = "../serving/mod.rs"]
mod serving;

use project::{Project, ligature};

#[test]
fn rust() {
    let Some(project) = Project::built("rust") else { return };
    let line = "host.log(ligature_policy::LogLevel::Info, \"a line\");";
    project.logs("src/lib.rs", &[(&format!("// A line for the operator: {line}"), line)]);
    project.decides_as_the_example();
    let source = project.text("src/lib.rs");
    let panic = "login.user.user_id.strip_prefix(\"nobody\").expect(\"somebody else\")";
    project.write("src/lib.rs", &source.replacen("login.user.user_id.as_str()", panic, 1));
    project.fails_with("somebody else");
}

#[test]
fn javascript() {
    let Some(project) = Project::built("js") else { return };
    let line = "write('info', 'a line');";
    let call = format!("{line}\n  const me = event.user;");
    let import = format!("{line}\n// import {{ write }}");
    project.logs("policy.js", &[(&import, "\nimport { write }"), ("const me = event.user;", &call)]);
    project.decides_as_the_example();
    let source = project.text("policy.js");
    project.write("policy.js", &source.replacen("const me = event.user;", "const me = null.user;", 1));
    project.fails_with("cannot read property 'user' of null");
}

#[test]
fn python() {
    let Some(project) = Project::built("python") else { return };
    let line = "log.write(log.LogLevel.INFO, \"a line\")";
    let call = format!("{line}\n    me = event.user");
    let import = format!("{line}\n# from wit_world");
    project.logs("policy.py", &[(&import, "\nfrom wit_world"), ("me = event.user", &call)]);
    project.decides_as_the_example();
    let source = project.text("policy.py");
    project.write("policy.py", &source.replacen("me = event.user", "me = event.nobody", 1));
    project.fails_with("object has no attribute 'nobody', at policy.py, line ");
}

#[test]
fn c() {
    let Some(project) = Project::built("c") else { return };
    project.logs(
        "policy.c",
        &[("// string_t line", "string_t line"), ("// ligature_login_log", "ligature_login_log")],
    );
    project.decides_as_the_example();
}

#[test]
fn a_folder_that_is_there_is_left_alone() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let file = place.path().join("mine");
    std::fs::write(&file, "mine").expect("a file is written");
    let (code, _, stderr) = ligature(place.path(), &["new", "mine", "--lang", "c"]);
    assert_eq!((code, stderr.as_str()), (2, "error: mine is there already; nothing was written\n"));
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), "mine");
}

#[test]
fn a_name_that_no_crate_can_have_is_refused_for_rust() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let why = [
        ("ligature-policy", "the project needs a crate of that name"),
        ("serde-json", "the project needs a crate of that name"),
        ("proc-macro", "a crate of that name comes with Rust"),
        ("self", "it is a keyword of Rust"),
    ];
    for (name, why) in why {
        let (code, _, stderr) = ligature(place.path(), &["new", name, "--lang", "rust"]);
        let expected =
            format!("error: `{name}` cannot be the name of a project in Rust: {why}; nothing was written\n");
        assert_eq!((code, stderr), (2, expected));
    }
    assert_eq!(std::fs::read_dir(place.path()).expect("the folder").count(), 0);
    let (code, _, stderr) = ligature(place.path(), &["new", "self", "--lang", "js"]);
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn a_command_without_a_language_is_told_which_there_are() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let (code, _, stderr) = ligature(place.path(), &["new", "mine"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("--lang <rust|js|python|c>"), "{stderr}");
    let (code, _, stderr) = ligature(place.path(), &["new", "mine", "--lang", "javascript"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("[possible values: rust, js, python, c]"), "{stderr}");
}

#[test]
fn every_file_that_a_readme_names_is_there() {
    let place = tempfile::tempdir().expect("a temporary folder");
    for language in ["rust", "js", "python", "c"] {
        let (code, _, stderr) = ligature(place.path(), &["new", language, "--lang", language]);
        assert_eq!(code, 0, "{stderr}");
        project::assert_named_files(&place.path().join(language));
    }
}

#[test]
fn a_name_that_is_a_path_is_told_what_names_are() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let (code, _, stderr) = ligature(place.path(), &["new", "../mine", "--lang", "js"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("expected a name such as `my-policy`: lower-case letters"), "{stderr}");
    assert_eq!(std::fs::read_dir(place.path()).expect("the folder").count(), 0);
}

#[test]
fn no_component_is_made_of_what_is_no_module() {
    let why = "policy.core.wasm: it cannot be made into a component: this is not a core module: it does not begin with \
               `\\0asm` and the version 1\n";
    no_component_is_made_of(Some(b"no module"), why);
    no_component_is_made_of(Some(b""), why);
    no_component_is_made_of(Some(b"\0asm\x02\0\0\0"), why);
}

#[test]
fn no_component_is_made_of_a_component() {
    let why = "policy.core.wasm: it cannot be made into a component: this is a component already\n";
    no_component_is_made_of(Some(b"\0asm\x0d\0\x01\0"), why);
}

#[test]
fn no_component_is_made_of_a_module_without_a_world() {
    no_component_is_made_of(Some(b"\0asm\x01\0\0\0"), "it contains no world");
}

#[test]
fn no_component_is_made_of_a_file_that_is_not_there() {
    no_component_is_made_of(None, "policy.core.wasm: there is no such file");
}

#[test]
fn the_built_in_policy_is_written_as_a_component() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let (code, stdout, stderr) =
        ligature(place.path(), &["component", "--built-in", "--output", "policy.wasm"]);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    let written = std::fs::read(place.path().join("policy.wasm")).expect("a component");
    assert!(written == ligature_host::PLUGIN, "{} bytes", written.len());
    let both = ["component", "policy.core.wasm", "--built-in", "--output", "other.wasm"];
    assert_eq!(ligature(place.path(), &both).0, 2);
    assert_eq!(ligature(place.path(), &["component", "--output", "other.wasm"]).0, 2);
    assert!(!place.path().join("other.wasm").exists());
}

fn no_component_is_made_of(module: Option<&[u8]>, why: &str) {
    let place = tempfile::tempdir().expect("a temporary folder");
    if let Some(bytes) = module {
        std::fs::write(place.path().join("policy.core.wasm"), bytes).expect("a file is written");
    }
    let arguments = ["component", "policy.core.wasm", "--output", "policy.wasm"];
    let (code, _, stderr) = ligature(place.path(), &arguments);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains(why), "{stderr}");
    assert!(!place.path().join("policy.wasm").exists());
}
