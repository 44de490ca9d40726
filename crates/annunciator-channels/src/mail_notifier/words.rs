//! The words of mails about incidents, in every language.

use annunciator_template::Localized;

const fn words(english: &'static str, russian: &'static str) -> Localized {
    Localized { english, russian }
}

pub(super) const INCIDENT: Localized = words("Incident", "Инцидент");
pub(super) const STATUS_OF: Localized = words("New status of incident", "Новый статус инцидента");
pub(super) const REGISTERED: Localized = words("Registered", "Зарегистрирован");
pub(super) const STATUS: Localized = words("Status", "Статус");
pub(super) const STATUS_BEFORE: Localized = words("Status before", "Прежний статус");
pub(super) const STATUS_AUTHOR: Localized = words("Changed by", "Кто изменил");
pub(super) const STATUS_COMMENT: Localized = words("Comment", "Комментарий");
pub(super) const SEVERITY: Localized = words("Severity", "Уровень важности");
pub(super) const MODEL: Localized = words("Model", "Модель");
pub(super) const ASSET: Localized = words("Asset", "Объект");
pub(super) const GROUP: Localized = words("Device group", "Группа устройств");
pub(super) const TOP_TAG: Localized = words("Top tag", "Главный тег");
pub(super) const TAG_DESCRIPTION: Localized = words("Description of the tag", "Описание тега");
pub(super) const VALUE: Localized = words("Value", "Значение");
pub(super) const START: Localized = words("Start", "Начало");
pub(super) const END: Localized = words("End", "Окончание");
pub(super) const ID: Localized = words("Incident id", "Идентификатор инцидента");
pub(super) const DETECTOR: Localized = words("Detector", "Детектор");
pub(super) const MSE: Localized = words("MSE", "MSE");
pub(super) const THRESHOLD: Localized = words("Threshold", "Порог");
pub(super) const HISTORY: Localized =
    words("History at the start of the incident", "История на момент начала инцидента");
pub(super) const COURSE: Localized = words("Course of the top tag", "Ход главного тега");
pub(super) const INCIDENTS: Localized = words("Incidents", "Инциденты");
pub(super) const SUBSCRIPTION: Localized = words("Subscription", "Подписка");
pub(super) const CONSOLE: Localized = words("In the console", "В консоли");
pub(super) const NO_TAG: Localized = words("no top tag", "без главного тега");
