//! The modules of the host, and which of them each names, read from the sources.
//!
//! A lexer reads the files, so that comments, documentation and strings name nothing.
//! Code for tests (`#[cfg(test)]`) is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The path of a module, such as `["tenant", "people"]`.
pub(crate) type Module = Vec<String>;

/// The modules of a crate.
pub(crate) struct Sources {
    /// The modules that each module names. Modules that it re-exports from its own folder are left
    /// out. The crate's root is the module with the empty path.
    pub(crate) names: BTreeMap<Module, BTreeSet<Module>>,
}

/// The paths that a file contains.
#[derive(Default)]
struct File {
    /// Absolute paths that the code names.
    paths: Vec<Module>,
    /// The items that have a path in this module too, by their names in it.
    exports: BTreeMap<String, Module>,
    /// The modules that are for tests only.
    for_tests: Vec<Module>,
}

impl Sources {
    /// Reads every module below the folder of a crate's sources.
    pub(crate) fn read(root: &Path) -> Self {
        let mut found = Vec::new();
        list_modules(root, &Module::new(), &mut found);
        let modules: BTreeSet<Module> = found.iter().map(|(module, _)| module.clone()).collect();
        let mut files: BTreeMap<Module, File> = found
            .into_iter()
            .map(|(module, text)| {
                let tokens: TokenStream =
                    text.parse().unwrap_or_else(|error| panic!("{}: {error}", module.join("/")));
                let mut file = File::default();
                let reader = Reader { module: &module, modules: &modules };
                reader.read(tokens, &module, &mut file);
                (module, file)
            })
            .collect();
        let for_tests: Vec<Module> = files.values().flat_map(|file| file.for_tests.clone()).collect();
        files.retain(|module, _| !for_tests.iter().any(|it| module.starts_with(it)));
        let names = files.iter().map(|(module, file)| {
            let named = file.paths.iter().map(|path| resolve(&files, path));
            (module.clone(), named.filter(|it| it != module).collect())
        });
        Self { names: names.collect() }
    }
}

