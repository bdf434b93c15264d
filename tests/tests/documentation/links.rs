//! Links of the Markdown files lead to files and headings that exist, and the book in `docs/` is complete.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::repository;

/// Folders whose files are not part of the repository.
const IGNORED: [&str; 4] = [".git", "artifacts", "node_modules", "target"];

/// The links of a Markdown file, and the anchors of its headings.
struct Document {
    links: Vec<String>,
    anchors: BTreeSet<String>,
}

impl Document {
    fn parse(text: &str) -> Self {
        let mut document = Self { links: Vec::new(), anchors: BTreeSet::new() };
        let mut heading: Option<String> = None;
        for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    document.links.push(dest_url.into_string());
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::End(TagEnd::Heading(_)) => document.add_anchor(&heading.take().unwrap_or_default()),
                _ => {}
            }
        }
        document
    }

    /// Adds the anchor that GitHub and mdBook give to a heading. A repeated heading gets a number.
    fn add_anchor(&mut self, heading: &str) {
        let is_kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
        let anchor = heading.to_lowercase().chars().filter(is_kept).collect::<String>().replace(' ', "-");
        let numbered = (1..).map(|number| format!("{anchor}-{number}"));
        let free = std::iter::once(anchor.clone()).chain(numbered).find(|anchor| !self.anchors.contains(anchor));
        self.anchors.extend(free);
    }
}

fn is_markdown(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

/// Returns the Markdown files below a folder of the repository.
fn markdown_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            if !IGNORED.iter().any(|ignored| entry.file_name() == *ignored) {
                files.extend(markdown_files(&path));
            }
        } else if is_markdown(&path) {
            files.push(path);
        }
    }
    files
}

/// Removes `.` and `..` from a path.
fn normalize(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut normalized, component| {
        match component {
            Component::ParentDir => drop(normalized.pop()),
            Component::CurDir => {}
            component => normalized.push(component),
        }
        normalized
    })
}

/// Returns the files in `docs/` that a text names: `[text](file.md)` or `"file.md"`.
fn chapters(text: &str) -> BTreeSet<&str> {
    let is_name = |word: &&str| is_markdown(Path::new(word)) && !word.contains(['/', ' ']);
    text.split(['(', ')', '"']).filter(is_name).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_exist() {
    let read = |path: PathBuf| {
        let document = Document::parse(&fs::read_to_string(&path).unwrap());
        (path, document)
    };
    let documents: BTreeMap<_, _> = markdown_files(&repository()).into_iter().map(read).collect();
    let mut checked = 0;
    let mut problems = Vec::new();
    for (path, document) in &documents {
        for link in document.links.iter().filter(|link| !link.contains(':')) {
            checked += 1;
            let (target, anchor) =
                link.split_once('#').map_or((&**link, None), |(target, anchor)| (target, Some(anchor)));
            let folder = path.parent().unwrap();
            let target = if target.is_empty() { path.clone() } else { normalize(&folder.join(target)) };
            let leads_somewhere = match anchor {
                None => target.exists(),
                Some(anchor) => documents.get(&target).is_some_and(|document| document.anchors.contains(anchor)),
            };
            if !leads_somewhere {
                problems.push(format!("{}: {link}", path.strip_prefix(repository()).unwrap().display()));
            }
        }
    }
    assert!(problems.is_empty(), "links that lead nowhere:\n{}", problems.join("\n"));
    assert!(documents.len() >= 20 && checked >= 50, "{checked} links in {} files", documents.len());
}

#[test]
fn every_chapter_is_in_the_summary_and_its_examples_are_tested() {
    let docs = repository().join("docs");
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    let tested = fs::read_to_string(repository().join("tests/src/book.rs")).unwrap();
    let (summary, tested) = (chapters(&summary), chapters(&tested));
    for path in markdown_files(&docs) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let has_examples = fs::read_to_string(&path).unwrap().contains("```rust");
        assert!(name == "SUMMARY.md" || summary.contains(name), "docs/SUMMARY.md lacks {name}");
        assert!(!has_examples || tested.contains(name), "tests/src/book.rs lacks {name}");
    }
}

#[test]
fn anchors_are_those_of_github() {
    let document = Document::parse("# Use `cli::App`: why?\n\n## A_b - c\n\n## Same\n\n## Same\n\n[a](b.md#c)\n");
    let anchors = ["a_b---c", "same", "same-1", "use-cliapp-why"];
    assert_eq!(document.anchors.iter().map(String::as_str).collect::<Vec<_>>(), anchors);
    assert_eq!(document.links, ["b.md#c"]);
}
