//! Every link of a page leads somewhere, and every page can be found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::markdown::{Page, pages, repository};

/// The table of contents of the site.
const SUMMARY: &str = "docs/SUMMARY.md";

/// Where a link leads: a path in the repository and an anchor, or nothing of ours.
fn destination(from: &Path, link: &str) -> Option<(PathBuf, String)> {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let ours = format!("{}/", env!("CARGO_PKG_REPOSITORY"));
    let path = match path.strip_prefix(&ours) {
        // Of what the repository's host shows besides files, nothing can be known here.
        Some(rest) => rest.split_once("/main/").filter(|(what, _)| ["blob", "tree"].contains(what))?.1.into(),
        None if path.contains(':') => return None,
        None if path.is_empty() => from.to_owned(),
        None => plain(&from.parent().unwrap().join(path)),
    };
    // Hosts show a folder by its README.md.
    let shown = path.join("README.md");
    let path = if repository().join(&shown).exists() { shown } else { path };
    Some((path, anchor.to_owned()))
}

/// Without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(plain.pop(), "{} leads out of the repository", path.display()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn every_link_leads_somewhere() {
    let pages: BTreeMap<PathBuf, Page> = pages().into_iter().map(|page| (page.path.clone(), page)).collect();
    let mut broken = Vec::new();
    let mut followed = 0;
    for page in pages.values() {
        for link in &page.links {
            let Some((path, anchor)) = destination(&page.path, &link.destination) else { continue };
            followed += 1;
            let there = repository().join(&path).exists()
                && (anchor.is_empty() || pages.get(&path).is_some_and(|page| page.anchors.contains(&anchor)));
            if !there {
                broken.push(format!("{}: {}", page.at(link.line), link.destination));
            }
        }
    }
    assert!(followed > 100, "only {followed} links were seen");
    assert!(broken.is_empty(), "these lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn the_table_of_contents_has_every_page_of_the_site_once() {
    let summary = Page::read(Path::new(SUMMARY));
    let mut listed: Vec<PathBuf> =
        summary.links.iter().map(|link| destination(&summary.path, &link.destination).unwrap().0).collect();
    listed.sort();
    let of_the_site = |path: &Path| path.starts_with("docs") && path != Path::new(SUMMARY);
    let written: Vec<PathBuf> = pages().into_iter().map(|page| page.path).filter(|path| of_the_site(path)).collect();
    assert_eq!(listed, written, "left: the pages of {SUMMARY}, right: those that are there");
}

#[test]
fn every_page_is_reached_from_the_readme_without_the_table_of_contents() {
    let pages: BTreeMap<PathBuf, Page> = pages().into_iter().map(|page| (page.path.clone(), page)).collect();
    let mut reached = BTreeSet::new();
    let mut next = vec![PathBuf::from("README.md")];
    while let Some(path) = next.pop() {
        let Some(page) = pages.get(&path) else { continue };
        if reached.insert(path) {
            next.extend(page.links.iter().filter_map(|link| Some(destination(&page.path, &link.destination)?.0)));
        }
    }
    let lost: Vec<_> = pages.keys().filter(|path| !reached.contains(*path) && *path != Path::new(SUMMARY)).collect();
    assert!(lost.is_empty(), "no page that a reader comes across leads to {lost:?}");
}
