//! A project's name.

/// A name for a folder, a package and a component: lower-case ASCII letters, digits and
/// single hyphens between them. It begins with a letter, and has at most 64 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProjectName(String);

const MAX_LENGTH: usize = 64;

/// The crates that a Rust project depends on, with underscores.
const DEPENDENCIES: &[&str] = &["ligature_policy", "schemars", "serde", "serde_json", "wit_bindgen"];

/// The compiler's own crates.
const COMPILER_CRATES: &[&str] = &["alloc", "core", "proc_macro", "std", "test"];

/// The keywords of Rust 2024 that are valid names, including the reserved ones.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop",
    "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual",
    "where", "while", "yield",
];

impl ProjectName {
    /// Parses a name.
    ///
    /// # Errors
    ///
    /// A sentence that describes the valid names.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        let begins_with_letter = text.starts_with(|first: char| first.is_ascii_lowercase());
        if text.len() <= MAX_LENGTH && begins_with_letter && text.split('-').all(is_word) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "expected a name such as `my-policy`: lower-case letters from a to z, digits, and single hyphens \
             between them; a letter first, at most {MAX_LENGTH} characters, and no path"
        ))
    }

    /// The name in kebab case, such as `my-policy`.
    pub(crate) fn kebab(&self) -> &str {
        &self.0
    }

    /// The name in snake case, such as `my_policy`.
    pub(crate) fn snake(&self) -> String {
        self.0.replace('-', "_")
    }

    /// Returns the reason why a crate must not have this name; none if it may. Some such
    /// crates build, until the project uses its own name or that of the other crate.
    pub(crate) fn reserved_in_rust(&self) -> Option<&'static str> {
        let name = self.snake();
        let is_in = |names: &[&str]| names.contains(&name.as_str());
        if is_in(DEPENDENCIES) {
            Some("the project needs a crate of that name")
        } else if is_in(COMPILER_CRATES) {
            Some("a crate of that name comes with Rust")
        } else if is_in(KEYWORDS) {
            Some("it is a keyword of Rust")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ProjectName;

    #[test]
    fn a_kebab_case_name_is_accepted() {
        for name in ["a", "my-policy", "policy2", "a-1-b", &"a".repeat(64)] {
            assert!(ProjectName::parse(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn any_other_name_is_refused() {
        let too_long = "a".repeat(65);
        let none = [
            "",
            "-",
            "a-",
            "-a",
            "a--b",
            "1a",
            "My-Policy",
            "my_policy",
            "my policy",
            "ä",
            "a/b",
            "..",
            ".",
            "/",
            "a\\b",
            "a.b",
            "a\n",
            "--lang",
            &too_long,
        ];
        for name in none {
            assert!(ProjectName::parse(name).is_err(), "{name}");
        }
    }
}
