# То, что окружает каждую страницу, и слова, общие для многих страниц.
shell-skip = Перейти к содержанию
shell-menu = Меню
shell-sign-out = Выйти
shell-leave = Есть несохранённые изменения.
shell-request-failed = Сервер не ответил. Работает ли он?
shell-copied = Скопировано
shell-save = Сохранить
shell-cancel = Отмена
shell-close = Закрыть
shell-delete = Удалить
shell-edit = Изменить
shell-add = Добавить
shell-copy = Копировать
shell-next = Следующая страница
shell-first = Первая страница
shell-filter = Фильтр
shell-search = Поиск
shell-all = Все
shell-none = Нет
shell-yes = Да
shell-no = Нет
shell-never = Никогда
shell-optional = необязательно
shell-unsaved = Ещё не сохранено
shell-discard = Отменить изменения

nav-dashboard = Обзор
nav-events = События
nav-ledger = Журнал доставки
nav-silences = Отключения уведомлений
nav-settings = Настройки
nav-delivery = Доставка уведомлений
nav-event-configuration = Настройка событий
nav-certificates = Сертификаты
nav-administration = Администрирование
nav-users = Пользователи и роли
nav-tokens = Токены API
nav-audit = Журнал аудита
nav-system = Система

refusal-title = Не получилось
refusal-forbidden = Эта страница вам недоступна
refusal-not-to-change = Для этого нужно право изменять настройки.
refusal-missing = Здесь ничего нет
refusal-not-found = Адрес набран с ошибкой, или того, что здесь было, больше нет.
refusal-broken = Сервер не смог построить страницу; причина в его журнале.
refusal-home = К обзору

role-administrator = Системный администратор
role-operator = Оператор
role-viewer = Наблюдатель
role-ingest = Приём событий

severity-info = Информация
severity-warning = Предупреждение
severity-failure = Отказ функционирования
severity-critical = Критическое

channel-email = Эл. почта
channel-sms = SMS
channel-executable = Исполняемый файл
channel-mail-notifier = Почтовые уведомления

state-queued = В очереди
state-in-flight = Отправляется
state-delivered = Доставлено
state-failed = Не доставлено
state-cancelled = Отменено
state-possibly-duplicated = возможен дубликат

theme-auto = Как в системе
theme-light = Светлая
theme-dark = Тёмная

count-deliveries = { $count ->
    [one] { $count } доставка
    [few] { $count } доставки
   *[other] { $count } доставок
}
count-events = { $count ->
    [one] { $count } событие
    [few] { $count } события
   *[other] { $count } событий
}

ago-now = только что
ago-soon = сейчас
ago-s = { $count } с назад
ago-min = { $count } мин назад
ago-h = { $count } ч назад
ago-d = { $count } дн. назад
ahead-s = через { $count } с
ahead-min = через { $count } мин
ahead-h = через { $count } ч
ahead-d = через { $count } дн.

unit-bytes = Б
unit-kb = кБ
unit-mb = МБ
unit-gb = ГБ
unit-tb = ТБ
unit-ms = мс
unit-s = с
unit-min = мин
unit-h = ч
unit-d = дн.

notice-saved = Сохранено.
notice-deleted = Удалено.
notice-created = Создано.
