//! A tab: the settings as they stand, or the form that came back.

use std::sync::Arc;

use annunciator_api_types::{CertificateView, FieldError, PresetView, SettingsView};
use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use hyper::StatusCode;
use serde_json::Value;

use super::arrangement::{ADVANCED, TABS, Tab};
use super::certificate_files::{self, CertificateFiles, Told};
use super::conflict::Meanwhile;
use super::field_tools::{self, FieldTools};
use super::preview::{self, Preview};
use super::{certificates, conditions, limit, presets};
use crate::form::Form;
use crate::page::{Page, Visitor, show_as};
use crate::refusal::{Errors, Stop};
use crate::settings_form::{Definitions, Field, Sheet, Standing, problem_words};

/// A warning that the page gives by itself, while it holds.
const LIVE_WARNING: &str = "empty_sender";
/// A warning that nothing can be sent.
const NO_SENDER: &str = "no_sender";
/// How the API names the layer of these settings among origins.
const SERVER_ORIGIN: &str = "server-wide settings";

/// A section with its fields.
pub(super) struct Section {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) lead: String,
    pub(super) fields: Vec<Field>,
    /// Whether it is folded: it holds what few need, and nothing of it asks to be looked at.
    pub(super) is_folded: bool,
}

/// Something about a field, with the way to it.
pub(super) struct Remark {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) words: String,
}

#[derive(Template)]
#[template(path = "settings/tab.html")]
pub(super) struct TabPage {
    pub(super) page: Page,
    pub(super) tab: &'static Tab,
    pub(super) tabs: &'static [Tab],
    pub(super) sections: Vec<Section>,
    pub(super) revision: i64,
    pub(super) comment: String,
    pub(super) may_change: bool,
    /// Whether the form holds what is not saved.
    pub(super) is_changed: bool,
    pub(super) summary: String,
    pub(super) wrong: Vec<Remark>,
    pub(super) remarks: Vec<Remark>,
    /// Whether what was saved cannot send anything.
    pub(super) is_idle: bool,
    /// Whether all of it can be taken back at once.
    pub(super) may_unset: bool,
    pub(super) meanwhile: Option<Meanwhile>,
    pub(super) presets: Vec<PresetView>,
    pub(super) preset: Option<PresetView>,
    /// What came of a test message, already rendered; empty without one.
    pub(super) course: String,
    pub(super) preview: Option<Preview>,
    /// What the limit means.
    pub(super) limit_words: String,
    pub(super) may_test: bool,
    /// Language of what readers get.
    pub(super) reader: annunciator_template::Language,
    /// Certificate and key, where they are chosen as files.
    pub(super) files: Option<CertificateFiles>,
}

impl TabPage {
    /// What stands below a field.
    fn tools<'a>(&self, field: &'a Field) -> Option<FieldTools<'a>> {
        field_tools::of(field, self.page.language, self.reader)
    }

    /// The questions of a preset that are asked before the form is filled in.
    fn places<'a>(&self, preset: &'a PresetView) -> Vec<(&'a str, &'a str)> {
        presets::places(preset)
    }

    /// The id of the field in which the answer to a question of a preset stands.
    fn field_of(&self, name: &str) -> String {
        let fields = self.sections.iter().flat_map(|section| &section.fields);
        let is_named = |field: &&Field| field.name.split('.').nth(1) == Some(name);
        fields
            .into_iter()
            .find(is_named)
            .map_or_else(|| "section-relay".to_owned(), |field| field.id.clone())
    }
}

/// The settings of a tab, and all that is needed to draw and to change them.
pub(super) struct Desk {
    pub(super) visitor: Visitor,
    pub(super) tab: &'static Tab,
    pub(super) definitions: Arc<Definitions>,
    pub(super) view: SettingsView,
    /// One for each group.
    pub(super) sheets: Vec<Sheet>,
    /// Certificate objects, where a tab shows one.
    pub(super) objects: Vec<CertificateView>,
    /// What came of certificate and key, where they are chosen as files.
    pub(super) told: Told,
}

