//! Ready HTML: one page per look, the words of each language put in by the compiler.
//!
//! Tables and inline styles only: Outlook lays out with Word, Gmail drops style sheets it does not
//! know, and both leave these alone. Colours are given as attributes too, which Outlook reads.
//! A percent sign stands doubled, as in every template.
//! Standard: XHTML 1.0, so that any parser of XML or HTML reads it.

use super::{Localized, words};

macro_rules! simple {
    (
        $code:literal, $device:literal, $domain:literal, $group:literal, $time:literal,
        $application:literal, $type:literal
    ) => {
        concat!(
            "<!DOCTYPE html>\n<html lang=\"",
            $code,
            "\">\n<head>\n",
            "<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\" />\n",
            "<title>%SEVERITY%: %EVENT%</title>\n</head>\n<body>\n",
            "<h2>%SEVERITY%: %EVENT%</h2>\n",
            "<p style=\"white-space:pre-wrap\">%DESCR%</p>\n<p>\n",
            $device,
            ": <b>%COMPUTER%</b><br />\n",
            $domain,
            ": %DOMAIN%<br />\n",
            $group,
            ": %GROUP%<br />\n",
            $time,
            ": %RISE_TIME%<br />\n",
            $application,
            ": %PRODUCT% %VERSION%<br />\n",
            $type,
            ": %EVENT_TYPE%\n</p>\n</body>\n</html>\n",
        )
    };
}

pub(super) const SIMPLE: Localized = words(
    simple!("en", "Device", "Domain", "Group", "Time", "Application", "Event type"),
    simple!("ru", "Устройство", "Домен", "Группа", "Время", "Программа", "Тип события"),
);

/// One row of the table.
macro_rules! row {
    ($label:literal, $value:literal, $ink:literal, $faint:literal, $line:literal) => {
        concat!(
            "<tr>\n<td width=\"160\" valign=\"top\" style=\"padding:8px 16px 8px 0;",
            "border-top:1px solid ",
            $line,
            ";color:",
            $faint,
            ";",
            "font-family:Segoe UI,",
            "Helvetica,Arial,sans-serif;font-size:14px;line-height:20px\">",
            $label,
            "</td>\n",
            "<td valign=\"top\" style=\"padding:8px 0;border-top:1px solid ",
            $line,
            ";color:",
            $ink,
            ";font-family:Segoe UI,Helvetica,Arial,sans-serif;font-size:14px;",
            "line-height:20px;word-break:break-word\">",
            $value,
            "</td>\n</tr>\n",
        )
    };
}

/// The whole page. Colours: scheme, page, card, ink, faint ink, lines, stripe.
macro_rules! table {
    (
        $scheme:literal, $page:literal, $card:literal, $ink:literal, $faint:literal,
        $line:literal, $stripe:literal;
        $code:literal, $device:literal, $domain:literal, $group:literal, $ip:literal,
        $time:literal, $application:literal, $task:literal, $type:literal, $id:literal
    ) => {
        concat!(
            "<!DOCTYPE html>\n<html lang=\"",
            $code,
            "\">\n<head>\n",
            "<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\" />\n",
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n",
            "<meta name=\"color-scheme\" content=\"",
            $scheme,
            "\" />\n",
            "<meta name=\"supported-color-schemes\" content=\"",
            $scheme,
            "\" />\n",
            "<title>%SEVERITY%: %EVENT%</title>\n</head>\n",
            "<body bgcolor=\"",
            $page,
            "\" style=\"margin:0;padding:0;background-color:",
            $page,
            "\">\n",
            "<table role=\"presentation\" width=\"100%%\" cellpadding=\"0\" cellspacing=\"0\" ",
            "border=\"0\" bgcolor=\"",
            $page,
            "\" style=\"background-color:",
            $page,
            "\">\n",
            "<tr>\n<td align=\"center\" style=\"padding:24px 12px\">\n",
            "<table role=\"presentation\" width=\"600\" cellpadding=\"0\" cellspacing=\"0\" ",
            "border=\"0\" bgcolor=\"",
            $card,
            "\" style=\"width:100%%;max-width:600px;",
            "background-color:",
            $card,
            ";border:1px solid ",
            $line,
            "\">\n",
            "<tr>\n<td bgcolor=\"",
            $stripe,
            "\" style=\"height:4px;font-size:1px;",
            "line-height:4px;background-color:",
            $stripe,
            "\">&#160;</td>\n</tr>\n",
            "<tr>\n<td style=\"padding:20px 24px 4px 24px;color:",
            $faint,
            ";font-family:Segoe UI,Helvetica,Arial,sans-serif;font-size:13px;",
            "line-height:18px\">%SEVERITY%</td>\n</tr>\n",
            "<tr>\n<td style=\"padding:0 24px 12px 24px;color:",
            $ink,
            ";font-family:Segoe UI,Helvetica,Arial,sans-serif;font-size:20px;",
            "line-height:26px;font-weight:bold\">%EVENT%</td>\n</tr>\n",
            "<tr>\n<td style=\"padding:0 24px 16px 24px;color:",
            $ink,
            ";font-family:Segoe UI,Helvetica,Arial,sans-serif;font-size:14px;",
            "line-height:20px;white-space:pre-wrap;word-break:break-word\">%DESCR%</td>\n</tr>\n",
            "<tr>\n<td style=\"padding:0 24px 20px 24px\">\n",
            "<table width=\"100%%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\">\n",
            row!($device, "%COMPUTER%", $ink, $faint, $line),
            row!($domain, "%DOMAIN%", $ink, $faint, $line),
            row!($group, "%GROUP%", $ink, $faint, $line),
            row!($ip, "%HOST_IP%", $ink, $faint, $line),
            row!($time, "%RISE_TIME%", $ink, $faint, $line),
            row!($application, "%PRODUCT% %VERSION%", $ink, $faint, $line),
            row!($task, "%TASK%", $ink, $faint, $line),
            row!($type, "%EVENT_TYPE%", $ink, $faint, $line),
            row!($id, "%EVENT_ID%", $ink, $faint, $line),
            "</table>\n</td>\n</tr>\n</table>\n</td>\n</tr>\n</table>\n</body>\n</html>\n",
        )
    };
}

/// The page in both languages.
macro_rules! localized_table {
    ($($colour:literal),+) => {
        words(
            table!(
                $($colour),+;
                "en", "Device", "Domain", "Group", "IP address", "Time", "Application", "Task",
                "Event type", "Event id"
            ),
            table!(
                $($colour),+;
                "ru", "Устройство", "Домен", "Группа", "IP-адрес", "Время", "Программа", "Задача",
                "Тип события", "Идентификатор"
            ),
        )
    };
}

pub(super) const TABLE: Localized =
    localized_table!("light", "#f3f4f6", "#ffffff", "#1f2328", "#57606a", "#d0d7de", "#b42318");

pub(super) const TABLE_DARK: Localized =
    localized_table!("dark", "#0d1117", "#161b22", "#e6edf3", "#9da7b3", "#30363d", "#f0524a");
