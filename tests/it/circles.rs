//! Finds circles of imports between the modules below `src`.
//!
//! A module may use items of the modules around it, and these may use items of the modules in them. Siblings must not use each
//! other in a circle, neither directly nor through what their parent re-exports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The path of a module, without `crate`.
type Module = Vec<String>;

/// The modules of a crate, with the names that each imports.
#[derive(Default)]
struct Crate(BTreeMap<Module, Vec<Module>>);

impl Crate {
    fn new(files: &[(Module, String)]) -> Self {
        let mut all: Self =
            files.iter().map(|(module, _)| (module.clone(), Vec::new())).collect::<BTreeMap<_, _>>().into();
        for (module, text) in files {
            let paths = paths(text).into_iter().filter_map(|path| all.absolute(module, &path)).collect();
            all.0.insert(module.clone(), paths);
        }
        all
    }

    fn has(&self, module: &[String]) -> bool {
        self.0.contains_key(module)
    }

    /// Returns the path from the root of the crate; `None` for paths into other crates.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Module> {
        let supers = path.iter().take_while(|segment| *segment == "super").count();
        let rest = |from: usize| path[from..].iter().cloned();
        match path.first()?.as_str() {
            "crate" => Some(rest(1).collect()),
            "self" => Some(module.iter().cloned().chain(rest(1)).collect()),
            "super" => Some(module[..module.len().checked_sub(supers)?].iter().cloned().chain(rest(supers)).collect()),
            _ => {
                let inner: Module = module.iter().cloned().chain(rest(0)).collect();
                self.has(&inner[..=module.len()]).then_some(inner)
            }
        }
    }

    /// Returns the module that defines what a path names.
    fn owner(&self, path: &[String]) -> Module {
        let known = (0..=path.len()).rev().find(|length| self.has(&path[..*length])).unwrap_or(0);
        let (module, rest) = path.split_at(known);
        let is_imported =
            |import: &&Module| import.last() == rest.first() && import.starts_with(module) && import.len() > known + 1;
        match self.0.get(module).into_iter().flatten().find(is_imported) {
            Some(import) => self.owner(import),
            None => module.to_vec(),
        }
    }

    /// Returns the imports between siblings: the module around them, one of them, and the one that it uses.
    fn sibling_imports(&self) -> BTreeMap<Module, BTreeSet<(String, String)>> {
        let mut imports: BTreeMap<Module, BTreeSet<(String, String)>> = BTreeMap::new();
        for (module, path) in self.0.iter().flat_map(|(module, paths)| paths.iter().map(move |path| (module, path))) {
            let owner = self.owner(path);
            let common = module.iter().zip(&owner).take_while(|(a, b)| a == b).count();
            if let (Some(from), Some(to)) = (module.get(common), owner.get(common)) {
                imports.entry(module[..common].to_vec()).or_default().insert((from.clone(), to.clone()));
            }
        }
        imports
    }

    /// Returns the imports that are part of circles, by the module around the siblings.
    fn circles(&self) -> Vec<String> {
        let mut circles = Vec::new();
        for (parent, imports) in self.sibling_imports() {
            let in_circle = imports.iter().filter(|(from, to)| reachable(&imports, to).contains(from));
            let in_circle: Vec<String> = in_circle.map(|(from, to)| format!("{from} -> {to}")).collect();
            if !in_circle.is_empty() {
                circles.push(format!("{}: {}", parent.join("::"), in_circle.join(", ")));
            }
        }
        circles
    }
}

impl From<BTreeMap<Module, Vec<Module>>> for Crate {
    fn from(modules: BTreeMap<Module, Vec<Module>>) -> Self {
        Self(modules)
    }
}

/// Returns the modules that are reachable over at least one import.
fn reachable(imports: &BTreeSet<(String, String)>, from: &str) -> BTreeSet<String> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
    while let Some(module) = open.pop() {
        for (_, to) in imports.iter().filter(|(from, _)| *from == module) {
            if reached.insert(to.clone()) {
                open.push(to.clone());
            }
        }
    }
    reached
}

