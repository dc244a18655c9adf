//! What people and programs read: tables, trees, colours, and what is printed. Pure, but for [`print`].

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::ValueEnum;
use jiff::Timestamp;
use serde::Serialize;
use thiserror::Error;
use unicode_width::UnicodeWidthStr;

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Text,
    /// For people with wide screens: more columns, nothing cut off.
    Wide,
    /// For programs.
    Json,
    /// For programs and people.
    Yaml,
}

/// Standard output can't be written.
#[derive(Debug, Error)]
#[error("can't print")]
pub(super) struct PrintError(#[source] pub(super) std::io::Error);

/// Writes to standard output, at once.
pub(super) fn print(text: &str) -> Result<(), PrintError> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(PrintError)
}

/// Says on standard error what is not part of a result.
pub(super) fn note(text: &str) {
    // Nobody is left to be told if standard error is closed.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// How far a long step is, on standard error: on one line of a terminal, and nowhere else.
pub(super) struct Progress {
    doing: &'static str,
    all: usize,
    done: AtomicUsize,
    is_shown: bool,
}

impl Progress {
    /// Of so many.
    pub(super) fn of(doing: &'static str, all: usize) -> Self {
        let progress = Self { doing, all, done: AtomicUsize::new(0), is_shown: std::io::stderr().is_terminal() };
        progress.show(0);
        progress
    }

    /// One more is done.
    pub(super) fn step(&self) {
        self.show(self.done.fetch_add(1, Ordering::Relaxed) + 1);
    }

    fn show(&self, done: usize) {
        if self.is_shown {
            // ECMA-48, EL: what the line held before goes.
            let _ = write!(std::io::stderr(), "\r\u{1b}[K{}: {done} of {}", self.doing, self.all);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }
}

/// A result for programs; none for people.
pub(super) fn rendered<T: Serialize>(format: Format, value: &T) -> Option<String> {
    match format {
        Format::Text | Format::Wide => None,
        Format::Json => serde_json::to_string_pretty(value).ok().map(|text| text + "\n"),
        Format::Yaml => serde_saphyr::to_string(value).ok(),
    }
}

/// What the reader of standard output can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Screen {
    /// Whether it is a terminal, which can be written anew.
    pub(super) is_terminal: bool,
    /// Whether it shows colours.
    pub(super) has_colours: bool,
    /// Whether it shows more than ASCII.
    pub(super) has_unicode: bool,
    /// How many columns it has; none where that is not known, and nothing is cut off.
    pub(super) width: Option<usize>,
}

impl Screen {
    /// That of this process. `NO_COLOR` (no-color.org) and `TERM=dumb` are honoured.
    #[allow(
        clippy::disallowed_methods,
        reason = "what a terminal can show is told by variables that are no settings of ours"
    )]
    pub(super) fn of_process() -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let is_dumb = variable("TERM").is_some_and(|term| term == "dumb");
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable).unwrap_or_default().to_lowercase();
        let width = is_terminal.then(|| rustix::termios::tcgetwinsize(std::io::stdout()).ok()).flatten();
        Self {
            is_terminal,
            has_colours: is_terminal && !is_dumb && variable("NO_COLOR").is_none(),
            has_unicode: locale.contains("utf-8") || locale.contains("utf8"),
            width: width.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0),
        }
    }

    /// A text in the colour that its meaning has.
    pub(super) fn paint(self, meaning: Meaning, text: &str) -> String {
        let code = match meaning {
            Meaning::Plain => return text.to_owned(),
            Meaning::Good => 32,
            Meaning::Bad => 31,
            Meaning::Moving => 33,
            Meaning::Aside => 2,
        };
        if self.has_colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// What stands for the rest of a text that was cut off.
    pub(super) const fn more(self) -> &'static str {
        if self.has_unicode { "…" } else { "..." }
    }

    /// The arrow from what was to what will be.
    pub(super) const fn arrow(self) -> &'static str {
        if self.has_unicode { "→" } else { "->" }
    }
}

/// A text of somebody else's as it can be shown: what steers a terminal, or turns the direction of writing, is spelled out.
pub(super) fn clean(text: &str) -> String {
    let steers = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().fold(String::new(), |mut shown, c| {
        if steers(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
        shown
    })
}

/// What a text means, which gives it its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing in particular.
    Plain,
    /// All is well; something comes.
    Good,
    /// A person must act; something goes.
    Bad,
    /// It is on its way; something changes.
    Moving,
    /// Less important.
    Aside,
}

/// One cell of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    text: String,
    meaning: Meaning,
}

impl Cell {
    /// A text with a meaning.
    pub(super) fn of(meaning: Meaning, text: impl Into<String>) -> Self {
        Self { text: text.into(), meaning }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::of(Meaning::Plain, text)
    }
}

