//! Keeps the language of code, tests, scripts and documentation plain: patterns of sentences that read like a translation.

use crate::support::some::some;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Words that a doc comment does not begin with: it begins with a verb in the third person, or with a noun.
const OPENERS: [&str; 7] = ["What", "Where", "Whether", "Why", "How", "Who", "Which"];

/// Words that end like a verb in the third person and are none.
const NOT_VERBS: [&str; 6] = ["This", "Its", "Always", "Bytes", "Pixels", "Rows"];

/// Words for which there are plainer ones.
const PHRASES: [&str; 8] =
    ["nobody", " is said", " is told", "any more", "so many", "in passing", " shall ", "at the most"];

/// Folders and files that are checked.
const FOLDERS: [&str; 6] = ["src", "tests", "deploy", "localstack", "docs", "README.md"];

/// Extensions of files that are checked.
const EXTENSIONS: [&str; 5] = ["rs", "py", "sh", "mjs", "md"];

/// Folders of installed packages and built files.
const FOREIGN: [&str; 4] = ["node_modules", "target", "fixtures", "screenshots"];

/// Returns the files below a folder that are checked. This one is left out, because it lists the phrases.
fn files(path: &Path) -> Vec<PathBuf> {
    let has = |names: &[&str], part: Option<&OsStr>| part.is_some_and(|part| names.iter().any(|name| part == *name));
    if path.is_file() {
        let is_checked = has(&EXTENSIONS, path.extension()) && !path.ends_with("language.rs");
        return is_checked.then(|| path.to_owned()).into_iter().collect();
    }
    if has(&FOREIGN, path.file_name()) {
        return Vec::new();
    }
    let entries = fs::read_dir(path).expect("readable").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| files(&path)).collect()
}

/// Returns the text of a doc comment or an inner doc comment.
fn doc(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).map(str::trim_start)
}

/// Returns `true` if a doc comment opens with a verb in the third person, such as `Returns` or `Percent-encodes`.
fn opens_with_verb(doc: &str) -> bool {
    let word = doc.split(|c: char| !c.is_alphabetic() && c != '-').next().unwrap_or_default();
    word.starts_with(char::is_uppercase) && word.ends_with('s') && !NOT_VERBS.contains(&word)
}

/// Returns `true` for the first line of a function, public or private.
fn is_function(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|word| {
        word.starts_with("pub") || ["const", "async", "unsafe", "default", "extern", "\"C\""].contains(word)
    });
    words.next() == Some("fn")
}

/// Returns the functions of a source file whose doc comments do not open with a verb.
fn functions_without_verb(text: &str) -> Vec<String> {
    let (mut found, mut opening) = (Vec::new(), None);
    for (number, line) in (1..).zip(text.lines()) {
        match doc(line) {
            Some(doc) => opening = opening.or(Some((number, doc))),
            // Attributes are between a doc comment and its function.
            None if line.trim_start().starts_with("#[") => {}
            None => {
                let without_verb = opening.take().filter(|(_, doc)| is_function(line) && !opens_with_verb(doc));
                found.extend(without_verb.map(|(number, doc)| format!("{number}: opens without a verb: `{doc}`")));
            }
        }
    }
    found
}

/// Returns the problems of a source file, each with its line.
fn problems(text: &str) -> Vec<String> {
    let (mut found, mut is_in_doc) = (Vec::new(), false);
    for (number, line) in (1..).zip(text.lines()) {
        let doc = doc(line);
        let opener = doc.and_then(|doc| doc.split(|c: char| !c.is_alphabetic()).next());
        if opener.is_some_and(|word| !is_in_doc && OPENERS.contains(&word)) {
            found.push(format!("{number}: opens with `{}`", opener.unwrap_or_default()));
        }
        // "There is no" and "is no longer" are plain.
        let negations = line.replace("here is no ", "").replace(" is no longer", "").replace(" is no such", "");
        found.extend(negations.contains(" is no ").then(|| format!("{number}: has `is no`")));
        let phrases = PHRASES.iter().filter(|phrase| line.contains(*phrase));
        found.extend(phrases.map(|phrase| format!("{number}: has `{}`", phrase.trim())));
        is_in_doc = doc.is_some();
    }
    found
}

/// Returns the problems of all files below a folder of this repository, each with its file and line.
fn problems_below(folder: &str, of_text: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let of_file = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("readable");
        let name = path.strip_prefix(root).expect("below").display().to_string();
        of_text(&text).into_iter().map(move |problem| format!("{name}:{problem}")).collect::<Vec<_>>()
    };
    some(files(&root.join(folder))).flat_map(of_file).collect()
}

#[test]
fn code_tests_and_scripts_are_free_of_phrases_that_read_like_a_translation() {
    let found: Vec<String> = FOLDERS.iter().flat_map(|folder| problems_below(folder, problems)).collect();
    assert!(found.is_empty(), "{} problems:\n{}", found.len(), found.join("\n"));
}

#[test]
fn functions_of_the_source_code_are_described_with_a_verb() {
    let found = problems_below("src", functions_without_verb);
    assert!(found.is_empty(), "{} problems:\n{}", found.len(), found.join("\n"));
}

#[test]
fn phrases_are_found_in_docs_comments_and_texts() {
    let planted = "/// Whether it is there.\nfn a() {}\n/// Returns it.\n/// Where it is.\nfn b() { c(\"x is no file\") } // any more\n";
    assert_eq!(problems(planted), ["1: opens with `Whether`", "5: has `is no`", "5: has `any more`"]);
}

#[test]
fn functions_are_described_with_a_verb() {
    let planted = "/// The length.\n#[must_use]\npub const fn a() {}\n/// Returns it.\nfn b() {}\n/// This is it.\n\
                   async fn c() {}\n/// The number.\nconst D: u8 = 0;\n/// Percent-encodes it.\n///\n/// More.\nfn d() {}\n";
    assert_eq!(
        functions_without_verb(planted),
        ["1: opens without a verb: `The length.`", "6: opens without a verb: `This is it.`"]
    );
}