/// Returns the paths that a file imports or names in place.
fn paths(text: &str) -> Vec<Module> {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let code: Vec<&str> = code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join("\n").replace("pub(in ", "(");
    let is_import = |at: usize| {
        let before = code[..at].rsplit('\n').next().unwrap_or_default().trim();
        before.is_empty() || before.starts_with("pub")
    };
    let imports = code.match_indices("use ").filter(|(at, _)| is_import(*at));
    let mut paths: Vec<Module> =
        imports.flat_map(|(at, found)| tree(code[at + found.len()..].split(';').next().unwrap_or_default())).collect();
    for start in ["crate::", "super::"] {
        let named = code.match_indices(start).filter(|(at, _)| !code[..*at].ends_with("::"));
        paths.extend(named.flat_map(|(at, _)| tree(word(&code[at..]))));
    }
    paths
}

/// Returns the path at the start of some code.
fn word(code: &str) -> &str {
    let is_part = |character: char| character.is_alphanumeric() || "_:".contains(character);
    code.split(|character| !is_part(character)).next().unwrap_or_default()
}

/// Returns every path of the tree of a `use`.
fn tree(text: &str) -> Vec<Module> {
    let text = text.trim();
    let Some((head, inner)) = text.split_once('{') else {
        let text = text.split(" as ").next().unwrap_or_default();
        return vec![
            text.split("::").map(|segment| segment.trim().to_owned()).filter(|segment| !segment.is_empty()).collect(),
        ];
    };
    let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
    let head: Module = head.split("::").map(|segment| segment.trim().to_owned()).filter(|it| !it.is_empty()).collect();
    let with_head = |path: Module| {
        let path = path.into_iter().filter(|segment| segment != "self");
        head.iter().cloned().chain(path).collect()
    };
    branches(inner).into_iter().flat_map(tree).map(with_head).collect()
}

/// Divides at the commas outside of braces.
fn branches(text: &str) -> Vec<&str> {
    let (mut branches, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                branches.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    branches.push(&text[start..]);
    branches.into_iter().filter(|branch| !branch.trim().is_empty()).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Returns the files below `src` with the paths of their modules. The roots of library and binary are one.
fn source() -> Vec<(Module, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let module = |path: &Path| -> Module {
        let path = path.strip_prefix(&source).expect("below").with_extension("");
        let mut module: Module = path.iter().map(|name| name.to_str().expect("UTF-8").to_owned()).collect();
        if module.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
            module.pop();
        }
        module
    };
    let is_module = |path: &PathBuf| {
        path.extension().is_some_and(|it| it == "rs") && !path.ends_with("tests.rs") && !path.ends_with("main.rs")
    };
    let files = files(&source).into_iter().filter(is_module);
    files.map(|path| (module(&path), fs::read_to_string(&path).expect("UTF-8"))).collect()
}

#[test]
fn modules_do_not_import_each_other_in_circles() {
    let files = source();
    assert!(files.len() > 200, "the source is there");
    assert_eq!(Crate::new(&files).circles(), Vec::<String>::new());
}

/// Returns the circles of files with these modules and texts.
fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    let module = |path: &str| path.split("::").filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
    let files: Vec<(Module, String)> = files.iter().map(|(path, text)| (module(path), (*text).to_owned())).collect();
    Crate::new(&files).circles()
}

#[test]
fn a_planted_circle_is_found() {
    let root = ("", "mod room;\n");
    let parent = ("room", "mod a;\nmod b;\npub use b::{B, Other};\nuse a::A;\nstruct Shared;\n");
    let upward = ("room::a", "use super::Shared;\nuse super::B;\n");
    assert_eq!(circles_of(&[root, parent, upward, ("room::b", "use std::fmt;\nuse super::Shared;\n")]), [""; 0]);
    for back in ["use super::a::A;\n", "use super::{Shared, a::{self, A}};\n", "fn f() -> crate::room::A {}\n"] {
        assert_eq!(circles_of(&[root, parent, upward, ("room::b", back)]), ["room: a -> b, b -> a"], "{back}");
    }
    let comment = "//! See `super::a`.\n#[cfg(test)]\nmod tests {\n    use super::super::a::A;\n}\n";
    assert_eq!(circles_of(&[root, parent, upward, ("room::b", comment)]), [""; 0]);
}

#[test]
fn a_circle_of_rooms_is_found() {
    let files = [("", "mod x;\nmod y;\nmod z;\n"), ("x", "mod in_x;\n"), ("x::in_x", "use crate::y::Y;\n")];
    let back = [("y", "use crate::z::Z;\n"), ("z", "use crate::x::X;\n")];
    assert_eq!(circles_of(&[&files[..], &back[..]].concat()), [": x -> y, y -> z, z -> x"]);
}
