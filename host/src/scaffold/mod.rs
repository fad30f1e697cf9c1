//! Creates the project of a new policy: `ligature new`.
//!
//! A project consists of templates, which are folders in `templates/`. Their files are
//! embedded in the program:
//!
//! | folder | written |
//! |---|---|
//! | `shared/` | in every project: two cases with their snapshots |
//! | `rust/`, `js/`, `python/`, `c/` | in a project of that language |
//!
//! `host/build/scaffold.rs` adds folders of the workspace, such as `wit/`, and the C
//! bindings of the contract, so that a project gets the version of the program that
//! wrote it. If two files have the same path, the language's file is used.
//!
//! The rules of a template:
//!
//! * A file has the same path in the template and in the project. A file that is not
//!   UTF-8 is written unchanged.
//! * Files that cargo, rustup, rustfmt or git would use in this repository have the
//!   extension `.in`, which is removed in a project: see `RENAMED`. Other names stay
//!   unchanged, such as `requirements.in`.
//! * In a text, `{{name}}` becomes the project's name (`my-policy`) and `{{snake_name}}`
//!   the same with underscores (`my_policy`). There is no other placeholder and no
//!   escape: any other `{{` stays unchanged, such as `${{ matrix.os }}` in a CI file.
//!   Paths have no placeholders.
//! * The first block of ```` ```sh ```` in `README.md` has the commands that build the
//!   project and compare its cases with their snapshots. `ligature new` prints them, and
//!   the tests run them, line by line.

mod name;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub(crate) use name::ProjectName;

/// The files of every template: the template, the path in the project, and the bytes.
const TEMPLATES: &[(&str, &str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/templates.rs"));

/// The files whose extension `.in` is removed.
const RENAMED: &[&str] = &["Cargo.toml.in", "rust-toolchain.toml.in", "rustfmt.toml.in", ".gitignore.in"];

/// A language that has a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// Rust
    Rust,
    /// JavaScript
    Js,
    /// Python
    Python,
    /// C
    C,
}

impl Language {
    /// The name of the template's folder.
    fn template(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Js => "js",
            Self::Python => "python",
            Self::C => "c",
        }
    }
}

/// A project to write.
#[derive(Debug)]
pub(crate) struct Project {
    name: ProjectName,
    language: Language,
}

/// The reason why a project was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScaffoldError {
    /// A file or folder with that name exists.
    #[error("{} is there already; nothing was written", .0.display())]
    Exists(PathBuf),
    /// The name conflicts with another crate or with a keyword.
    #[error("`{0}` cannot be the name of a project in Rust: {1}; nothing was written")]
    Reserved(String, &'static str),
    /// A file or folder could not be written.
    #[error("{} could not be written", path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl Project {
    /// Creates a project.
    ///
    /// # Errors
    ///
    /// When the language reserves the name.
    pub(crate) fn new(name: ProjectName, language: Language) -> Result<Self, ScaffoldError> {
        if language == Language::Rust
            && let Some(why) = name.reserved_in_rust()
        {
            return Err(ScaffoldError::Reserved(name.kebab().to_owned(), why));
        }
        Ok(Self { name, language })
    }

    /// Writes the project into a new folder with its name.
    ///
    /// # Errors
    ///
    /// When a file or folder with that name exists, or a file cannot be written.
    pub(crate) fn write(&self, parent: &Path) -> Result<(), ScaffoldError> {
        let folder = parent.join(self.name.kebab());
        fs::create_dir(&folder).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => ScaffoldError::Exists(folder.clone()),
            _ => ScaffoldError::Unwritable { path: folder.clone(), source },
        })?;
        for (path, bytes) in self.files() {
            let path = folder.join(path);
            let unwritable = |source| ScaffoldError::Unwritable { path: path.clone(), source };
            fs::create_dir_all(path.parent().unwrap_or(&folder)).map_err(unwritable)?;
            fs::write(&path, bytes).map_err(unwritable)?;
        }
        Ok(())
    }

    /// Returns the commands of the README that build and test the project.
    pub(crate) fn next_commands(&self) -> String {
        let readme = self.files().into_iter().find(|(path, _)| path == "README.md");
        let text = readme.map(|(_, bytes)| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let block = text.split_once("```sh\n").and_then(|(_, rest)| rest.split_once("```"));
        block.map(|(commands, _)| commands.to_owned()).unwrap_or_default()
    }

    /// Returns each file's path in the project, and its bytes.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let files_of = |wanted| TEMPLATES.iter().filter(move |(template, ..)| *template == wanted);
        files_of("shared")
            .chain(files_of(self.language.template()))
            .map(|(_, path, bytes)| (path_in_project(path).to_owned(), self.fill_placeholders(bytes)))
            .collect()
    }

    fn fill_placeholders(&self, bytes: &[u8]) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(bytes) else { return bytes.to_owned() };
        let text = text.replace("{{name}}", self.name.kebab());
        text.replace("{{snake_name}}", &self.name.snake()).into_bytes()
    }
}

/// Returns the path in the project of a template's file.
fn path_in_project(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let renamed = path.strip_suffix(".in").filter(|_| RENAMED.contains(&name));
    renamed.unwrap_or(path)
}