/// How a setting stands in the server-wide layer.
fn standing(view: &SettingsView, group: &str, key: &str) -> Option<Standing> {
    let value = view.values.get(group)?.get(key)?.clone();
    let origin = view.origins.get(group).and_then(|origins| origins.get(key));
    let is_set = origin.and_then(Value::as_str) == Some(SERVER_ORIGIN);
    Some(Standing { value, is_set, ..Standing::default() })
}

impl Desk {
    /// Reads everything that the tab of this name needs.
    pub(super) async fn open(visitor: Visitor, name: &str) -> Result<Self, Stop> {
        let tab = Tab::named(name).ok_or_else(|| Stop::not_found(&visitor.guest))?;
        let definitions = Definitions::of(&visitor).await?;
        let mut view: SettingsView = visitor.get("/api/v1/settings").await?;
        view.warnings.retain(|warning| warning.code != LIVE_WARNING);
        let page = visitor.page("settings-title", "delivery");
        let choices = certificates::choices(&visitor, &page).await;
        let is_read_only = !visitor.may("change_settings");
        let sheet = |group: String| {
            let mut settings = definitions.group(&group).to_vec();
            if tab.is_apart() {
                // TLS either proves the server or is not used.
                settings.iter_mut().for_each(certificate_files::leave_out_half_tls);
            }
            let standings = settings
                .iter()
                .filter_map(|one| Some((one.key.clone(), standing(&view, &group, &one.key)?)));
            let mut sheet = Sheet {
                standings: standings.collect(),
                warnings: view.warnings.clone(),
                is_read_only,
                settings,
                ..Sheet::default()
            };
            sheet.conditions = conditions::of_group(&group, &sheet);
            let is_there = |key: &str| sheet.setting(key).is_some();
            sheet.choices = choices.clone().into_iter().filter(|(key, _)| is_there(key)).collect();
            sheet
        };
        let sheets = tab.groups(&definitions).into_iter().map(sheet).collect();
        let objects = match tab.is_apart() {
            true => certificate_files::objects(&visitor).await,
            false => Vec::new(),
        };
        Ok(Self { visitor, tab, definitions, view, sheets, objects, told: Told::default() })
    }

    /// The form in place of what is saved; empty without one.
    pub(super) fn typed(&self) -> Form {
        self.sheets.first().and_then(|sheet| sheet.typed.clone()).unwrap_or_default()
    }

    /// Language of what readers of this tab's channel get.
    fn reader(&self) -> annunciator_template::Language {
        let language = self.sheets.first().map(|sheet| sheet.standing("language").value);
        let code = language.as_ref().and_then(Value::as_str);
        code.and_then(annunciator_template::Language::with_code).unwrap_or_default()
    }

    /// The sheet of a group.
    pub(super) fn sheet(&self, group: &str) -> Option<&Sheet> {
        self.sheets.iter().find(|sheet| sheet.settings.iter().any(|one| one.group == group))
    }

    /// Puts a form in place of what is saved.
    pub(super) fn put_form(&mut self, form: &Form, errors: &[FieldError]) {
        for sheet in &mut self.sheets {
            sheet.typed = Some(form.clone());
            sheet.errors = errors.to_vec();
        }
    }

    fn sections(&self, page: &Page) -> Vec<Section> {
        let language = page.language;
        let section = |(name, spots): (String, Vec<super::arrangement::Spot>)| {
            let fields: Vec<Field> = spots
                .iter()
                .filter_map(|spot| self.sheet(&spot.group)?.field(&spot.key, language))
                .collect();
            let asks = |field: &Field| !field.error.is_empty() || !field.warning.is_empty();
            Section {
                title: page.word("settings-section", &name),
                lead: language.find(&format!("settings-section-{name}.lead")).unwrap_or_default(),
                is_folded: name == ADVANCED && !fields.iter().any(asks),
                fields,
                name,
            }
        };
        self.tab.sections(&self.definitions).into_iter().map(section).collect()
    }

