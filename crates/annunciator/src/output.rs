//! Text of a command onto standard output: colours, columns, and what happens when nobody reads.
//!
//! Failure: a closed pipe (`annunciator ledger | head`) ends the output quietly; any other error
//! of writing makes the command fail.

use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicU8, Ordering};

use annunciator_core::{ellipsize, one_line};

/// Longest text in one cell of a table. Unit: characters.
const CELL_CHARS_MAX: usize = 200;

const OPEN: u8 = 0;
const CLOSED: u8 = 1;
const FAILED: u8 = 2;
/// Standard output belongs to the whole process, and so does what became of it.
static STATE: AtomicU8 = AtomicU8::new(OPEN);

/// Writes text to standard output.
pub(crate) fn print(text: &str) {
    write(text.as_bytes());
}

/// Writes octets as they are.
pub(crate) fn print_octets(octets: &[u8]) {
    write(octets);
}

/// Writes a message as it is; on a terminal without what would move the cursor.
pub(crate) fn print_message(octets: &[u8]) {
    if !std::io::stdout().is_terminal() {
        return write(octets);
    }
    let is_moving = |c: char| c.is_control() && c != '\n' && c != '\t';
    print(&String::from_utf8_lossy(octets).replace("\r\n", "\n").replace(is_moving, " "));
}

fn write(octets: &[u8]) {
    if !is_open() {
        return;
    }
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(octets).and_then(|()| out.flush()) {
        let state = if error.kind() == ErrorKind::BrokenPipe { CLOSED } else { FAILED };
        STATE.store(state, Ordering::Relaxed);
    }
}

/// Writes a line to standard output.
pub(crate) fn print_line(text: &str) {
    print(&format!("{text}\n"));
}

/// Writes a line to standard error; nobody can be told when that fails.
pub(crate) fn print_note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Whether anybody still reads: long lists stop when not.
pub(crate) fn is_open() -> bool {
    STATE.load(Ordering::Relaxed) == OPEN
}

/// Whether something could not be written (a full disk, not a closed pipe).
pub(crate) fn has_failed() -> bool {
    STATE.load(Ordering::Relaxed) == FAILED
}

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    is_on: bool,
}

impl Paint {
    /// Colours when standard output is a terminal that wants them (<https://no-color.org>).
    pub(crate) fn for_output() -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { is_on: std::io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb }
    }

    /// No colours.
    #[cfg(test)]
    pub(crate) fn off() -> Self {
        Self { is_on: false }
    }

    /// Paints a text.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Strong => "1",
            Tone::Faint => "2",
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Waiting => "33",
            Tone::Accent => "36",
        };
        if self.is_on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Strong text.
    pub(crate) fn strong(self, text: &str) -> String {
        self.paint(Tone::Strong, text)
    }

    /// Text that stands back.
    pub(crate) fn faint(self, text: &str) -> String {
        self.paint(Tone::Faint, text)
    }
}

/// What a text says by its colour; the words say it as well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tone {
    /// Nothing.
    Plain,
    /// A heading.
    Strong,
    /// Less important.
    Faint,
    /// It went well.
    Good,
    /// It failed.
    Bad,
    /// It waits.
    Waiting,
    /// Something to copy.
    Accent,
}

/// A cell of a table.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A cell in a tone; control characters from outside never reach the terminal.
    pub(crate) fn toned(text: &str, tone: Tone) -> Self {
        Self { text: one_line(text, CELL_CHARS_MAX), tone }
    }

    /// Cuts the cell to a number of characters.
    pub(crate) fn at_most(mut self, chars_max: usize) -> Self {
        self.text = ellipsize(&self.text, chars_max).into_owned();
        self
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text.as_ref(), Tone::Plain)
    }
}

/// Aligned columns under their headings; the last column is not padded.
pub(crate) fn table(paint: Paint, headings: &[&str], rows: &[Vec<Cell>]) -> String {
    let mut all = vec![headings.iter().map(|text| Cell::toned(text, Tone::Faint)).collect()];
    all.extend_from_slice(rows);
    columns(paint, &all)
}

/// Aligned columns without headings.
pub(crate) fn columns(paint: Paint, rows: &[Vec<Cell>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width_of = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|c| c.text.chars().count()).max()
    };
    let widths: Vec<usize> = (0..count).map(|column| width_of(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&paint.paint(cell.tone, &cell.text));
            let padding = width - cell.text.chars().count() + 2;
            line.push_str(&" ".repeat(padding));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The tone of a delivery's state.
pub(crate) fn tone_of_state(state: &str) -> Tone {
    match state {
        "delivered" | "planned" => Tone::Good,
        "failed" | "parked" => Tone::Bad,
        "cancelled" => Tone::Faint,
        _ => Tone::Waiting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_have_no_spaces_at_the_end() {
        let rows = [vec!["a".into(), "ü\u{1b}[31m".into()], vec!["bbb".into(), Cell::from("")]];
        let text = table(Paint::off(), &["X", "LONGER"], &rows);
        assert_eq!(text, "X    LONGER\na    ü [31m\nbbb\n");
    }

    #[test]
    fn colours_stand_around_the_text_and_not_in_the_padding() {
        let paint = Paint { is_on: true };
        let text = columns(paint, &[vec![Cell::toned("a", Tone::Good), "b".into()]]);
        assert_eq!(text, "\u{1b}[32ma\u{1b}[0m  b\n");
    }
}
