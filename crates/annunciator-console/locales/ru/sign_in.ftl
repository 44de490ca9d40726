# Вход, первый запуск, начальная настройка, своя учётная запись, тестовые сообщения.
sign-in-title = Вход
sign-in-user = Имя пользователя
sign-in-password = Пароль
sign-in-button = Войти
sign-in-show = Показать
sign-in-forgot = Забыли пароль? Новую ссылку создаст администратор, а на сервере всегда поможет «annunciator user link ИМЯ».
sign-in-wrong = Неверное имя пользователя или пароль.
sign-in-wait = { $count ->
    [one] Слишком много неудачных попыток. Повторите через { $count } секунду.
    [few] Слишком много неудачных попыток. Повторите через { $count } секунды.
   *[other] Слишком много неудачных попыток. Повторите через { $count } секунд.
}
sign-in-ended = Сеанс завершён. Войдите, чтобы продолжить с того же места; то, что вы только что отправили, не сохранено.

password-hint = Не короче 12 символов; хорошо подходят несколько слов.
password-missing = Осталось символов: { "{" }left{ "}" }
password-good = Достаточно длинный
password-strong = Надёжный

first-start-title = Создание системного администратора
first-start-lead = Это первый запуск. Системному администратору доступно всё; других пользователей можно добавить позже.
first-start-more = Полное имя и эл. почта
first-start-email-hint = Сюда придёт первое тестовое сообщение.
first-start-button = Создать и войти
first-start-where = На этом сервере ещё нет администратора. Чтобы его создать, нужен одноразовый ключ, который видит только тот, у кого есть доступ к серверу:
first-start-where-log = Откройте ссылку, которую «annunciator serve» печатает при запуске; под systemd она в журнале. При каждом запуске ссылка новая.
first-start-where-command = Или создайте администратора на самом сервере:
first-start-key-refused = Этот ключ не действует: он от прежнего запуска, или часть ссылки потеряна.
first-start-made = Системный администратор уже создан.

welcome-title = Добро пожаловать
welcome-lead = Придумайте пароль. Вы сразу войдёте, и ссылка перестанет действовать.
welcome-button = Задать пароль и войти
welcome-refused = Эта ссылка больше не действует.
welcome-refused-where = Ссылка срабатывает один раз и действует 24 часа. Попросите новую у администратора или создайте её на сервере: «annunciator user link ИМЯ».

guide-steps = Шаги настройки
guide-step-relay = Почтовый сервер
guide-step-test = Тестовое сообщение
guide-step-recipients = Получатели
guide-step-done = Готово
guide-save-next = Сохранить и продолжить
guide-next = Следующий шаг
guide-back = Назад
guide-skip = Пропустить
guide-leave = Выйти из настройки
guide-finish = К обзору

guide-relay-title = Через какой сервер отправлять почту?
guide-relay-lead = Annunciator передаёт письма вашему почтовому серверу. Всё можно изменить позже в разделе «Доставка уведомлений».
guide-presets = Вид почтового сервера
guide-preset-any = Любой сервер
guide-preset-postfix = Postfix и подобные
guide-preset-exchange-onpremises = Exchange Server
guide-preset-microsoft-365 = Microsoft 365
guide-preset-google = Gmail
guide-preset-google-relay = Workspace relay
guide-preset-amazon-ses = Amazon SES
guide-preset-old-tls10 = Старые версии TLS
guide-servers = Сервер
guide-servers-hint = Имя или адрес, например mail.example.org; несколько — через точку с запятой.
guide-port = Порт
guide-port-is = порт { $port }
guide-port-hint = Обычно 25 или 587; 465 — если TLS с самого начала.
guide-tls-if-supported = TLS, если сервер его предлагает
guide-tls-required = Только TLS с проверкой сертификата
guide-tls-implicit = TLS с самого начала (порт 465)
guide-tls-off = Без TLS
guide-auth = Сервер требует имя пользователя и пароль
guide-password-again = Подключение меняется: введите пароль ещё раз.
guide-password-kept = Пароль сохранён. Чтобы оставить его, ничего не вводите.
guide-sender = Адрес отправителя
guide-sender-hint = Адрес, с которого приходят сообщения, например annunciator@example.org. Почтовый сервер должен его принимать.
guide-question-region = Регион
guide-question-tenant = Каталог (tenant)
guide-question-oauth-client-id = Идентификатор клиента
guide-question-oauth-client-secret = Секрет клиента
guide-question-oauth-refresh-token = Токен обновления

