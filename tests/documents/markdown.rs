//! The project's pages, as a reader of Markdown sees them: headings, links and fenced blocks (reads files).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// What stands in a comment right before a block, to say how the block is tested.
const MARK: &str = "<!-- test: ";

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A page.
pub struct Page {
    /// From the root of the repository.
    pub path: PathBuf,
    /// What headings can be reached by.
    pub anchors: BTreeSet<String>,
    pub links: Vec<Link>,
    pub blocks: Vec<Block>,
}

/// A link, or a picture.
pub struct Link {
    pub line: usize,
    pub destination: String,
}

/// A fenced block.
pub struct Block {
    pub line: usize,
    pub language: String,
    pub text: String,
    /// The headings that it stands under, the outermost first.
    pub sections: Vec<String>,
    /// How the block is tested, where the page says so.
    pub mark: Option<String>,
}

impl Page {
    /// Reads a page.
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(repository().join(path)).unwrap();
        let mut page = Self { path: path.to_owned(), anchors: BTreeSet::new(), links: Vec::new(), blocks: Vec::new() };
        let mut headings = BTreeMap::new();
        let mut heading: Option<String> = None;
        let mut sections: Vec<String> = Vec::new();
        let mut block: Option<Block> = None;
        let mut mark = None;
        for (event, range) in Parser::new_ext(&text, Options::ENABLE_TABLES).into_offset_iter() {
            let line = text[..range.start].lines().count().max(1);
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(level)) => {
                    let words = heading.take().unwrap();
                    page.anchors.insert(unique(&mut headings, anchor(&words)));
                    sections.resize(depth(level) - 1, String::new());
                    sections.push(words);
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(Link { line, destination: dest_url.into_string() });
                }
                Event::Start(Tag::CodeBlock(kind)) => {
                    let language = match kind {
                        CodeBlockKind::Fenced(language) => language.into_string(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    block = Some(Block {
                        line,
                        language,
                        text: String::new(),
                        sections: sections.clone(),
                        mark: mark.take(),
                    });
                }
                Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
                Event::Html(html) => {
                    if let Some(said) = html.trim().strip_prefix(MARK) {
                        mark = Some(said.trim_end_matches("-->").trim().to_owned());
                    }
                    continue;
                }
                Event::Text(part) | Event::Code(part) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&part);
                    }
                    if let Some(block) = &mut block {
                        block.text.push_str(&part);
                    }
                }
                Event::Start(Tag::HtmlBlock) | Event::End(TagEnd::HtmlBlock) => continue,
                _ => {}
            }
            assert!(mark.is_none(), "{}:{line}: no block follows the comment on how it is tested", path.display());
        }
        page
    }

    /// Where something stands, for messages.
    pub fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }
}

/// The anchor that a heading gets on Git hosts and in mdBook.
pub fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c)).collect::<String>().replace(' ', "-")
}

fn depth(level: HeadingLevel) -> usize {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

/// A heading that is there twice gets a number.
fn unique(headings: &mut BTreeMap<String, usize>, anchor: String) -> String {
    let seen = headings.entry(anchor.clone()).or_default();
    *seen += 1;
    if *seen == 1 { anchor } else { format!("{anchor}-{}", *seen - 1) }
}

/// Every page: those in the root of the repository, and those of docs/.
pub fn pages() -> Vec<Page> {
    let mut paths = Vec::new();
    find(Path::new(""), false, &mut paths);
    find(Path::new("docs"), true, &mut paths);
    paths.sort();
    paths.iter().map(|path| Page::read(path)).collect()
}

fn find(folder: &Path, deep: bool, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(repository().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = folder.join(entry.file_name());
        if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        } else if deep && entry.file_type().unwrap().is_dir() {
            find(&path, deep, paths);
        }
    }
}
