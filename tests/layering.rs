//! The house has one direction (ARCHITECTURE.md, `src/lib.rs`): a module uses only those that
//! stand above it, and within one there are no circles; `comm` alone names MPI, and `run` names
//! no potential.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Modules in the order of `src/lib.rs`, with all their source files.
fn house() -> Vec<(String, Vec<(PathBuf, String)>)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let library = std::fs::read_to_string(source.join("lib.rs")).unwrap();
    let names = library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    names
        .map(|name| {
            let mut files = Vec::new();
            collect(&source.join(format!("{name}.rs")), &mut files);
            collect(&source.join(name), &mut files);
            (name.to_string(), files)
        })
        .collect()
}

fn collect(path: &Path, files: &mut Vec<(PathBuf, String)>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), files);
        }
    } else if path.is_file() && path.extension().is_some_and(|e| e == "rs") {
        files.push((path.to_path_buf(), std::fs::read_to_string(path).unwrap()));
    }
}

/// Code without its unit tests and comments: tests may use the whole house.
fn code(file: &Path, text: &str) -> String {
    let is_test = file
        .components()
        .any(|c| matches!(c.as_os_str().to_str(), Some("tests" | "tests.rs" | "testing.rs")));
    let until =
        if is_test { 0 } else { text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len()) };
    text[..until]
        .lines()
        .filter(|l| !l.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The modules of the crate that a text names.
fn used(code: &str) -> Vec<String> {
    let word = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    code.match_indices("crate::").map(|(at, found)| word(&code[at + found.len()..])).collect()
}

#[test]
fn modules_use_only_those_above_them() {
    let house = house();
    let floor: BTreeMap<&str, usize> =
        house.iter().enumerate().map(|(n, (name, _))| (name.as_str(), n)).collect();
    assert!(floor.len() > 15, "src/lib.rs lists its modules one to a line");
    let mut wrong = Vec::new();
    for (n, (name, files)) in house.iter().enumerate() {
        assert!(!files.is_empty(), "{name} has source files");
        for (file, text) in files {
            for other in used(&code(file, text)) {
                if floor.get(other.as_str()).is_some_and(|&m| m > n) {
                    wrong.push(format!("{} uses {other}, which stands below", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_picture_shows_the_modules_in_their_order() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, picture) = page.split_once("## The house").expect("the chapter");
    let list = picture.split("```").nth(1).expect("the list");
    let lines = list.lines().filter(|line| line.starts_with(char::is_alphabetic));
    let names = lines.flat_map(|line| line.split("  ").next().expect("names").split([' ', ',']));
    // The program is no module of the library.
    let shown: Vec<&str> = names.filter(|name| !["", "main"].contains(name)).collect();
    let modules: Vec<String> = house().into_iter().map(|(name, _)| name).collect();
    assert_eq!(shown, modules);
}

/// The path of a module within the crate.
type Module = Vec<String>;

/// What a file is called in paths; none for those of tests.
fn module(file: &Path) -> Option<Module> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let within = file.strip_prefix(source).unwrap().with_extension("");
    let mut path: Module = within.iter().map(|part| part.to_str().unwrap().to_string()).collect();
    if path.last().is_some_and(|name| name == "mod") {
        path.pop();
    }
    let is_test = path.iter().any(|name| name == "tests" || name == "testing");
    (!is_test).then_some(path)
}

/// The paths that begin here, of `a::{b, c::d}` both; returns what follows them.
fn paths<'t>(mut text: &'t str, mut path: Module, found: &mut Vec<Module>) -> &'t str {
    loop {
        let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        text = &text[name.len()..];
        if !name.is_empty() {
            path.push(name);
        }
        match text.strip_prefix("::") {
            Some(rest) if rest.starts_with('{') => {
                text = &rest[1..];
                loop {
                    let next = text.trim_start_matches([' ', '\n', ',']);
                    if next.is_empty() || next.starts_with('}') {
                        return next.strip_prefix('}').unwrap_or(next);
                    }
                    let rest = paths(next, path.clone(), found);
                    // `as name`, or something that is no path.
                    text = &rest[rest.find([',', '}']).unwrap_or(rest.len())..];
                }
            }
            Some(rest) if rest.starts_with(|c: char| c.is_alphabetic() || c == '_') => text = rest,
            _ => {
                found.push(path);
                return text;
            }
        }
    }
}

/// The modules of the crate, of `known` ones, that a module names.
fn named(own: &Module, code: &str, known: &BTreeSet<Module>) -> BTreeSet<Module> {
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        let is_start = |at: usize| {
            !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
        };
        for (at, _) in code.match_indices(start).filter(|(at, _)| is_start(*at)) {
            paths(&code[at..], Vec::new(), &mut found);
        }
    }
    let absolute = |path: Module| {
        let mut place = if path[0] == "crate" { Vec::new() } else { own.clone() };
        for name in path.into_iter().filter(|name| name != "crate" && name != "self") {
            if name == "super" {
                place.pop();
                continue;
            }
            place.push(name);
            if !known.contains(&place) {
                place.pop();
                break;
            }
        }
        place
    };
    found.into_iter().map(absolute).collect()
}

/// Tables, their rules and the reference that is made of both name one another.
const ONE_UNIT: &str = "input";

#[test]
fn parts_of_a_module_make_no_circles() {
    let files = || house().into_iter().flat_map(|(_, files)| files);
    let sources: BTreeMap<Module, String> =
        files().filter_map(|(file, text)| Some((module(&file)?, code(&file, &text)))).collect();
    let known: BTreeSet<Module> = sources.keys().cloned().collect();
    // Parts of the same module, and which part names which.
    let mut uses: BTreeMap<&[String], BTreeSet<(String, String)>> = BTreeMap::new();
    for (own, text) in &sources {
        for other in named(own, text, &known) {
            let common = own.iter().zip(&other).take_while(|(a, b)| a == b).count();
            if common > 0 && common < own.len().min(other.len()) {
                let pair = (own[common].clone(), other[common].clone());
                uses.entry(&own[..common]).or_default().insert(pair);
            }
        }
    }
    assert!(uses.len() > 10, "modules in parts: {:?}", uses.keys());
    let mut circles = Vec::new();
    for (home, pairs) in uses.iter().filter(|(home, _)| home[0] != ONE_UNIT) {
        for (first, next) in pairs {
            // All that the second leads to.
            let mut reached = BTreeSet::from([next]);
            let mut waiting = vec![next];
            while let Some(part) = waiting.pop() {
                let further = pairs.iter().filter(|(from, _)| from == part).map(|(_, to)| to);
                waiting.extend(further.filter(|to| reached.insert(to)).collect::<Vec<_>>());
            }
            if reached.contains(first) {
                circles.push(format!("{}: {first} -> {next} -> ...", home.join("::")));
            }
        }
    }
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

/// Kinds of potentials are for `input` to name and for `potential` to know.
#[test]
fn run_names_no_potential() {
    let house = house();
    let parts = ["meam", "eam", "adp", "tersoff", "analytic", "functional"];
    let (_, run) = house.iter().find(|(name, _)| name == "run").expect("the module");
    for (file, text) in run {
        let code = code(file, text);
        for part in parts {
            let path = format!("potential::{part}");
            assert!(!code.contains(&path), "{} names {path}", file.display());
        }
        assert!(!code.contains("Meam"), "{} names MEAM", file.display());
    }
}

#[test]
fn comm_alone_names_mpi() {
    for (name, files) in house() {
        for (file, text) in files.iter().filter(|_| name != "comm") {
            let code = code(file, text);
            for forbidden in ["mpi::", "mpi_sys", "MPI_", "feature = \"mpi\""] {
                assert!(!code.contains(forbidden), "{} names {forbidden}", file.display());
            }
        }
    }
}

/// A file of a run that cannot be read or written is told with the step and with what to do,
/// whoever comes across it.
#[test]
fn failure_alone_tells_what_a_file_of_a_run_met() {
    let house = house();
    let (_, write) = house.iter().find(|(name, _)| name == "write").expect("the module");
    for (file, text) in write.iter().filter(|(file, _)| !file.ends_with("failure.rs")) {
        for forbidden in ["Error::file(", "Error::Library"] {
            assert!(!code(file, text).contains(forbidden), "{} names {forbidden}", file.display());
        }
    }
}
