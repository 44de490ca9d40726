//! *Configure numeric limit of notifications*: a limit in words, and a dialog that sets it.
//!
//! In: the fields of a limit as they stand in the form of a tab. Out: the sentence that says what
//! they mean; the dialog; the event `fill`, with which its answer fills the form of the tab.
//! Nothing is saved before that form is.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::json;

use super::tab::Desk;
use crate::form::Form;
use crate::language::{Language, Value};
use crate::page::{Page, Visitor, show, show_as};
use crate::refusal::Stop;
use crate::settings_form::{Kind, Sheet};

/// Units of the dialog, the longest first. Unit: seconds.
const UNITS: [(&str, u64); 4] =
    [("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1)];
/// What counts together, as the setting says it.
const PER: [&str; 2] = ["channel", "event_type"];
/// What fills the form.
const TRIGGER: HeaderName = HeaderName::from_static("hx-trigger");

/// A limit.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Limit {
    count: u64,
    period_s: u64,
    per: String,
}

/// The number and unit in which people say a period.
fn in_units(period_s: u64) -> (u64, &'static str) {
    let found = UNITS.iter().find(|(_, length)| period_s > 0 && period_s.is_multiple_of(*length));
    found.map_or((period_s, "seconds"), |(unit, length)| (period_s / length, unit))
}

/// What a limit means.
fn sentence(language: Language, limit: Option<&Limit>) -> String {
    let Some(limit) = limit else { return language.say("settings-limit-none") };
    let (number, unit) = in_units(limit.period_s);
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    let period =
        language.say_with(&format!("settings-limit-{unit}"), &[("number", Value::Number(number))]);
    let count = i64::try_from(limit.count).unwrap_or(i64::MAX);
    let key = if limit.per == "event_type" {
        "settings-limit-words-event-type"
    } else {
        "settings-limit-words-channel"
    };
    language.say_with(key, &[("count", Value::Number(count)), ("period", period.into())])
}

/// The limit that stands in the form of a tab; nothing where it is off, or not yet whole.
fn typed(channel: &str, form: &Form) -> Option<Limit> {
    let name = |key: &str| format!("{channel}.limit.{key}");
    let number = |key: &str| form.trimmed(&name(key)).parse().ok().filter(|number| *number > 0);
    form.is_on(&format!("{channel}.limit")).then_some(())?;
    Some(Limit {
        count: number("count")?,
        period_s: number("period_s")?,
        per: form.trimmed(&name("per")).to_owned(),
    })
}

/// What the limit of a tab means as it stands: with the form that came back, or as it is saved.
pub(super) fn words_of(desk: &Desk, form: &Form) -> String {
    let language = desk.visitor.guest.language;
    let Some(channel) = desk.tab.group else { return String::new() };
    // A form that came back need not hold it: what was not typed stands as it is saved.
    if form.all("seen").contains(&format!("{channel}.limit").as_str()) {
        return sentence(language, typed(channel, form).as_ref());
    }
    let Some(sheet) = desk.sheet(channel) else { return String::new() };
    let value = sheet.standing("limit").value;
    let limit = value.is_object().then(|| Limit {
        count: value["count"].as_u64().unwrap_or_default(),
        period_s: value["period_s"].as_u64().unwrap_or_default(),
        per: value["per"].as_str().unwrap_or_default().to_owned(),
    });
    sentence(language, limit.as_ref())
}

/// The sentence alone, for a form that is being typed in.
pub(super) async fn tell(
    visitor: Visitor,
    name: Path<String>,
    form: Form,
) -> Result<Response, Stop> {
    let channel = channel_of(&visitor, &name)?;
    let words = sentence(visitor.guest.language, typed(channel, &form).as_ref());
    Ok(show(&Words { words }))
}

fn channel_of(visitor: &Visitor, name: &str) -> Result<&'static str, Stop> {
    let tab = super::arrangement::Tab::named(name);
    tab.and_then(|tab| tab.group).ok_or_else(|| Stop::not_found(&visitor.guest))
}

