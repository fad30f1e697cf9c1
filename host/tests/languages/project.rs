//! A project that `ligature new` wrote, and the commands of its README.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of the example policy.
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/policies/domain-allow-list");

/// A project that is built.
pub(crate) struct Project {
    folder: PathBuf,
    language: &'static str,
    commands: Vec<String>,
}

impl Project {
    /// A new project of the language, built and tested as its README says.
    /// `None`: said why the machine cannot build it.
    pub(crate) fn built(language: &'static str) -> Option<Self> {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target folder");
        let place = target.join("languages").join(language);
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(&place).expect("a folder");
        let (code, stdout, stderr) = ligature(&place, &["new", "my-policy", "--lang", language]);
        assert_eq!(code, 0, "{stderr}");
        let folder = place.join("my-policy");
        let readme = fs::read_to_string(folder.join("README.md")).expect("a README");
        let block = readme.split_once("```sh\n").and_then(|(_, rest)| rest.split_once("```"));
        let commands: Vec<String> =
            block.expect("a block of commands").0.lines().map(str::to_owned).collect();
        let ci = fs::read_to_string(folder.join(".github/workflows/ci.yml")).expect("a CI file");
        for command in &commands {
            assert!(stdout.contains(command), "`ligature new` does not print `{command}`");
            assert!(ci.contains(&format!("- run: {command}\n")), "CI does not run `{command}`");
        }
        assert_filled(&folder);
        let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        for file in
            fs::read_dir(&contract).expect("the contract").map(|file| file.expect("a file").file_name())
        {
            let text =
                |folder: &Path| fs::read_to_string(folder.join(&file)).expect("a part of the contract");
            assert_eq!(text(&contract), text(&folder.join("wit")), "{}", file.display());
        }
        if language == "rust" {
            keep_target(&target.join("languages/rust-target"), &folder);
        }
        let project = Self { folder, language, commands };
        if let Err(why) = project.install() {
            let why = format!("languages: {language} was not built: {why}");
            let required = std::env::var("LIGATURE_REQUIRE").unwrap_or_default();
            assert!(!required.split([',', ' ']).any(|name| name == "languages"), "{why}");
            // Not `eprintln!`, which nobody sees of a test that passes.
            let _ = writeln!(std::io::stderr(), "{why}");
            return None;
        }
        let said = project.build_and_test();
        assert!(said.contains("\n2 passed, 0 failed"), "{said}");
        assert!(said.ends_with("it loads\n"), "{said}");
        project.checks_its_settings();
        Some(project)
    }