/// Columns as kubectl shows them. Only the last column is cut off, where the screen ends.
pub(super) fn table(header: &[&str], rows: &[Vec<Cell>], screen: Screen) -> String {
    let mut widths: Vec<usize> = header.iter().map(|title| title.width()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.text.width());
        }
    }
    let mut text = String::new();
    let titles: Vec<Cell> = header.iter().map(|title| Cell::of(Meaning::Aside, *title)).collect();
    for row in std::iter::once(&titles).chain(rows) {
        let mut column = 0;
        for (at, cell) in row.iter().enumerate() {
            let is_last = at + 1 == row.len();
            let width = widths.get(at).copied().unwrap_or_default();
            let room = screen.width.map(|all| all.saturating_sub(column));
            let shown = if is_last { fitting(&cell.text, room, screen) } else { cell.text.clone() };
            text.push_str(&screen.paint(cell.meaning, &shown));
            if !is_last {
                let blanks = width + 3 - cell.text.width();
                text.push_str(&" ".repeat(blanks));
                column += width + 3;
            }
        }
        while text.ends_with(' ') {
            text.pop();
        }
        text.push('\n');
    }
    text
}

/// The beginning of a text that fits.
fn fitting(text: &str, room: Option<usize>, screen: Screen) -> String {
    let Some(room) = room.filter(|room| text.width() > *room) else { return text.to_owned() };
    let more = screen.more();
    let mut shown = String::new();
    for letter in text.chars() {
        if shown.width() + letter.to_string().width() + more.width() > room {
            break;
        }
        shown.push(letter);
    }
    if room >= more.width() { shown + more } else { shown }
}

/// A line, and what hangs below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    /// The line, painted already.
    pub(super) line: String,
    /// What hangs below it.
    pub(super) below: Vec<Self>,
}

impl Node {
    /// A line with nothing below it.
    pub(super) fn line(line: impl Into<String>) -> Self {
        Self { line: line.into(), below: Vec::new() }
    }
}

/// A tree, drawn.
pub(super) fn tree(root: &Node, screen: Screen) -> String {
    let mut text = format!("{}\n", root.line);
    draw(&root.below, "", screen, &mut text);
    text
}

fn draw(nodes: &[Node], indent: &str, screen: Screen, text: &mut String) {
    let (branch, end, through) =
        if screen.has_unicode { ("├── ", "└── ", "│   ") } else { ("|-- ", "`-- ", "|   ") };
    for (at, node) in nodes.iter().enumerate() {
        let is_last = at + 1 == nodes.len();
        let _ = writeln!(text, "{indent}{}{}", if is_last { end } else { branch }, node.line);
        draw(&node.below, &format!("{indent}{}", if is_last { "    " } else { through }), screen, text);
    }
}

/// How long ago something was, as kubectl says it: one unit, two where the first is small.
pub(super) fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (seconds, minutes, hours, days) {
        (..120, ..) => format!("{seconds}s"),
        (_, ..10, ..) => format!("{minutes}m{}s", seconds % 60),
        (_, ..180, ..) => format!("{minutes}m"),
        (_, _, ..8, _) => format!("{hours}h{}m", minutes % 60),
        (_, _, ..48, _) => format!("{hours}h"),
        (_, _, _, ..8) => format!("{days}d{}h", hours % 24),
        _ => format!("{days}d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPE: Screen = Screen { is_terminal: false, has_colours: false, has_unicode: true, width: None };

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_end_without_blanks() {
        let rows = [vec!["a".into(), "x".into()], vec!["press-größe".into(), "".into()]];
        assert_eq!(table(&["NAME", "READY"], &rows, PIPE), "NAME          READY\na             x\npress-größe\n");
    }

    #[test]
    fn what_does_not_fit_the_screen_is_cut_off_in_the_last_column_alone() {
        let narrow = Screen { width: Some(14), ..PIPE };
        let rows = [vec!["presses".into(), "a long message".into()]];
        assert_eq!(table(&["NAME", "MESSAGE"], &rows, narrow), "NAME      MES…\npresses   a l…\n");
    }

    #[test]
    fn what_steers_a_terminal_is_spelled_out() {
        assert_eq!(clean("a\u{1b}[31mb\u{9b}2J\u{202e}c ä"), "a\\u{1b}[31mb\\u{9b}2J\\u{202e}c ä");
    }

    #[test]
    fn colours_are_for_terminals() {
        let colourful = Screen { has_colours: true, ..PIPE };
        assert_eq!(colourful.paint(Meaning::Good, "True"), "\u{1b}[32mTrue\u{1b}[0m");
        assert_eq!(PIPE.paint(Meaning::Good, "True"), "True");
    }

    #[test]
    fn a_tree_is_drawn_with_what_the_screen_can_show() {
        let root = Node {
            line: "presses".into(),
            below: vec![Node { line: "devices".into(), below: vec![Node::line("press-1")] }, Node::line("history")],
        };
        assert_eq!(tree(&root, PIPE), "presses\n├── devices\n│   └── press-1\n└── history\n");
        let plain = Screen { has_unicode: false, ..PIPE };
        assert_eq!(tree(&root, plain), "presses\n|-- devices\n|   `-- press-1\n`-- history\n");
    }

    #[test]
    fn an_age_is_told_as_kubectl_does() {
        let now = Timestamp::constant(1_790_000_000, 0);
        let ago = |seconds: i64| age(Timestamp::from_second(1_790_000_000 - seconds).unwrap(), now);
        assert_eq!(
            [5, 119, 125, 599, 3600, 20_000, 90_000, 200_000, 900_000].map(ago),
            ["5s", "119s", "2m5s", "9m59s", "60m", "5h33m", "25h", "2d7h", "10d"]
        );
        assert_eq!(ago(-5), "0s");
    }
}
