//! The source of a package as modules: what each defines, and what it imports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use quote::ToTokens as _;
use syn::visit::Visit;

/// One package of the workspace.
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) modules: Vec<Module>,
    /// The index of each module, by its place in the tree.
    by_place: BTreeMap<Vec<String>, usize>,
}

/// One file of a package.
pub(crate) struct Module {
    /// Its path, from the root of the workspace.
    pub(crate) file: String,
    /// Its place in the tree of modules; empty for the root.
    place: Vec<String>,
    /// Its code as tokens, separated by spaces: without comments, without tests.
    pub(crate) code: String,
    /// The names that it defines.
    items: BTreeSet<String>,
    types: Vec<String>,
    /// The names that it imports, with the paths that they stand for.
    uses: Vec<(String, Vec<String>)>,
    /// The paths in its code.
    paths: BTreeSet<Vec<String>>,
    /// How many modules in braces the visitor stands in.
    inline: usize,
}

/// The four packages.
pub(crate) static PACKAGES: LazyLock<Vec<Package>> = LazyLock::new(packages);

fn packages() -> Vec<Package> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name, entry: &str| {
        let mut modules = Vec::new();
        read_module(root, &root.join(entry), Vec::new(), &mut modules);
        let places = modules.iter().map(|module| module.place.clone());
        Package {
            name,
            by_place: places.zip(0..).collect(),
            modules,
        }
    };
    vec![
        read("core", "crates/core/src/lib.rs"),
        read("library", "src/lib.rs"),
        read("simulator", "crates/simulator/src/lib.rs"),
        read("apirl", "crates/apirl/src/main.rs"),
    ]
}

/// Parses a file's text without its comments, which would become attributes.
fn parsed(text: &str) -> syn::Result<Vec<syn::Item>> {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let code: Vec<_> = text.lines().filter(is_code).collect();
    Ok(without_tests(syn::parse_file(&code.join("\n"))?.items))
}

/// The code of a file's text as tokens.
pub(crate) fn code_of(text: &str) -> String {
    let items = parsed(text).expect("Rust");
    items
        .iter()
        .map(|item| item.to_token_stream().to_string())
        .collect()
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let text = attribute.to_token_stream().to_string();
        text.contains("cfg (test)") || text.contains("cfg (doctest)")
    })
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn without_tests(items: Vec<syn::Item>) -> Vec<syn::Item> {
    let mut items = items;
    items.retain(|item| !is_test(attributes(item)));
    for item in &mut items {
        if let syn::Item::Mod(module) = item {
            if let Some((brace, inner)) = module.content.take() {
                module.content = Some((brace, without_tests(inner)));
            }
        }
    }
    items
}

/// Reads a file and the modules that it declares.
fn read_module(root: &Path, file: &Path, place: Vec<String>, modules: &mut Vec<Module>) {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    let items = parsed(&text).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    let mut module = Module {
        file: file
            .strip_prefix(root)
            .expect("a file of the workspace")
            .display()
            .to_string(),
        place: place.clone(),
        code: String::new(),
        items: BTreeSet::new(),
        types: Vec::new(),
        uses: Vec::new(),
        paths: BTreeSet::new(),
        inline: 0,
    };
    for item in &items {
        module.code += &item.to_token_stream().to_string();
        module.visit_item(item);
    }
    modules.push(module);
    for item in items {
        let syn::Item::Mod(child) = item else {
            continue;
        };
        if child.content.is_none() {
            let mut inner = place.clone();
            inner.push(child.ident.to_string());
            read_module(root, &file_of(file, &place, &child), inner, modules);
        }
    }
}

/// Where a declared module stands.
fn file_of(parent: &Path, place: &[String], child: &syn::ItemMod) -> PathBuf {
    let folder = parent.parent().expect("a folder");
    for attribute in &child.attrs {
        let text = attribute.to_token_stream().to_string();
        if let Some(path) = text.strip_prefix("# [path = \"") {
            return folder.join(path.trim_end_matches("\"]"));
        }
    }
    let name = format!("{}.rs", child.ident);
    if place.is_empty() {
        return folder.join(name);
    }
    parent.with_extension("").join(name)
}

impl Module {
    fn use_tree(&mut self, tree: &syn::UseTree, mut before: Vec<String>) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.use_tree(&path.tree, before);
            }
            syn::UseTree::Name(name) if name.ident == "self" => {
                let alias = before.last().cloned().unwrap_or_default();
                self.uses.push((alias, before));
            }
            syn::UseTree::Name(name) => {
                before.push(name.ident.to_string());
                self.uses.push((name.ident.to_string(), before));
            }
            syn::UseTree::Rename(rename) => {
                if rename.ident != "self" {
                    before.push(rename.ident.to_string());
                }
                self.uses.push((rename.rename.to_string(), before));
            }
            syn::UseTree::Glob(_) => self.uses.push(("*".into(), before)),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(tree, before.clone());
                }
            }
        }
    }
}