/// Lists the modules below a folder, with their texts. `mod.rs` is the module of its folder.
fn list_modules(folder: &Path, module: &Module, found: &mut Vec<(Module, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let child = [module.clone(), vec![stem.clone()]].concat();
        // `templates` are the files of a new project, `bin` is the program.
        if path.is_dir() && !["templates", "bin"].contains(&stem.as_str()) {
            list_modules(&path, &child, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let own = if ["mod", "lib"].contains(&stem.as_str()) { module.clone() } else { child };
            found.push((own, fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Returns the module that a path leads to, through re-exports.
fn resolve(files: &BTreeMap<Module, File>, path: &[String]) -> Module {
    let mut module = Module::new();
    for (place, name) in path.iter().enumerate() {
        let child = [module.clone(), vec![name.clone()]].concat();
        if files.contains_key(&child) {
            module = child;
            continue;
        }
        let export = files.get(&module).and_then(|file| file.exports.get(name));
        if let Some(target) = export {
            return resolve(files, &[target, &path[place + 1..]].concat());
        }
        break;
    }
    module
}

/// Reads the paths of one file.
struct Reader<'a> {
    module: &'a Module,
    modules: &'a BTreeSet<Module>,
}

impl Reader<'_> {
    /// Reads tokens. `scope` is the module that they are in, which may be within the file.
    fn read(&self, tokens: TokenStream, scope: &Module, file: &mut File) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        let mut is_public = false;
        while at < tokens.len() {
            let rest = &tokens[at..];
            at += match rest {
                [TokenTree::Punct(hash), TokenTree::Group(attribute), ..]
                    if hash.as_char() == '#' && attribute.delimiter() == Delimiter::Bracket =>
                {
                    if is_for_tests(&attribute.stream()) {
                        2 + self.skip_item(&rest[2..], scope, file)
                    } else {
                        read_attribute(attribute.stream(), file);
                        2
                    }
                }
                [TokenTree::Ident(word), ..] if *word == "use" && !is_capture(&tokens, at) => {
                    let end = rest.iter().position(|it| is_punct(it, ';')).unwrap_or(rest.len());
                    self.read_use(&rest[1..end], scope, is_public, file);
                    end
                }
                [TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Group(body), ..]
                    if *word == "mod" =>
                {
                    let inner = [scope.clone(), vec![name.to_string()]].concat();
                    self.read(body.stream(), &inner, file);
                    3
                }
                [TokenTree::Ident(_), ..] => {
                    let path = path_at(rest);
                    if path.len() > 1
                        && let Some(path) = self.absolute(&path, scope)
                    {
                        file.paths.push(path);
                    }
                    1 + 3 * (path.len().max(1) - 1)
                }
                // The path in `pub(in crate::room)` limits who may use an item.
                [TokenTree::Group(group), ..] if is_public && group.delimiter() == Delimiter::Parenthesis => {
                    1
                }
                [TokenTree::Group(group), ..] => {
                    self.read(group.stream(), scope, file);
                    1
                }
                _ => 1,
            };
            // `pub` or `pub(crate)` may stand before `use`.
            is_public = match rest {
                [TokenTree::Ident(word), ..] => *word == "pub",
                [TokenTree::Group(_), ..] => is_public,
                _ => false,
            };
        }
    }

    /// Reads the tree of a `use`.
    fn read_use(&self, tree: &[TokenTree], scope: &Module, is_public: bool, file: &mut File) {
        for (name, path) in flatten(tree) {
            let Some(path) = self.absolute(&path, scope) else { continue };
            let is_own = is_public && path.starts_with(self.module) && path.len() > self.module.len();
            // A private `use` gives its name to the files of the folder.
            if scope == self.module {
                file.exports.insert(name, path.clone());
            }
            if !is_own {
                file.paths.push(path);
            }
        }
    }

    /// Returns a path from the crate's root; `None` for a path of another crate, or of an item.
    fn absolute(&self, path: &[String], scope: &Module) -> Option<Module> {
        let mut base = scope.clone();
        let mut path = path;
        match path.first()?.as_str() {
            "crate" => base.clear(),
            "self" | "super" => {}
            child => {
                base.push(child.to_owned());
                if !self.modules.contains(&base) {
                    return None;
                }
                base.pop();
            }
        }
        while let Some(first) = path.first().filter(|it| ["crate", "self", "super"].contains(&it.as_str())) {
            if first == "super" {
                base.pop();
            }
            path = &path[1..];
        }
        Some([&base, path].concat())
    }

    /// Returns the number of tokens of the item that the tokens begin with. Notes a module for
    /// tests.
    fn skip_item(&self, tokens: &[TokenTree], scope: &Module, file: &mut File) -> usize {
        let is_end = |it: &TokenTree| {
            is_punct(it, ';')
                || is_punct(it, ',')
                || matches!(it, TokenTree::Group(it) if it.delimiter() == Delimiter::Brace)
        };
        let end = tokens.iter().position(is_end).map_or(tokens.len(), |end| end + 1);
        if let [.., TokenTree::Ident(word), TokenTree::Ident(name), _] = &tokens[..end]
            && *word == "mod"
        {
            let module = [scope.clone(), vec![name.to_string()]].concat();
            if self.modules.contains(&module) {
                file.for_tests.push(module);
            }
        }
        end
    }
}

/// Returns whether an attribute is a `cfg` of tests.
fn is_for_tests(attribute: &TokenStream) -> bool {
    let text = attribute.to_string();
    let words: Vec<&str> =
        text.split(|it: char| !it.is_alphanumeric() && it != '_').filter(|it| !it.is_empty()).collect();
    words.first() == Some(&"cfg") && words.contains(&"test") && !words.contains(&"not")
}

/// Reads the paths that an attribute has in strings, as serde's `with` does.
fn read_attribute(attribute: TokenStream, file: &mut File) {
    let mut tokens = attribute.into_iter().peekable();
    if matches!(tokens.peek(), Some(TokenTree::Ident(word)) if *word == "doc") {
        return;
    }
    for token in tokens {
        match token {
            TokenTree::Group(group) => read_attribute(group.stream(), file),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if let Some(path) = text.trim_matches('"').strip_prefix("crate::") {
                    file.paths.push(path.split("::").map(str::to_owned).collect());
                }
            }
            _ => {}
        }
    }
}

/// Returns whether the `use` at this place is of captured lifetimes, as in `impl Sized + use<'a>`.
fn is_capture(tokens: &[TokenTree], at: usize) -> bool {
    tokens.get(at + 1).is_some_and(|it| is_punct(it, '<'))
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(it) if it.as_char() == character)
}

/// Returns the path that the tokens begin with, such as `a::b::C`.
fn path_at(tokens: &[TokenTree]) -> Vec<String> {
    let mut path = Vec::new();
    let mut rest = tokens;
    while let [TokenTree::Ident(name), after @ ..] = rest {
        path.push(name.to_string());
        match after {
            [first, second, next @ ..] if is_punct(first, ':') && is_punct(second, ':') => rest = next,
            _ => break,
        }
    }
    path
}

/// Returns the paths of the tree of a `use`, each with the name that it gives.
fn flatten(tree: &[TokenTree]) -> Vec<(String, Vec<String>)> {
    let path = path_at(tree);
    // `a::b::{…}` and `a::*` end with a colon.
    let end = path.len() * 3;
    match tree.get(end) {
        Some(TokenTree::Group(group)) => {
            let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
            tokens
                .split(|it| is_punct(it, ','))
                .filter(|branch| !branch.is_empty())
                .flat_map(flatten)
                .map(|(name, rest)| (name, [path.clone(), rest].concat()))
                .collect()
        }
        _ => {
            let renamed = tree.iter().rev().take(2).collect::<Vec<_>>();
            let name = match renamed[..] {
                [TokenTree::Ident(name), TokenTree::Ident(word)] if *word == "as" => name.to_string(),
                _ => path.last().cloned().unwrap_or_default(),
            };
            vec![(name, path)]
        }
    }
}
