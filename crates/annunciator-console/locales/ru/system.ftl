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
system-searched-until = Просмотрено до { $at }; более ранние записи на следующей странице.
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
system-field-address = Адрес
system-field-session = Сеанс
system-field-holds = Содержит
system-field-full-name = Полное имя
system-field-email = Адрес электронной почты
system-field-rights = Права
system-field-shared = Общий
system-field-query = Запрос
system-field-blocked = Заблокирован
system-field-language = Язык
system-field-time-zone = Часовой пояс
system-field-theme = Тема
system-field-channel = Канал
system-field-delivery = Доставка
system-field-key = Ключ
system-field-status = Статус
system-field-id = Идентификатор
system-field-user = Пользователь
system-field-paused = Приостановлена
system-field-server = Сервер
system-field-recipients = Получатели
system-field-dry-run = Без отправки
system-field-outcome = Результат
system-field-days = Дней

system-action-settings-save = Сохранены настройки
system-action-settings-export-sealed = Экспортированы настройки с запечатанными секретами
system-action-token-create = Создан токен
system-action-token-delete = Удалён токен
system-action-user-create = Создан пользователь
system-action-user-change = Изменён пользователь
system-action-user-delete = Удалён пользователь
system-action-user-change-password = Изменён свой пароль
system-action-user-change-password-refused = Свой пароль не изменён: прежний введён неверно
system-action-user-set-password = Задан пароль
system-action-user-give-key = Создана ссылка для входа
system-action-user-use-key = Использована ссылка для входа
system-action-session-start = Вход
system-action-session-end = Выход
system-action-role-save = Сохранена роль
system-action-role-delete = Удалена роль
system-action-view-save = Сохранено представление
system-action-view-delete = Удалено представление
system-action-certificate-upload = Загружен сертификат
system-action-certificate-replace = Заменён сертификат
system-action-certificate-delete = Удалён сертификат
system-action-certificate-download-key = Скачан ключ
system-action-silence-create = Создано заглушение
system-action-silence-change = Изменено заглушение
system-action-silence-end = Завершено заглушение
system-action-delivery-retry = Повторена доставка
system-action-delivery-cancel = Отменена доставка
system-action-delivery-resend = Доставка отправлена заново
system-action-incident-status = Изменён статус инцидента
system-action-subscription-pause = Подписка приостановлена или возобновлена
system-action-test-message-send = Отправлено тестовое сообщение
system-action-backup-create = Создана резервная копия
system-action-backup-delete = Удалена резервная копия

system-lead = Что это за сервер, что он хранит и как это сберечь.
system-group-server = Сервер
system-group-store = Хранилище
system-group-retention = Сроки хранения
system-group-build = Сборка
system-change-retention = Изменить
system-disk = Свободно { $free } из { $total }, доступных хранилищу
system-disk-note = Когда останется только серый резерв в конце шкалы, события перестанут приниматься.
system-with-tls = с TLS
system-without-tls = без TLS
system-fact-version = Версия
system-fact-listen = Принимает соединения на
system-fact-started = Запущен
system-fact-certificate-ends = Сертификат действует до
system-fact-data-dir = Папка данных
system-fact-executable-dirs = Папки исполняемых файлов
system-fact-kind = Вид
system-kind-sqlite = SQLite
system-kind-postgres = PostgreSQL
system-fact-size = Размер
system-fact-wal = В том числе журнал (WAL)
system-fact-schema = Версия схемы
system-fact-events = События
system-fact-deliveries = Доставки
system-fact-oldest-event = Самое старое событие
system-fact-events-max = Не больше завершённых событий
system-days = { $count ->
    [0] не хранятся
    [one] { $count } день
    [few] { $count } дня
   *[other] { $count } дней
}
system-fact-rustc = Компилятор
system-fact-target = Платформа
system-fact-openssl = OpenSSL
system-fact-sqlite = SQLite
system-backups = Резервные копии
system-back-up-now = Создать копию
system-no-backups = Резервных копий пока нет. Копия содержит согласованное состояние всего хранилища и создаётся без остановки сервера.
system-backup = Файл
system-size = Размер
system-more-backups = { $count ->
    [one] Не показана ещё { $count } более старая копия: её покажет командная строка.
    [few] Не показаны ещё { $count } более старые копии: их покажет командная строка.
   *[other] Не показаны ещё { $count } более старых копий: их покажет командная строка.
}
system-delete-backup = Удаление
system-delete-backup-name = Удалить копию { $name }
system-delete-backup-question = Удалить резервную копию { $name }? Восстановить её будет нельзя.
system-restore = Чтобы восстановить данные, остановите сервер, поместите файл под именем annunciator.sqlite3 в пустую папку данных и снова запустите сервер.
system-restore-key = Секреты в копии открываются только файлом ключа: он лежит рядом с папкой данных, храните его отдельно в надёжном месте. Копии на том же диске погибнут вместе с ним.
system-backups-elsewhere = Хранилище — база данных PostgreSQL: копии создаются с помощью pg_dump или средствами вашей базы данных, как описано на странице руководства «Backup and restore».
system-backups-elsewhere-key = Секреты в копии открываются только файлом ключа; храните его отдельно, в другом надёжном месте.
system-endpoints = Для других программ
system-healthy = Отвечает ли процесс: для систем надзора.
system-ready = Принимаются ли события: для балансировщиков.
system-metrics = Метрики для Prometheus.
system-openapi = Описание API в формате OpenAPI.
notice-backup-made = Резервная копия создана.
notice-backup-deleted = Резервная копия удалена.
