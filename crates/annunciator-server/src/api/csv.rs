//! Cells become a line of a table that spreadsheets read and do not execute.
//!
//! In: texts. Out: a line with its CRLF.
//! Standard: RFC 4180; the guard is that of the OWASP page on CSV injection: a cell that a
//! spreadsheet would take for a formula gets an apostrophe before it.

/// Marks UTF-8 for spreadsheets; before the first line.
pub(super) const BOM: &str = "\u{feff}";

/// Appends a line.
pub(super) fn push_line<'a>(text: &mut String, cells: impl IntoIterator<Item = &'a str>) {
    for (place, cell) in cells.into_iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        push_cell(text, cell);
    }
    text.push_str("\r\n");
}

fn push_cell(text: &mut String, cell: &str) {
    let guard = if is_formula(cell) { "'" } else { "" };
    let is_plain = !cell.contains([',', '"', '\r', '\n']) && cell.trim() == cell;
    if is_plain {
        text.push_str(guard);
        text.push_str(cell);
        return;
    }
    text.push('"');
    text.push_str(guard);
    text.push_str(&cell.replace('"', "\"\""));
    text.push('"');
}

/// Whether a spreadsheet may take a cell for a formula, also when it drops white space first.
fn is_formula(cell: &str) -> bool {
    // The wide forms are those of East Asian keyboards, which some programs take alike.
    let is_sign = |c: char| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠');
    cell.starts_with(['\t', '\r', '\n']) || cell.trim_start().starts_with(is_sign)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use proptest::prelude::*;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    use super::*;

    #[test]
    fn formulas_are_guarded_and_the_rest_stays_as_it_is() {
        for (cell, expected) in [
            ("", ""),
            ("disk full", "disk full"),
            ("a=1", "a=1"),
            ("=1+1", "'=1+1"),
            ("  =1+1", "\"'  =1+1\""),
            ("+4915112345678", "'+4915112345678"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\u{a0}＝1", "\"'\u{a0}＝1\""),
            ("\tx", "\"'\tx\""),
            ("\rx", "\"'\rx\""),
            ("say \"hi\", then go", "\"say \"\"hi\"\", then go\""),
            ("two\nlines", "\"two\nlines\""),
            ("'quoted", "'quoted"),
        ] {
            let mut line = String::new();
            push_line(&mut line, [cell]);
            assert_eq!(line, format!("{expected}\r\n"), "{cell:?}");
        }
    }

    /// Python's reader gives back what was written, and no cell that a spreadsheet executes.
    #[test]
    fn an_independent_reader_finds_the_cells_and_no_formula() {
        let cell = prop_oneof!["[=+@,\"' \t\r\n\\-a-z0-9]{0,6}", "\\PC{0,12}"];
        let rows = prop::collection::vec(prop::collection::vec(cell, 4..5), 2_000..2_001);
        let rows = rows.new_tree(&mut TestRunner::deterministic()).unwrap().current();
        let mut text = BOM.to_owned();
        for row in &rows {
            push_line(&mut text, row.iter().map(String::as_str));
        }
        let program = "import csv, io, json, sys\n\
                       text = io.TextIOWrapper(sys.stdin.buffer, 'utf-8-sig', newline='')\n\
                       json.dump(list(csv.reader(text, strict=True)), sys.stdout)";
        let mut python = Command::new("python3")
            .args(["-c", program])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is there");
        let mut input = python.stdin.take().unwrap();
        let writer = std::thread::spawn(move || input.write_all(text.as_bytes()).unwrap());
        let output = python.wait_with_output().unwrap();
        writer.join().unwrap();
        let read: Vec<Vec<String>> = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(read.len(), rows.len());
        for (read, written) in read.iter().flatten().zip(rows.iter().flatten()) {
            let is_bare = read.trim_start().starts_with(['=', '+', '-', '@']);
            assert!(!is_bare && !read.starts_with(['\t', '\r', '\n']), "{read:?}");
            assert!(read == written || read.strip_prefix('\'') == Some(written), "{written:?}");
        }
    }
}
