# Слова раздела `settings`: формы настроек, вкладки доставки уведомлений, история.

# Поля любой формы настроек.
settings-state-default = По умолчанию
settings-state-set = Задано · по умолчанию: { $default }
settings-state-set-plain = Задано
settings-state-resetting = После сохранения — снова по умолчанию
settings-reset = Сбросить
settings-reset-label = Сбросить «{ $field }» к значению по умолчанию
settings-secret-stored = Сохранено. Введите новое, чтобы заменить.
settings-secret-clear = Удалить сохранённое
settings-value-none = нет
settings-value-empty = пусто
settings-value-secret = скрыто
settings-value-standard-text = стандартный текст
settings-error-retype = Это значение введено для других параметров подключения и не передаётся изменённым: введите его ещё раз.
settings-notify-all = Обо всех событиях
settings-notify-some = О событиях этих уровней важности
settings-notify-configured = Только там, где это указано в настройке событий
    .help = Включается для типов событий, в политиках и параметрах программ.
settings-notify-none = ни о каких событиях
settings-measure-seconds = с
settings-measure-days = дн.
settings-measure-MiB = МиБ
