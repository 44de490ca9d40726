# Пользователи, роли, токены API.
people-users = Пользователи
people-look = Проверьте отмеченные поля.
people-user = Пользователь
people-users-lead = Кто может входить и что ему разрешено.
people-user-add = Добавить пользователя
people-name = Имя
people-name-hint = Латинские буквы, цифры и . - _ @
people-full-name = Полное имя
people-email = Эл. почта
people-role = Роль
people-state = Состояние
people-active = Активен
people-blocked = Заблокирован
people-invited = Пароль ещё не задан
people-last-sign-in = Последний вход
people-sessions = Сеансы
people-created = Создан
people-own = это вы
people-own-password = Ваши пароль и сеансы — на странице
people-way = Как войти в первый раз
people-way-link = По одноразовой ссылке
people-way-link-hint = Вы передаёте ссылку, пользователь сам придумывает пароль. Она действует 24 часа.
people-way-password = С паролем, который вы зададите сейчас
people-new-password = Новый пароль
people-roles-see = Что разрешено ролям
people-user-facts = Пользователь

people-link-title = Одноразовая ссылка
people-link-lead = По ней { $name } задаёт пароль и сразу входит.
people-link-once = Скопируйте ссылку сейчас: она показывается один раз. Сработает один раз в течение 24 часов.
people-link-done = Ссылка скопирована

people-access = Доступ
people-link-new = Новая одноразовая ссылка
people-link-new-lead = Если пароль забыт. Прежний пароль действует, пока ссылкой не воспользовались.
people-link-new-button = Создать ссылку
people-password-set = Задать пароль
people-password-set-lead = Все сеансы пользователя завершатся.
people-password-set-button = Задать пароль
people-sign-out = Завершить все сеансы
people-sign-out-lead = { $count ->
    [0] Сейчас сеансов нет.
    [one] Завершится { $count } сеанс.
    [few] Завершатся { $count } сеанса.
   *[other] Завершатся { $count } сеансов.
}
people-sign-out-button = Завершить
people-block = Заблокировать
people-block-lead = Сеансы завершатся, и войти будет нельзя, пока пользователя не разблокируют.
people-block-button = Заблокировать
people-block-confirm = Заблокировать { $name }? Все сеансы пользователя завершатся.
people-unblock = Разблокировать
people-unblock-lead = Пользователь снова сможет войти с прежним паролем.
people-unblock-button = Разблокировать
people-delete = Удалить
people-delete-lead = Удаляются пользователь, его сеансы и сохранённые представления. Журнал аудита хранит его действия.
people-delete-confirm = Удалить { $name }?

people-roles-title = Роли
people-roles-lead = Что разрешено каждой роли. У пользователя и у токена одна роль.
people-roles-built-in = Четыре встроенные роли не меняются. Изменение собственной роли сразу действует для всех, у кого она есть.
people-role-add = Добавить роль
people-role-name-hint = Например, «Дежурный»; позже изменить нельзя.
people-role-lead = Изменение сразу действует для всех.
people-role-used = Пользователей: { $users }, токенов: { $tokens }
people-role-taken = Роль с таким именем уже есть.
people-role-nameless = Укажите имя роли.
people-role-refused = Роль не добавлена.
people-role-delete-confirm = Удалить роль { $name }?
people-right = Право
people-rights-events = События
people-rights-delivery = Доставка
people-rights-settings = Настройки
people-rights-administration = Администрирование
people-rights-other = Прочее
people-right-submit-events = Передавать события
people-right-read-events = Просматривать события
people-right-change-incidents = Менять статус инцидентов
people-right-explain = Узнавать, почему о событии сообщается или нет
people-right-read-ledger = Просматривать журнал доставки
people-right-operate-deliveries = Повторять и отменять доставки, отправлять заново
people-right-read-silences = Просматривать отключения уведомлений
people-right-manage-silences = Создавать, менять и завершать отключения уведомлений
people-right-read-settings = Просматривать настройки
people-right-change-settings = Менять настройки
people-right-send-test-message = Отправлять тестовые сообщения
people-right-manage-certificates = Управлять сертификатами
people-right-read-status = Видеть состояние сервера
people-right-read-audit = Просматривать журнал аудита
people-right-manage-tokens = Управлять токенами API
people-right-manage-users = Управлять пользователями и ролями
people-right-manage-backups = Создавать и скачивать резервные копии

people-tokens-lead = Токеном программа подтверждает, кто она: источник событий, сценарий, система мониторинга.
people-tokens-empty = Токенов пока нет
people-tokens-empty-lead = Чтобы передавать события, источнику нужен токен с ролью «Приём событий».
people-token-add = Создать токен
people-token-name-hint = Для чего он, например backup-server.
people-token-role-hint = «Приём событий» позволяет только передавать события.
people-token-last-day = Последний день
people-token-last-day-hint = Пусто — бессрочно.
people-token-day-wrong = укажите день, например 2027-01-31
people-token-refused = Токен не создан.
people-token-used = Использован
people-token-ends = Действует до
people-token-delete = Удалить { $name }
people-token-delete-confirm = Удалить токен { $name }? Всё, что им пользуется, сразу получит отказ.
people-token-made = Токен создан
people-token-once = Скопируйте токен сейчас: он показывается один раз.
people-token-try = Проверьте его
people-token-done = Токен скопирован

notice-user-blocked = Пользователь заблокирован.
notice-user-unblocked = Пользователь снова может войти.
notice-user-signed-out = Все сеансы пользователя завершены.
notice-password-set = Пароль задан. Все сеансы пользователя завершены.