    fn checks_its_settings(&self) {
        for (settings, why) in [
            (r#"{ "mdoe": "link" }"#, "did you mean `mode`?"),
            (r#"{ "mode": null }"#, "`mode`: expected \"observe\" or \"link\""),
        ] {
            fs::write(self.folder.join("settings.json"), settings).expect("a file is written");
            let (code, _, stderr) = self.ligature(&["policy", "check", "settings.json"]);
            assert_eq!(code, 2, "{stderr}");
            assert_eq!(stderr.matches(why).count(), 1, "{stderr}");
        }
    }

    /// Puts the example policy in the place of the project's own, and holds it
    /// against the cases and the settings that are shared.
    pub(crate) fn decides_as_the_example(&self) {
        copy(&Path::new(EXAMPLE).join(self.language), &self.folder);
        fs::remove_dir_all(self.folder.join("cases")).expect("the project's own cases");
        copy(&Path::new(EXAMPLE).join("cases"), &self.folder.join("cases"));
        let cases = fs::read_dir(Path::new(EXAMPLE).join("cases")).expect("the cases");
        let count = cases.filter(|file| file.as_ref().is_ok_and(|file| file.path().is_file())).count();
        let said = self.build_and_test();
        assert!(said.contains(&format!("\n{count} passed, 0 failed")), "{said}");
        self.has_the_shared_schema();
        self.refuses_the_shared_settings();
    }

    fn has_the_shared_schema(&self) {
        let (_, schema, stderr) = self.ligature(&["schema", "policy"]);
        // C has it as a file.
        let expected = fs::read_to_string(Path::new(EXAMPLE).join("c/schema.json")).expect("the schema");
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(json(&schema), json(&expected), "{stderr}");
    }

    fn refuses_the_shared_settings(&self) {
        let refused = Path::new(EXAMPLE).join("refused");
        let expected = fs::read_to_string(refused.join("expected.txt")).expect("what is expected");
        for (file, message) in expected.lines().map(|line| line.split_once(": ").expect("a line")) {
            let file = refused.join(file);
            let (code, _, stderr) = self.ligature(&["policy", "check", file.to_str().expect("a path")]);
            let said = stderr.trim_end().split_once(": the policy: ").map(|(_, said)| said);
            assert_eq!((code, said), (2, Some(message)), "{}: {stderr}", file.display());
        }
        let files = fs::read_dir(refused).expect("the settings").count();
        assert_eq!(files, expected.lines().count() + 1, "a file has no line in expected.txt");
    }

    /// Makes code of the comment that says how to log; the page then has the line.
    pub(crate) fn logs(&self, file: &str, changes: &[(&str, &str)]) {
        let template = self.text(file);
        let changed = changes.iter().fold(template.clone(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        self.write(file, &changed);
        self.build();
        let (code, page, stderr) = self.ligature(&["run", "cases/verified-login-joins.json"]);
        assert_eq!(code, 0, "{stderr}");
        assert!(page.contains("\nLog of the plugin\n  info a line\n"), "{page}");
        self.write(file, &template);
    }

    /// Builds the project again; its first case then fails, and the page says so.
    pub(crate) fn fails_with(&self, message: &str) {
        self.build();
        let (code, _, stderr) = self.ligature(&["run", "cases/allowed-and-alone.json"]);
        assert_eq!(code, 1, "{stderr}");
        assert!(stderr.contains(message), "{stderr}");
    }

    fn build(&self) {
        for command in self.commands.iter().filter(|command| !self.is_installing(command)) {
            let is_test =
                ["ligature test", "npm test", "cargo test"].iter().any(|test| command.starts_with(test));
            if !is_test {
                self.sh(command).unwrap_or_else(|said| panic!("{command}\n{said}"));
            }
        }
    }

    /// Runs the program with the project's plugin, as the README has it.
    fn ligature(&self, command: &[&str]) -> (i32, String, String) {
        let inspect = self.commands.last().expect("a command");
        let plugin: Vec<&str> = inspect.strip_prefix("ligature inspect ").expect("it").split(' ').collect();
        ligature(&self.folder, &[command, &["--plugin"], &plugin].concat())
    }

    pub(crate) fn text(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).expect("a file of the project")
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        assert_ne!(self.text(file), text, "nothing was replaced");
        fs::write(self.folder.join(file), text).expect("a file is written");
    }

    /// Runs the commands that bring the tools; they need programs and registries.
    fn install(&self) -> Result<(), String> {
        for command in self.commands.iter().filter(|command| self.is_installing(command)) {
            self.sh(command).map_err(|said| {
                let error = said.lines().find(|line| line.contains("rror")).or(said.lines().last());
                format!("{command}: {}", error.unwrap_or("it failed"))
            })?;
        }
        Ok(())
    }

    /// Runs the other commands; what they print.
    fn build_and_test(&self) -> String {
        let commands = self.commands.iter().filter(|command| !self.is_installing(command));
        let run = |command: &String| self.sh(command).unwrap_or_else(|said| panic!("{command}\n{said}"));
        commands.map(run).collect()
    }

    fn is_installing(&self, command: &str) -> bool {
        ["npm ci", "python3 -m venv", ".venv/bin/pip "].iter().any(|begin| command.starts_with(begin))
    }

    /// Runs a command of the README as a person would; what it prints, on both
    /// streams.
    fn sh(&self, command: &str) -> Result<String, String> {
        let programs = Path::new(env!("CARGO_BIN_EXE_ligature")).parent().expect("a folder").to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&path)));
        let mut sh = Command::new("sh");
        sh.args(["-c", &format!("{{ {command}\n}} 2>&1")]).current_dir(&self.folder);
        sh.env("PATH", path.expect("a PATH")).env("PYTHONDONTWRITEBYTECODE", "1").env_remove("VIRTUAL_ENV");
        // The crates are there: this workspace is built from them. Where the
        // component comes to lie, the README says.
        sh.env("CARGO_NET_OFFLINE", "true").env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
        let ran = sh.stdin(Stdio::null()).output().expect("sh runs");
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        if ran.status.success() { Ok(said) } else { Err(said) }
    }
}

/// Runs the program; its exit code and what it prints.
pub(crate) fn ligature(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ligature"));
    let ran = command.args(arguments).current_dir(folder).output().expect("ligature runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ran.status.code().expect("an exit code"), text(&ran.stdout), text(&ran.stderr))
}

/// Keeps the build of a project's dependencies between runs of the tests.
fn keep_target(kept: &Path, project: &Path) {
    fs::create_dir_all(kept).expect("a folder");
    #[cfg(unix)]
    std::os::unix::fs::symlink(kept, project.join("target")).expect("a link to the folder");
    #[cfg(not(unix))]
    let _ = project;
}

/// The files and folders that the README names are there: each word in
/// backticks that has a dot or a slash.
pub(crate) fn assert_named_files(folder: &Path) {
    // A build writes the first; the others are no files.
    let others = ["Cargo.lock", "owner/name", "Level.INFO"];
    let readme = fs::read_to_string(folder.join("README.md")).expect("a README");
    let (before, rest) = readme.split_once("```sh\n").expect("a block of commands");
    let text = format!("{before}{}", rest.split_once("```").expect("its end").1);
    let is_file = |word: &&str| word.contains(['.', '/']) && !word.contains([' ', '\n']);
    let named: Vec<&str> = text.split('`').skip(1).step_by(2).filter(is_file).collect();
    assert!(named.len() > 3, "{named:?}");
    for name in named.into_iter().filter(|name| !others.contains(name)) {
        assert!(folder.join(name).exists(), "{name} is not in {}", folder.display());
    }
}

/// Asserts that no file has a placeholder, and that only pip's list has the ending `.in`.
fn assert_filled(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            assert_filled(&entry);
            continue;
        }
        let bytes = fs::read(&entry).expect("a file");
        let text = String::from_utf8_lossy(&bytes);
        let is_left = ["{{name}}", "{{snake_name}}"].iter().any(|placeholder| text.contains(placeholder));
        assert!(!is_left, "{}: a placeholder is left", entry.display());
        let is_renamed = entry.extension().is_none_or(|extension| extension != "in");
        assert!(is_renamed || entry.ends_with("requirements.in"), "{}", entry.display());
    }
}

/// Copies a folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        let copy_of = to.join(entry.file_name().expect("a name"));
        if entry.is_dir() {
            copy(&entry, &copy_of);
        } else {
            fs::copy(&entry, &copy_of).expect("a copy");
        }
    }
}
