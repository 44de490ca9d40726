//! Turns `CHANGELOG.md` and the decision records into findings about their form.

use crate::source::numbered;
use crate::workspace::{Finding, Workspace};

const CHANGELOG: &str = "CHANGELOG.md";
const UNRELEASED: &str = "## Unreleased";
const RECORDS: &str = "docs/adr/";
const RECORD_HEADINGS: &[&str] = &["## Context", "## Decision", "## Consequences", "## Reconsider"];
const KINDS: &[&str] = &["CHANGE", "FEATURE", "ENHANCEMENT", "BUGFIX", "SECURITY"];

/// All findings about pages.
pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = changelog(workspace.text(CHANGELOG));
    let records = workspace.files.iter().filter_map(|(path, text)| {
        let name = path.strip_prefix(RECORDS)?.strip_suffix(".md")?;
        Some((path.as_str(), name, text.as_str()))
    });
    for (number, (path, name, text)) in (1..).zip(records) {
        findings.extend(record(number, path, name, text));
    }
    findings
}

fn changelog(text: Option<&str>) -> Vec<Finding> {
    let Some(text) = text else {
        return vec![Finding::new(
            CHANGELOG,
            1,
            format!("is missing: begin it with `{UNRELEASED}`"),
        )];
    };
    let mut findings = Vec::new();
    if !text.lines().any(|line| line == UNRELEASED) {
        findings.push(Finding::new(CHANGELOG, 1, format!("has no `{UNRELEASED}` heading: add it")));
    }
    for (line, text) in numbered(text).filter(|(_, text)| text.starts_with("- ")) {
        let kind = text.strip_prefix("- [").and_then(|rest| rest.split_once("] "));
        let is_formed =
            kind.is_some_and(|(kind, rest)| KINDS.contains(&kind) && rest.contains(": "));
        if !is_formed {
            let advice = format!("write `- [KIND] area: text` with one of {}", KINDS.join(", "));
            findings.push(Finding::new(CHANGELOG, line, advice));
        }
    }
    findings
}

/// Checks the record that stands at place `number` of the sorted list.
fn record(number: usize, path: &str, name: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let digits = format!("{number:04}");
    if !name.strip_prefix(&digits).is_some_and(|rest| rest.starts_with('-')) {
        let advice =
            format!("is number {number} of the records but not `{digits}-...`: no gaps, no twins");
        findings.push(Finding::new(path, 1, advice));
    }
    if !text.starts_with(&format!("# {}", &name[..name.len().min(4)])) {
        let advice = "begins without its title: `# NNNN. What was decided`";
        findings.push(Finding::new(path, 1, advice));
    }
    let mut lines = text.lines();
    for heading in RECORD_HEADINGS {
        if !lines.any(|line| line == *heading) {
            let order = RECORD_HEADINGS.join(", ");
            let advice = format!("`{heading}` is missing or out of order: {order}");
            findings.push(Finding::new(path, 1, advice));
            break;
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# 0001. A\n## Context\n## Decision\n## Consequences\n## Reconsider\n";

    #[track_caller]
    fn check_findings(found: &[Finding], expected: &[&str]) {
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.text.contains(expected), "{found:?}");
        }
    }

    #[test]
    fn a_changelog_out_of_form_is_found() {
        check_findings(&changelog(None), &["is missing"]);
        check_findings(&changelog(Some("# Changelog\n")), &["no `## Unreleased`"]);
        check_findings(&changelog(Some("## Unreleased\n- [FEATURE] smtp: Pipelining.\n")), &[]);
        check_findings(&changelog(Some("## Unreleased\n- Pipelining.\n")), &["[KIND]"]);
        check_findings(&changelog(Some("## Unreleased\n- [NEW] smtp: x\n")), &["[KIND]"]);
    }

    #[test]
    fn a_record_out_of_form_or_number_is_found() {
        let path = "docs/adr/0001-a.md";
        check_findings(&record(1, path, "0001-a", GOOD), &[]);
        check_findings(&record(2, path, "0001-a", GOOD), &["no gaps, no twins"]);
        check_findings(&record(1, path, "0001-a", &GOOD[2..]), &["its title"]);
        let without = GOOD.replace("## Reconsider\n", "");
        check_findings(&record(1, path, "0001-a", &without), &["`## Reconsider` is missing"]);
        let turned = GOOD.replace("## Context", "## X").replace("## Reconsider", "## Context");
        check_findings(&record(1, path, "0001-a", &turned), &["out of order"]);
    }

    #[test]
    fn records_are_numbered_without_gaps() {
        let names = ["docs/adr/0001-a.md", "docs/adr/0003-c.md"];
        let files = names.iter().map(|name| {
            ((*name).to_owned(), GOOD.replace("0001", &name["docs/adr/".len()..][..4]))
        });
        let mut files: Vec<_> = files.collect();
        files.push((CHANGELOG.to_owned(), UNRELEASED.to_owned()));
        let found = check(&Workspace::from_files(Vec::new(), files));
        check_findings(&found, &["number 2 of the records"]);
    }
}