    /// Remarks about fields of this tab, with their words; those about no field have no way to it.
    pub(super) fn remarks(&self, found: &[FieldError], page: &Page, is_all: bool) -> Vec<Remark> {
        let remark = |problem: &FieldError| {
            let setting = self.sheets.iter().flat_map(|sheet| &sheet.settings).find(|one| {
                let pointer = one.pointer();
                problem.pointer == pointer || problem.pointer.starts_with(&format!("{pointer}/"))
            });
            let settings = self.sheets.first().map(|sheet| sheet.settings.as_slice());
            let words = problem_words(page.language, settings.unwrap_or_default(), problem);
            match setting {
                Some(setting) => Some(Remark {
                    id: setting.name().replace(['.', '_'], "-"),
                    label: crate::settings_form::label(page.language, setting),
                    words,
                }),
                None if is_all => Some(Remark {
                    id: String::new(),
                    label: problem.pointer.trim_start_matches('/').replace('/', "."),
                    words,
                }),
                None => None,
            }
        };
        found.iter().filter_map(remark).collect()
    }

    /// The page.
    pub(super) fn draw(self, given: Given) -> Response {
        let section = self.tab.menu_section();
        let key = if self.tab.is_apart() { "notifier-title" } else { "settings-title" };
        let mut page = self.visitor.page(key, section);
        let is_just_saved = page.notice.is_some();
        let warnings = if is_just_saved { self.view.warnings.as_slice() } else { &[] };
        let sections = self.sections(&page);
        let remarks = self.remarks(warnings, &page, false);
        let is_idle = warnings.iter().any(|warning| warning.code == NO_SENDER);
        let may_change = self.visitor.may("change_settings");
        let mut standings = self.sheets.iter().flat_map(|sheet| sheet.standings.values());
        let may_unset = may_change && self.tab.is_apart() && standings.any(|one| one.is_set);
        if !remarks.is_empty() {
            // They begin with the same word.
            page.notice = None;
        }
        let wrong = self.remarks(&given.errors.fields, &page, true);
        let limit_words = limit::words_of(&self, &self.typed());
        let tab_page = TabPage {
            tab: self.tab,
            tabs: TABS,
            sections,
            revision: self.view.revision,
            comment: given.comment,
            may_change,
            is_idle,
            may_unset,
            is_changed: given.is_changed,
            summary: given.errors.summary,
            wrong,
            remarks,
            meanwhile: given.meanwhile,
            presets: given.presets,
            preset: given.preset,
            course: given.course,
            preview: given.preview,
            limit_words,
            may_test: self.tab.group.is_some() && self.visitor.may("send_test_message"),
            reader: self.reader(),
            files: certificate_files::of(&self),
            page,
        };
        show_as(given.status, &tab_page)
    }
}

/// What stands on the page beside the settings.
pub(super) struct Given {
    pub(super) status: StatusCode,
    pub(super) errors: Errors,
    pub(super) comment: String,
    pub(super) is_changed: bool,
    pub(super) meanwhile: Option<Meanwhile>,
    pub(super) presets: Vec<PresetView>,
    pub(super) preset: Option<PresetView>,
    pub(super) course: String,
    pub(super) preview: Option<Preview>,
}

impl Default for Given {
    fn default() -> Self {
        Self {
            status: StatusCode::OK,
            errors: Errors::default(),
            comment: String::new(),
            is_changed: false,
            meanwhile: None,
            presets: Vec::new(),
            preset: None,
            course: String::new(),
            preview: None,
        }
    }
}

/// The tab as it is saved, or with a preset filled in.
pub(super) async fn show_tab(visitor: Visitor, name: Path<String>) -> Result<Response, Stop> {
    let mut desk = Desk::open(visitor, &name.0).await?;
    let presets = presets::list(&desk).await?;
    let asked = desk.visitor.guest.query();
    let preset = presets.iter().find(|preset| preset.name == asked.text("preset")).cloned();
    if let Some(preset) = &preset {
        let form = presets::fill(&desk, preset, &asked);
        desk.put_form(&form, &[]);
    }
    let is_changed = preset.is_some();
    let preview = preview::of(&desk).await;
    Ok(desk.draw(Given { is_changed, presets, preset, preview, ..Given::default() }))
}