#[derive(Template)]
#[template(source = "{{ words }}", ext = "html")]
struct Words {
    words: String,
}

#[derive(Template)]
#[template(path = "settings/limit_dialog.html")]
struct Dialog {
    page: Page,
    tab: String,
    is_on: bool,
    count: String,
    number: String,
    unit: String,
    units: [&'static str; 4],
    per: String,
    ways: [&'static str; 2],
    words: String,
    count_error: String,
    number_error: String,
}

impl Dialog {
    fn of(visitor: &Visitor, tab: &str, limit: Option<&Limit>) -> Self {
        let (number, unit) = in_units(limit.map_or(60, |limit| limit.period_s));
        Self {
            page: visitor.page("settings-limit-title", "delivery"),
            tab: tab.to_owned(),
            is_on: limit.is_some(),
            count: limit.map_or(10, |limit| limit.count).to_string(),
            number: number.to_string(),
            unit: unit.to_owned(),
            units: UNITS.map(|(unit, _)| unit),
            per: limit.map_or_else(|| PER[0].to_owned(), |limit| limit.per.clone()),
            ways: PER,
            words: sentence(visitor.guest.language, limit),
            count_error: String::new(),
            number_error: String::new(),
        }
    }

    /// What was typed, with what it means and what is wrong with it.
    fn put(&mut self, form: &Form, sheet: &Sheet) -> Option<Limit> {
        self.is_on = form.is_on("on");
        for (name, field) in [
            ("count", &mut self.count),
            ("number", &mut self.number),
            ("unit", &mut self.unit),
            ("per", &mut self.per),
        ] {
            form.trimmed(name).clone_into(field);
        }
        let language = self.page.language;
        self.words = sentence(language, None);
        if !self.is_on {
            return None;
        }
        let unit = UNITS.iter().find(|(unit, _)| *unit == self.unit).map_or(1, |(_, one)| *one);
        let out_of = |key: &str, unit: u64| {
            let (least, most) = range_of(sheet, key);
            let (least, most) = (least.div_ceil(unit).max(1), most / unit);
            let values = [("least", Value::from(least)), ("most", Value::from(most))];
            (least..=most, language.say_with("settings-limit-range", &values))
        };
        let read = |text: &str, (range, words): (std::ops::RangeInclusive<u64>, String)| {
            text.parse().ok().filter(|number| range.contains(number)).ok_or(words)
        };
        let count = read(&self.count, out_of("count", 1));
        let number = read(&self.number, out_of("period_s", unit));
        self.count_error = count.as_ref().err().cloned().unwrap_or_default();
        self.number_error = number.as_ref().err().cloned().unwrap_or_default();
        let (Ok(count), Ok(number)) = (count, number) else {
            self.words.clear();
            return None;
        };
        let limit = Limit { count, period_s: number * unit, per: self.per.clone() };
        self.words = sentence(language, Some(&limit));
        Some(limit)
    }

    fn is_wrong(&self) -> bool {
        !self.count_error.is_empty() || !self.number_error.is_empty()
    }
}

/// What a field of the limit may be.
fn range_of(sheet: &Sheet, key: &str) -> (u64, u64) {
    let fields = sheet.setting("limit").map(crate::settings_form::Setting::fields);
    let name = format!("limit.{key}");
    let field = fields.unwrap_or_default().into_iter().find(|field| field.key == name);
    match field.map(|field| field.kind) {
        Some(Kind::Integer { min, max, .. }) => (min, max),
        _ => (1, u64::MAX),
    }
}

/// The dialog for the limit that stands in the form.
pub(super) async fn open(
    visitor: Visitor,
    name: Path<String>,
    form: Form,
) -> Result<Response, Stop> {
    let channel = channel_of(&visitor, &name)?;
    let limit = typed(channel, &form);
    let mut dialog = Dialog::of(&visitor, &name, limit.as_ref());
    // Who opens it wants one; the other way is a click away.
    dialog.is_on = true;
    if limit.is_none() {
        let offered = Limit { count: 10, period_s: 60, per: PER[0].to_owned() };
        dialog.words = sentence(visitor.guest.language, Some(&offered));
    }
    Ok(show(&dialog))
}

/// What is typed in the dialog, in words; with `apply`, the form of the tab is filled with it.
pub(super) async fn set(
    visitor: Visitor,
    name: Path<String>,
    form: Form,
) -> Result<Response, Stop> {
    let channel = channel_of(&visitor, &name)?;
    let desk = Desk::open(visitor, &name.0).await?;
    let Some(sheet) = desk.sheet(channel) else {
        return Err(Stop::not_found(&desk.visitor.guest));
    };
    let mut dialog = Dialog::of(&desk.visitor, &name, None);
    let limit = dialog.put(&form, sheet);
    if !form.is_on("apply") {
        return Ok(show(&Words { words: dialog.words }));
    }
    if dialog.is_wrong() {
        return Ok(show_as(StatusCode::UNPROCESSABLE_ENTITY, &dialog));
    }
    let mut response = show(&dialog);
    let fill = fill(channel, limit.as_ref()).to_string();
    let value = HeaderValue::from_str(&fill).expect("JSON of plain words is a header");
    response.headers_mut().insert(TRIGGER, value);
    Ok(response)
}

/// The fields of the tab's form with a limit in them.
fn fill(channel: &str, limit: Option<&Limit>) -> serde_json::Value {
    let name = |key: &str| format!("{channel}.limit{key}");
    let mut fields = serde_json::Map::new();
    fields.insert(name(""), if limit.is_some() { json!(["on"]) } else { json!([]) });
    if let Some(limit) = limit {
        let per = if limit.per == PER[1] { PER[1] } else { PER[0] };
        fields.insert(name(".count"), limit.count.to_string().into());
        fields.insert(name(".period_s"), limit.period_s.to_string().into());
        fields.insert(name(".per"), per.into());
    }
    json!({ "fill": { "form": "settings", "fields": fields } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_said_in_words() {
        let check = |count, period_s, per: &str, english: &str, russian: &str| {
            let limit = Limit { count, period_s, per: per.to_owned() };
            assert_eq!(sentence(Language::English, Some(&limit)), english);
            assert_eq!(sentence(Language::Russian, Some(&limit)), russian);
        };
        check(
            10,
            60,
            "channel",
            "At most 10 notifications in any 1 minute, all event types together.",
            "Не больше 10 уведомлений за любую 1 минуту, все типы событий вместе.",
        );
        check(
            1,
            7_200,
            "event_type",
            "At most 1 notification in any 2 hours, for each event type by itself.",
            "Не больше 1 уведомления за любые 2 часа, для каждого типа событий отдельно.",
        );
        check(
            3,
            90,
            "channel",
            "At most 3 notifications in any 90 seconds, all event types together.",
            "Не больше 3 уведомлений за любые 90 секунд, все типы событий вместе.",
        );
    }

    #[test]
    fn a_period_is_said_in_the_longest_unit_that_is_whole() {
        let check = |period_s, expected| assert_eq!(in_units(period_s), expected);
        check(0, (0, "seconds"));
        check(61, (61, "seconds"));
        check(120, (2, "minutes"));
        check(86_400, (1, "days"));
    }

    #[test]
    fn a_form_without_a_whole_limit_has_none() {
        let check = |form: &str, is_some: bool| {
            assert_eq!(typed("sms", &Form::parse(form.as_bytes())).is_some(), is_some, "{form}");
        };
        let whole = "sms.limit.count=1&sms.limit.period_s=60&sms.limit.per=channel";
        check(whole, false);
        check(&format!("sms.limit=on&{whole}"), true);
        check("sms.limit=on&sms.limit.count=0&sms.limit.period_s=60", false);
    }
}
