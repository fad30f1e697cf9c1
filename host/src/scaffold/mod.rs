//! Writing the first files of a policy of one's own: `ligature new`.
//!
//! A project is made of templates, folders within `templates/`, whose files are
//! part of the program:
//!
//! | folder | whose files are written |
//! |---|---|
//! | `shared/` | in every project: two cases with their snapshots |
//! | `rust/`, `js/`, `python/`, `c/` | in a project of that language |
//!
//! `host/build/scaffold.rs` adds folders of the workspace, such as `wit/`, and
//! the C bindings of the contract, so that a project's copy is of the program
//! that wrote it. Where two files have the same path, the language's is taken.
//!
//! The rules of a template:
//!
//! * A file lies where it comes to lie in the project. One that is not UTF-8 is
//!   written as it is.
//! * The names that cargo, rustup, rustfmt or git would take for their own here
//!   have the ending `.in`, which is left out in a project: see `RENAMED`. Any
//!   other name stays as it is, such as `requirements.in`.
//! * In the text, `{{name}}` becomes the project's name (`my-policy`) and
//!   `{{snake_name}}` the same with underscores (`my_policy`). There is no other
//!   placeholder, and no escape: a `{{` that neither follows stays as it is,
//!   such as `${{ matrix.os }}` of a CI file. Paths have no placeholders.
//! * `README.md` has one block of ```` ```sh ````, the first one, whose commands
//!   build the project and hold its cases against their snapshots. `ligature new`
//!   prints them, and the tests run them, line by line.

mod name;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub(crate) use name::ProjectName;

/// The files of every template: the template, the path in the project, the
/// bytes.
const TEMPLATES: &[(&str, &str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/templates.rs"));

/// The files whose ending `.in` is left out.
const RENAMED: &[&str] = &["Cargo.toml.in", "rust-toolchain.toml.in", "rustfmt.toml.in", ".gitignore.in"];

/// A language that there is a template for.
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
    /// The template's folder.
    fn template(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Js => "js",
            Self::Python => "python",
            Self::C => "c",
        }
    }
}

/// A project that is not written yet.
#[derive(Debug)]
pub(crate) struct Project {
    name: ProjectName,
    language: Language,
}

/// The reason why a project was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScaffoldError {
    /// Something of that name is there.
    #[error("{} is there already; nothing was written", .0.display())]
    Exists(PathBuf),
    /// A crate of that name would be mistaken for another, or cannot be named.
    #[error("`{0}` cannot be the name of a project in Rust: {1}; nothing was written")]
    Reserved(String, &'static str),
    /// A file or folder could not be written.
    #[error("{} could not be written", path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// The message of the system.
        source: io::Error,
    },
}

impl Project {
    /// # Errors
    ///
    /// When the language keeps the name for something else.
    pub(crate) fn new(name: ProjectName, language: Language) -> Result<Self, ScaffoldError> {
        if language == Language::Rust
            && let Some(why) = name.reserved_in_rust()
        {
            return Err(ScaffoldError::Reserved(name.kebab().to_owned(), why));
        }
        Ok(Self { name, language })
    }

    /// Writes the project into a new folder of its name.
    ///
    /// # Errors
    ///
    /// When there is something of that name, or a file cannot be written.
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

    /// The commands of the README that build the project and test it.
    pub(crate) fn commands(&self) -> String {
        let readme = self.files().into_iter().find(|(path, _)| path == "README.md");
        let text = readme.map(|(_, bytes)| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let block = text.split_once("```sh\n").and_then(|(_, rest)| rest.split_once("```"));
        block.map(|(commands, _)| commands.to_owned()).unwrap_or_default()
    }

    /// Each file's path in the project, and its bytes.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let of = |wanted| TEMPLATES.iter().filter(move |(template, ..)| *template == wanted);
        of("shared")
            .chain(of(self.language.template()))
            .map(|(_, path, bytes)| (place_of(path).to_owned(), self.filled(bytes)))
            .collect()
    }

    fn filled(&self, bytes: &[u8]) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(bytes) else { return bytes.to_owned() };
        let text = text.replace("{{name}}", self.name.kebab());
        text.replace("{{snake_name}}", &self.name.snake()).into_bytes()
    }
}

/// Where a template's file comes to lie in the project.
fn place_of(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let renamed = path.strip_suffix(".in").filter(|_| RENAMED.contains(&name));
    renamed.unwrap_or(path)
}
