# Слова области `system`: журнал аудита, сервер, резервные копии.
system-audit-lead = Кто, что и когда изменил. Записи только добавляются.
system-audit-search = Поиск по изменениям
system-author = Автор
system-action = Действие
system-any-action = Все действия
system-when = Время
system-what = Что сделано
system-change = Изменение
system-unset = не задано
system-secret = секрет
system-secret-changed = новый секрет
system-became = стало
system-more-changes = { $count ->
    [one] Ещё { $count } изменение
    [few] Ещё { $count } изменения
   *[other] Ещё { $count } изменений
}
system-pages = Страницы
system-newest = Новые записи
system-older = Более ранние записи
system-export-csv = Экспорт CSV
system-export-json = Экспорт JSON
system-audit-empty = Изменений ещё не было
system-audit-empty-detail = Здесь записывается каждое изменение настроек, пользователей, токенов, сертификатов и доставок вместе с его автором.
system-audit-nothing = Подходящих записей нет
system-audit-nothing-detail = Измените запрос или снимите фильтры.
system-audit-all = Показать все записи

system-field-name = Имя
system-field-role = Роль
system-field-comment = Комментарий
system-field-expires-at = Действует до
system-field-further-changes = Прочие изменения
system-field-deliveries = Доставки
system-field-new-delivery = Новая доставка
system-field-revision = Ревизия
system-field-kind = Вид
system-field-matchers = Условия
system-field-channels = Каналы
system-field-starts-at = Начало
system-field-ends-at = Окончание
system-field-encrypted = Зашифровано

system-action-settings-save = Сохранены настройки
system-action-settings-export-sealed = Экспортированы настройки с запечатанными секретами
system-action-token-create = Создан токен
system-action-token-delete = Удалён токен
system-action-delivery-retry = Повторена доставка
system-action-delivery-cancel = Отменена доставка
system-action-delivery-resend = Отправлена заново доставка
system-action-silence-change = Изменено заглушение
system-action-certificate-delete = Удалён сертификат
