//! The HTML around what mails say: widths, colours for light and dark, the bar of the severity.
//!
//! In: parts that are HTML already. Out: a page that fits telephones and wide windows.
//! Every rule stands inline, as Outlook and Gmail need it; what only some clients know (dark
//! colours) stands in a style sheet besides. Colours keep the contrast of WCAG 2.2, level AA.

use std::fmt::Write as _;

use annunciator_core::Severity;
use annunciator_template::Language;

/// Inline, as Outlook and Gmail need it.
pub(super) const FONT: &str =
    "font-family:Segoe UI,Helvetica,Arial,sans-serif;font-size:14px;line-height:20px";
/// What is less important; a class beside it gives its dark colour.
pub(super) const FAINT: &str = "color:#55636f";
/// A long address or name is broken rather than pushing the page wide.
pub(super) const BREAK: &str = "word-wrap:break-word;overflow-wrap:break-word";

/// For clients that know it; the colours of a bar are good on both grounds.
const STYLE: &str = "\
:root{color-scheme:light dark;supported-color-schemes:light dark}\n\
@media (prefers-color-scheme:dark){\n\
.page{background-color:#14191f !important;color:#e7ecf1 !important}\n\
.faint{color:#aab7c4 !important}\n\
.mark{color:#f0a868 !important}\n\
.page a{color:#8ab8f5 !important}\n\
}\n";

/// A whole page: a bar, a heading, then what is in it.
pub(super) fn write(language: Language, title: &str, bar: &str, content: &str) -> String {
    let title = escape(title);
    let code = language.code();
    let mut html = String::with_capacity(content.len() + 2_048);
    let _ = write!(
        html,
        "<!DOCTYPE html>\n<html lang=\"{code}\">\n<head>\n\
         <meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\" />\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n\
         <meta name=\"color-scheme\" content=\"light dark\" />\n\
         <meta name=\"supported-color-schemes\" content=\"light dark\" />\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body class=\"page\" style=\"margin:0;padding:0;background-color:#ffffff;color:#1c2733;\
         {FONT}\">\n\
         <table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" \
         border=\"0\" style=\"table-layout:fixed\">\n<tr><td style=\"padding:16px\">\n\
         <div style=\"max-width:640px\">\n{bar}\
         <h2 style=\"margin:12px 0;font-size:20px;line-height:26px;{BREAK}\">{title}</h2>\n\
         {content}</div>\n</td></tr>\n</table>\n</body>\n</html>\n"
    );
    html
}

/// A bar in the colour of a severity, with its word.
pub(super) fn bar(severity: Severity, language: Language) -> String {
    let (ground, word) = (ground_of(severity), language.severity_word(severity));
    format!(
        "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" \
         border=\"0\">\n<tr><td bgcolor=\"{ground}\" style=\"background-color:{ground};\
         color:#ffffff;padding:8px 12px;font-weight:bold;{FONT}\">{word}</td></tr>\n</table>\n"
    )
}

/// The colour of a severity, dark enough for white words.
fn ground_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "#2c5d8a",
        Severity::Warning => "#8a5300",
        Severity::Failure => "#b3400f",
        Severity::Critical => "#a3122a",
    }
}

/// A text as it stands in HTML, in an element or in an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance, WCAG 2.2.
    fn luminance(colour: &str) -> f64 {
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
        one.max(other) / one.min(other)
    }

    #[test]
    fn words_stand_out_from_their_ground() {
        for severity in Severity::ALL {
            assert!(contrast(ground_of(severity), "#ffffff") >= 4.5, "{severity:?}");
        }
        for (word, ground) in [
            ("#1c2733", "#ffffff"),
            (&FAINT[6..], "#ffffff"),
            ("#0b57a4", "#ffffff"),
            ("#e7ecf1", "#14191f"),
            ("#aab7c4", "#14191f"),
            ("#8ab8f5", "#14191f"),
            ("#b3540a", "#ffffff"),
            ("#f0a868", "#14191f"),
        ] {
            assert!(contrast(word, ground) >= 4.5, "{word} on {ground}");
        }
    }
}
