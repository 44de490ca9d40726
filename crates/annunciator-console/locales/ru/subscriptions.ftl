# Слова раздела `subscriptions`: список, форма, проверка, статусы.
nav-subscriptions = Подписки
nav-mail-notifier = Почтовые уведомления
subscriptions-title = Подписки
subscriptions-lead = Кому и о каких инцидентах отправлять письма. Каждый адрес получает инцидент один раз, скольким бы подпискам он ни соответствовал.
subscriptions-views = Подписки и статусы
subscriptions-new = Новая подписка
subscriptions-edit = Подписка
subscriptions-create = Создать подписку
subscriptions-empty = Об инцидентах пока никого не уведомляют
subscriptions-empty-lead = Подписка определяет, кому, о каких инцидентах, на каком языке и когда отправлять письма.
subscriptions-empty-own = Вас нет ни в одной подписке. Подписки создаёт администратор.
subscriptions-cannot-send = Сейчас подписки ничего не могут отправить.
subscriptions-set-notifier = Настроить почтовые уведомления
subscriptions-name = Название
subscriptions-name-missing = Укажите название подписки.
subscriptions-name-taken = Подписка с таким названием уже есть: выберите другое.
subscriptions-state = Состояние
subscriptions-on = Включена
subscriptions-on-hint = Выключенная подписка сохраняется, но никого не уведомляет.
subscriptions-off = Выключена
subscriptions-turn-on = Включить
subscriptions-turn-off = Выключить
subscriptions-pause = Приостановить для меня
subscriptions-go-on = Возобновить
subscriptions-paused = приостановлена
subscriptions-paused-own = Вы её приостановили
subscriptions-paused-count = { $count ->
    [one] приостановил { $count } пользователь
    [few] приостановили { $count } пользователя
   *[other] приостановили { $count } пользователей
}
subscriptions-paused-title = Кто приостановил подписку
subscriptions-paused-since = с { $time }
subscriptions-who = Кого
subscriptions-about = О чём
subscriptions-about-lead = Инцидент должен соответствовать каждому заполненному полю; пустому полю соответствует любой.
subscriptions-when = Когда
subscriptions-when-lead = О критических инцидентах уведомляют всегда сразу.
subscriptions-more = и ещё { $count }
subscriptions-nobody = Никого
subscriptions-everything = Обо всех инцидентах
subscriptions-left-out = не уведомляют
subscriptions-left-out-lead = Кого не уведомляют и почему
subscriptions-take-out = Убрать
subscriptions-at-once = Сразу
subscriptions-every = Каждые { $minutes } мин
subscriptions-daily-at = Ежедневно в { $time }
subscriptions-quiet-words = тихие часы с { $from } до { $until }
subscriptions-with-follow-ups = и об изменениях статуса
subscriptions-form-lead = Кому, о каких инцидентах и когда отправлять письма.
subscriptions-delete-sure = Удалить подписку «{ $name }»? Её получателей больше не будут уведомлять.
subscriptions-section-name = Подписка
subscriptions-users = Пользователи
subscriptions-users-hint = Письма уходят на адреса учётных записей, на языке и в часовом поясе пользователя, если он их выбрал.
subscriptions-user-blocked = заблокирован: не уведомляют
subscriptions-user-without-address = нет адреса: не уведомляют
subscriptions-user-gone = такого пользователя нет
subscriptions-addresses = Дополнительные адреса
subscriptions-addresses-hint = Через точку с запятой
subscriptions-language = Язык
subscriptions-language-hint = Для тех, кто не выбрал свой.
subscriptions-language-en = Английский
subscriptions-language-ru = Русский
subscriptions-time-zone = Часовой пояс
subscriptions-time-zone-hint = Для тех, кто не выбрал свой, а также для тихих часов и ежедневных писем.
subscriptions-detectors = Виды детекторов
subscriptions-other-detectors = Другие виды детекторов
subscriptions-models = Модели
subscriptions-assets = Активы
subscriptions-pattern-hint = По одному в строке; * заменяет любой текст, ? – один символ.
subscriptions-groups = Группы устройств
subscriptions-groups-hint = По одной в строке, например «Завод А/Линия 2»; вложенные группы тоже учитываются.
subscriptions-delivery-at-once = Сразу
subscriptions-delivery-bundled = За несколько минут одним письмом
subscriptions-delivery-daily = За день одним письмом
subscriptions-bundle = Собирать каждые
subscriptions-minutes = мин
subscriptions-daily = Ежедневно в
subscriptions-quiet-from = Тихие часы с
subscriptions-quiet-until = Тихие часы до
subscriptions-quiet-hint = Всё, что не критично, ждёт их окончания. Оставьте пустыми, если они не нужны.
subscriptions-follow-ups = Сообщать и об изменениях статуса
subscriptions-follow-ups-hint = В той же цепочке, что и письмо об инциденте.
subscriptions-preview = Кого уведомят
subscriptions-preview-lead = Кого и когда уведомят об инциденте сейчас, а кого нет и почему. Ничего не отправляется.
subscriptions-try-lead = По тому, что введено в эту форму, даже если оно не сохранено. Ничего не отправляется.
subscriptions-try-wrong = Пока проверить нельзя:
subscriptions-which = Инцидент
subscriptions-made-up = Предполагаемый
subscriptions-ask = Показать
subscriptions-told-count = { $count ->
    [0] Никого не уведомят
    [one] Уведомят { $count } адрес
    [few] Уведомят { $count } адреса
   *[other] Уведомят { $count } адресов
}
subscriptions-none-met = Не соответствует ни одной подписке.
subscriptions-met = Соответствует: { $names }
subscriptions-silent = Ничего не будет отправлено:
subscriptions-address = Адрес
subscriptions-by = Подписка
subscriptions-why = Почему
notice-subscription-paused = Подписка приостановлена.
notice-subscription-goes-on = Подписка возобновлена.

statuses-title = Статусы инцидентов
statuses-lead = Какие статусы может иметь инцидент и уведомлять ли подписчиков об инциденте с таким статусом.
statuses-code = Код
statuses-name = Название
statuses-name-ru = Название по-русски
statuses-notify = Уведомлять об инциденте
statuses-new = Новый статус
statuses-add = Добавить статус
statuses-remove = Удалить { $name }
statuses-behaviour = Новые инциденты и изменения
statuses-initial = Первый статус
statuses-initial-hint = Для инцидента, который пришёл без статуса.
statuses-later = Уведомлять при смене статуса
statuses-later-hint = Об инциденте, о котором из-за статуса не уведомили, уведомят один раз, когда новый статус это допускает.
statuses-grouping = Группировать похожие инциденты в пределах
statuses-grouping-hint = Одной модели и одного ведущего тега; 0 – не группировать.
statuses-added = добавлен
statuses-removed = удалён
statuses-order = Порядок
statuses-conflict = Тем временем кто-то сохранил настройки. Изменено: { $fields }. Ваши изменения не сохранены: просмотрите их и сохраните ещё раз, чтобы заменить чужие.
subscriptions-others = { $count ->
    [one] Уведомляют ещё { $count } адресата, которого вам видеть нельзя.
   *[other] Уведомляют ещё { $count } адресатов, которых вам видеть нельзя.
}
subscriptions-conflict = Пока вы редактировали, подписку изменили: { $fields }. Введённое вами осталось в форме: сохраните ещё раз, чтобы заменить чужие изменения, или откройте страницу заново.
subscriptions-gone = Пока вы редактировали, подписку удалили: ничего не сохранено. Если она ещё нужна, создайте новую.