guide-test-title = Доходит ли сообщение?
guide-test-lead = Тестовое сообщение идёт тем же путём, что и настоящее. Каждый этап виден сразу, а при сбое — что делать.
guide-test-to = Кому отправить
guide-test-button = Отправить тестовое сообщение
guide-test-before = Этапы появятся здесь.

guide-recipients-title = Кого и о чём уведомлять?
guide-recipients-lead = Это действует для всех событий. Позже в разделе «Настройка событий» можно задать иное для отдельных типов, групп и политик.
guide-recipients = Получатели
guide-recipients-hint = Адреса эл. почты: по одному в строке или через точку с запятой.
guide-about = Сообщать о событиях
guide-about-hint = События, о которых не сообщается, всё равно остаются в списке событий.
guide-about-configured-hint = Сейчас о каких событиях сообщать, решает настройка событий. Если отметить уровень здесь, решать будет он.
guide-about-all = все
guide-about-configured = только те, что указаны в настройке событий

guide-done-title = Что будет дальше
guide-done-lead = Annunciator готов: о каждом принятом событии выбранной важности уходит письмо, и журнал доставки это подтверждает.
guide-done-incomplete = Чтобы письма уходили, не хватает части настроек.
guide-now = Ваши настройки
guide-missing = Ещё не задано
guide-hand-in = Передайте первое событие
guide-hand-in-lead = Источники передают события по HTTP с токеном. Этот токен позволяет только передавать события.
guide-token = Имя токена
guide-token-name = first-source
guide-token-button = Создать токен
guide-token-once = Скопируйте эту строку сейчас: токен в ней показывается один раз. Выполните её в терминале — и придёт письмо.
guide-watch = Следить за событиями
guide-more = Другие способы и все поля:
guide-incidents = Об инцидентах детекторов подписчикам пишут через отдельный почтовый сервер:
guide-more-manual = «Начало работы» в руководстве, которое входит в поставку Annunciator

account-title = Учётная запись
account-no-user = Вы вошли не как пользователь, поэтому настраивать здесь нечего.
account-profile = Профиль
account-language = Язык
account-as-browser = Как в браузере
account-zone = Часовой пояс
account-zone-browser = Как в браузере: { $zone }
account-zone-hint = В нём показаны все времена в консоли. Пусто — как в браузере.
account-theme = Тема
account-password = Пароль
account-password-lead = После смены пароля ваши остальные сеансы завершатся.
account-current = Текущий пароль
account-password-button = Сменить пароль
account-sessions = Ваши сеансы
account-everywhere = Выйти везде
account-everywhere-confirm = Выйти везде, в том числе здесь?
account-browser = Браузер
account-address = Адрес
account-began = Вход
account-used = Последняя активность
account-this = этот
account-end = Завершить
account-end-one = Завершить сеанс: { $browser }

test-stages = Этапы
test-ok = Успешно
test-failed = Сбой
test-advice = Что делать:
test-good = Почтовый сервер принял сообщение
test-bad = Сообщение не отправлено
test-reply = Ответ сервера:
test-stdout = Вывод
test-stderr = Вывод ошибок
test-dialogue = Диалог SMTP
test-stage-settings = Настройки
test-stage-resolve = Разрешение имён
test-stage-connect = Соединение
test-stage-greeting = Приветствие
test-stage-hello = EHLO
test-stage-tls = TLS
test-stage-auth = Аутентификация
test-stage-mail-from = Отправитель
test-stage-rcpt-to = Получатель
test-stage-data = Начало сообщения
test-stage-data-end = Сообщение
test-stage-prepare = Подготовка
test-stage-run = Запуск
test-outcome-delivered = принято
test-outcome-would-be-accepted = будет принято
test-outcome-transient-failure = временный отказ
test-outcome-permanent-failure = отказ
test-outcome-uncertain = неизвестно

notice-password-changed = Пароль изменён. Остальные ваши сеансы завершены.
notice-session-ended = Сеанс завершён.