/// Turns a path of code in `inline` modules in braces into one as seen from the file: they are its parts.
fn leave_inline(path: &mut Vec<String>, inline: usize) {
    for _ in 0..inline {
        if path.first().is_some_and(|first| first == "super") {
            path.remove(0);
        }
    }
    if inline > 0 && path.is_empty() {
        path.push("self".into());
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let name = match item {
            syn::Item::Const(item) => Some((&item.ident, false)),
            syn::Item::Enum(item) => Some((&item.ident, true)),
            syn::Item::Fn(item) => Some((&item.sig.ident, false)),
            syn::Item::Static(item) => Some((&item.ident, false)),
            syn::Item::Struct(item) => Some((&item.ident, true)),
            syn::Item::Trait(item) => Some((&item.ident, true)),
            syn::Item::Type(item) => Some((&item.ident, true)),
            _ => None,
        };
        if let Some((name, is_type)) = name {
            self.items.insert(name.to_string());
            if is_type {
                self.types.push(name.to_string());
            }
        }
        syn::visit::visit_item(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let before = self.uses.len();
        self.use_tree(&item.tree, Vec::new());
        let inline = self.inline;
        for (_, path) in &mut self.uses[before..] {
            leave_inline(path, inline);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.inline += 1;
        syn::visit::visit_item_mod(self, item);
        self.inline -= 1;
    }

    /// `pub(crate)` imports nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter();
        let mut names: Vec<String> = segments.map(|segment| segment.ident.to_string()).collect();
        leave_inline(&mut names, self.inline);
        // One name alone is imported or defined here, or is a variable: the imports are read apart.
        if names.len() > 1 {
            self.paths.insert(names);
        }
        syn::visit::visit_path(self, path);
    }
}

impl Package {
    /// The module in this file.
    pub(crate) fn module(&self, file: &str) -> &Module {
        let mut modules = self.modules.iter();
        modules
            .find(|module| module.file == file)
            .expect("the file is part of the package")
    }

    /// The files in which each type is defined.
    pub(crate) fn types(&self) -> BTreeMap<String, Vec<String>> {
        let mut types: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for module in &self.modules {
            for name in &module.types {
                types
                    .entry(name.clone())
                    .or_default()
                    .push(module.file.clone());
            }
        }
        types
    }

    /// The files from which each file imports.
    pub(crate) fn imports(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut imports = BTreeMap::new();
        for (from, to) in self.edges() {
            let (from, to) = (&self.modules[from], &self.modules[to]);
            let entry: &mut BTreeSet<String> = imports.entry(from.file.clone()).or_default();
            entry.insert(to.file.clone());
        }
        imports
    }

    /// For each room, the imports between the rooms in it.
    pub(crate) fn imports_between_neighbours(&self) -> Vec<BTreeMap<String, BTreeSet<String>>> {
        let mut rooms: BTreeMap<Vec<String>, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for (from, to) in self.edges() {
            let (from, to) = (&self.modules[from].place, &self.modules[to].place);
            let shared = from.iter().zip(to).take_while(|(a, b)| a == b).count();
            // One of them is the room that the other stands in: the graph of files has that.
            let (Some(a), Some(b)) = (from.get(shared), to.get(shared)) else {
                continue;
            };
            let room = rooms.entry(from[..shared].to_vec()).or_default();
            let name = |last: &String| {
                [&from[..shared], std::slice::from_ref(last)]
                    .concat()
                    .join("::")
            };
            room.entry(name(a)).or_default().insert(name(b));
        }
        rooms.into_values().collect()
    }

    /// Which module imports from which, by their indices.
    fn edges(&self) -> BTreeSet<(usize, usize)> {
        let mut edges = BTreeSet::new();
        for (from, module) in self.modules.iter().enumerate() {
            let used = module.uses.iter().map(|(_, path)| path);
            for path in used.chain(&module.paths) {
                if let Some(to) = self.defined_in(from, path, 0) {
                    if to != from {
                        edges.insert((from, to));
                    }
                }
            }
        }
        edges
    }

    fn find(&self, place: &[String]) -> Option<usize> {
        self.by_place.get(place).copied()
    }

    /// The module that defines what `path` names in module `from`; `None`: none of this package.
    fn defined_in(&self, from: usize, path: &[String], depth: u32) -> Option<usize> {
        let module = &self.modules[from];
        let (first, rest) = path.split_first()?;
        // Names that are imported from each other end here.
        if depth > 8 {
            return None;
        }
        match first.as_str() {
            "crate" => self.below(Vec::new(), rest, depth),
            "self" => self.below(module.place.clone(), rest, depth),
            "super" => {
                let mut place = module.place.clone();
                place.pop()?;
                let mut rest = rest;
                while let Some(("super", further)) =
                    rest.split_first().map(|(a, b)| (a.as_str(), b))
                {
                    place.pop()?;
                    rest = further;
                }
                self.below(place, rest, depth)
            }
            name => {
                let child = [&module.place[..], &[name.to_owned()]].concat();
                if self.find(&child).is_some() {
                    return self.below(child, rest, depth);
                }
                let (_, imported) = module.uses.iter().find(|(alias, _)| alias == name)?;
                if imported.first().map(String::as_str) == Some(name) {
                    return None;
                }
                self.defined_in(from, &[imported, rest].concat(), depth + 1)
            }
        }
    }

    /// The module that defines `rest` as seen from the module at `place`.
    fn below(&self, mut place: Vec<String>, rest: &[String], depth: u32) -> Option<usize> {
        let mut rest = rest;
        while let Some((next, further)) = rest.split_first() {
            let inner = [&place[..], std::slice::from_ref(next)].concat();
            if self.find(&inner).is_none() {
                break;
            }
            (place, rest) = (inner, further);
        }
        let at = self.find(&place)?;
        let module = &self.modules[at];
        let Some(name) = rest.first() else {
            return Some(at);
        };
        if module.items.contains(name) {
            return Some(at);
        }
        // It is only passed on: look where it comes from.
        let passed_on = module.uses.iter().find(|(alias, _)| alias == name);
        if let Some((_, path)) = passed_on {
            return self.defined_in(at, path, depth + 1);
        }
        Some(at)
    }
}
