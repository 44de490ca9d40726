# Настройка событий: типы, переопределения, политики, группы устройств, объяснение, повторный расчёт.
event-configuration-title = Настройка событий
event-configuration-lead = О каких событиях, по какому каналу, кому и какими словами сообщать, если это отличается от общих настроек сервера. Действует ближайший уровень, на котором значение задано: приложение на устройстве, политики, настройка событий, общие настройки сервера.
event-configuration-owners = Чья настройка
event-configuration-server = Сервер администрирования
event-configuration-server-lead = Собственная настройка событий этого сервера, ниже всех политик: действует для всех устройств, если политика или устройство не задаёт иное.
event-configuration-policies = Политики
event-configuration-policy = Политика
event-configuration-policies-none = Политик пока нет. Политика относится к одному приложению в группе устройств и во вложенных группах.
event-configuration-all-devices = Все устройства
event-configuration-off-short = выключена
event-configuration-no-inherit-short = не наследует
event-configuration-forced-short = принудительная
event-configuration-devices = Приложения на устройствах
event-configuration-devices-none = Ни у одного устройства нет своих настроек.
event-configuration-manage = Управление
event-configuration-more = Ещё
event-configuration-cut = Здесь показано не всё.
event-configuration-policy-named = Политика { $name }
event-configuration-policy-everywhere = { $application } на всех устройствах
event-configuration-policy-in = { $application } в группе { $group } и вложенных группах
event-configuration-in-force = Действует
event-configuration-switched-off = Выключена
event-configuration-no-inherit = Не наследует
event-configuration-forced = Принудительно для вложенных групп
event-configuration-device-named = { $application } на { $device }
event-configuration-device-group = В событиях указана группа { $group }; здесь учитываются её политики.
event-configuration-device-no-group = В событиях не указана группа устройств; здесь учитываются только политики для всех устройств.
event-configuration-empty = Типов событий пока нет
event-configuration-empty-lead = Тип события — это то, как приложение называет вид событий, например disk.full. Типы регистрируются сами: каждый появится здесь с первым своим событием.
event-configuration-empty-ahead = Тип, событий которого ещё не было, можно настроить заранее по его коду — ниже.
event-configuration-search = Найти тип или приложение
event-configuration-application = Приложение
event-configuration-all-applications = Все приложения
event-configuration-by-severity = По уровню важности
event-configuration-every-severity = Все
event-configuration-types = Типы событий
event-configuration-nothing-found = Таких типов событий нет.
event-configuration-show-all = Показать все
event-configuration-tick-all = Отметить все на странице
event-configuration-tick = Отметить { $name }
event-configuration-type = Тип события
event-configuration-severity = Уровень важности
event-configuration-kept = Хранится
event-configuration-actions = Действия
event-configuration-set-here = задано здесь
event-configuration-on = Вкл.
event-configuration-off = Выкл.
event-configuration-why-short = Почему?
event-configuration-shown = До { $last } из { $found }
event-configuration-previous = Предыдущая страница
event-configuration-ticked = отмечено
event-configuration-edit-ticked = Изменить вместе
event-configuration-entries = Переопределения
event-configuration-entries-lead = Что задано здесь. Если переопределение сбросить, снова действует более дальний уровень.
event-configuration-entries-none = Здесь ничего не переопределено: всё наследуется.
event-configuration-override-wide = Добавить переопределение
event-configuration-type-code = Код типа события
event-configuration-type-ahead = Можно указать и тип, событий которого ещё не было. Пустое поле означает все события приложения.
event-configuration-continue = Продолжить
event-configuration-locks = закреплено: { $count }
event-configuration-and-more = ещё { $count }
event-configuration-events-severity = Все события уровня «{ $severity }»
event-configuration-events-all = Все события
event-configuration-events-where = { $events } при условии { $conditions }
event-configuration-term = { $days ->
    [one] { $days } день
    [few] { $days } дня
   *[other] { $days } дней
}
event-configuration-term-none = не показывать
event-configuration-origin-application = настройки приложения { $name }
event-configuration-origin-policy = политика { $name }
event-configuration-origin-event-configuration = настройка событий
event-configuration-origin-server = общие настройки сервера
event-configuration-origin-compiled-default = по умолчанию
event-configuration-override = Переопределение
event-configuration-heading-several = { $count ->
    [one] { $count } тип событий
    [few] { $count } типа событий
   *[other] { $count } типов событий
}
event-configuration-editor-lead = задаёт: { $owner }
event-configuration-clear = Использовать настройки Сервера администрирования
event-configuration-clear-confirm = Сбросить переопределение? Всё, что в нём задано, будет забыто, и снова будет действовать более дальний уровень.
event-configuration-these-types = Эти типы
event-configuration-channels = Каналы и хранение
event-configuration-mode-keep = Не менять
event-configuration-mode-inherit = Наследовать
event-configuration-mode-own = Задать здесь
event-configuration-inherits = Наследуется:
event-configuration-inherits-differs = У этих типов наследуются разные значения.
event-configuration-lock = Закрепить
event-configuration-lock-hint = «Закрепить»: более близкие уровни, то есть политики вложенных групп и устройства, не смогут задать иное.
event-configuration-locked-by = Закреплено: { $origin }
event-configuration-term-field = Срок хранения
event-configuration-days = дней
event-configuration-term-hint = 0 означает, что завершённые события не показываются.
event-configuration-conditions = Условия
event-configuration-conditions-lead = Без условий переопределение действует для всех этих событий, с условиями — только если все они выполнены. Сравнивайте параметры события, например free_percent.
event-configuration-add-condition = Добавить условие
event-configuration-not-saved = Ничего не сохранено. Что неверно, указано у поля.
event-configuration-another = Ещё одно с другими условиями
event-configuration-set-count = { $count ->
    [one] здесь задана { $count } настройка
    [few] здесь заданы { $count } настройки
   *[other] здесь задано { $count } настроек
}
event-configuration-set-none = всё наследуется
event-configuration-section-recipients = Получатели
event-configuration-section-words = Текст
event-configuration-section-run = Запуск
event-configuration-section-limit = Ограничение
event-configuration-section-others = Прочие настройки
event-configuration-section-relay = Почтовый сервер
event-configuration-relay-lead = Серверы, порт, TLS и учётные данные берутся вместе: другому серверу нужны свои учётные данные, и чужие он никогда не получит.
event-configuration-saved-title = Сохранено
event-configuration-saved-lead = Переопределение сохранено и действует. Обратите внимание:
event-configuration-policy-new = Новая политика
event-configuration-policy-edit = Изменить политику
event-configuration-policy-lead = Политика относится к одному приложению в группе устройств и вложенных группах. Более близкая группа важнее дальней, по каждой настройке отдельно.
event-configuration-policy-name = Имя
event-configuration-policy-nameless = Укажите имя политики.
event-configuration-policy-taken = Политика с таким именем уже есть: выберите другое имя.
event-configuration-application-hint = Имя, указанное в событиях.
event-configuration-group = Группа устройств
event-configuration-group-hint = Недостающую группу сначала добавьте:
event-configuration-policy-enabled = Действует
event-configuration-policy-enabled-hint = Выключенной политики как будто нет.
event-configuration-policy-inherit = Наследует
event-configuration-policy-inherit-hint = Где в этой политике ничего не задано, действуют политики вышестоящих групп.
event-configuration-policy-force = Принудительно для вложенных групп
event-configuration-policy-force-hint = Действует там, даже если политика вложенной группы не наследует.
event-configuration-policy-create = Создать политику
event-configuration-policy-delete = Удалить политику
event-configuration-policy-delete-confirm = { $count ->
    [0] Удалить эту политику?
    [one] Удалить эту политику и { $count } её переопределение?
    [few] Удалить эту политику и { $count } её переопределения?
   *[other] Удалить эту политику и { $count } её переопределений?
}
event-configuration-policy-add = Добавить политику
event-configuration-groups = Группы устройств
event-configuration-groups-lead = В событиях группа устройства указана своим путём. Политики относятся к группам, известным здесь.
event-configuration-groups-none = Групп устройств пока нет
event-configuration-groups-none-lead = Добавьте группы, указанные в ваших событиях, например Plant A/Line 2; после этого для них можно создать политику.
event-configuration-group-add = Добавить группу
event-configuration-group-path = Путь
event-configuration-group-path-hint = Например, Plant A/Line 2; вышестоящие группы добавляются вместе с ней.
event-configuration-group-delete-confirm = Удалить группу { $group } и вложенные группы?
event-configuration-devices-lead = Настройки приложения на устройстве ближе любой политики; важнее них только закреплённое значение.
event-configuration-devices-empty = Ни у одного устройства нет своих настроек
event-configuration-devices-empty-lead = Укажите ниже устройство и приложение и задайте то, что там отличается.
event-configuration-device = Устройство
event-configuration-device-delete-confirm = { $count ->
    [one] Удалить эти настройки и { $count } переопределение?
    [few] Удалить эти настройки и { $count } переопределения?
   *[other] Удалить эти настройки и { $count } переопределений?
}
event-configuration-device-open = Настройки для устройства
event-configuration-device-open-lead = Они появятся с первым сохранённым переопределением.
event-configuration-why = Почему приходит уведомление?
event-configuration-why-lead = Все уровни, относящиеся к событию, каждое решение с его причиной, и что кому было бы отправлено. Ничего не отправляется.
event-configuration-event = Событие
event-configuration-event-stored = Сохранённое событие
event-configuration-event-now = Объяснение — для настроек, действующих сейчас.
event-configuration-event-hypothetical = Возможное событие
event-configuration-layers = Уровни
event-configuration-layers-lead = Ближайший первым. Действует первый, на котором значение задано, если более дальняя политика его не закрепила.
event-configuration-standing-applies = действует
event-configuration-standing-condition-fails = условие не выполнено
event-configuration-standing-policy-off = политика выключена
event-configuration-standing-not-inherited = не наследуется
event-configuration-overruled = Задано напрасно: закреплено более дальней политикой —
event-configuration-decision-notified = Уведомление
event-configuration-decision-off = Без уведомления
event-configuration-decision-incomplete = Не настроено
event-configuration-decision-silenced = Отключено
event-configuration-decision-limited = Ограничено
event-configuration-limit = Учитывается в ограничении: { $count } за { $seconds } с,
event-configuration-limit-admits = Ещё одно сейчас допускается.
event-configuration-limit-full = Сейчас не допускается ни одного; следующее —
event-configuration-to = Кому
event-configuration-from = От кого
event-configuration-subject = Тема
event-configuration-arguments = Аргументы
event-configuration-remark = Примечание
event-configuration-text = Текст уведомления
event-configuration-settings-set = { $count ->
    [one] Настройки: задана { $count }
    [few] Настройки: заданы { $count }
   *[other] Настройки: задано { $count }
}
event-configuration-setting = Настройка
event-configuration-value = Значение
event-configuration-from-where = Откуда
event-configuration-locked = закреплено
event-configuration-recipient-from = откуда: { $origin }
event-configuration-then = Что было решено при поступлении
event-configuration-try = Проверить другое событие
event-configuration-try-lead = Ничего не сохраняется и не отправляется.
event-configuration-type-name = Название типа события
event-configuration-description = Описание
event-configuration-parameters = Параметры
event-configuration-parameters-hint = По одному ИМЯ=ЗНАЧЕНИЕ в строке. Числа, true и false понимаются как таковые.
event-configuration-explain = Объяснить
event-configuration-replay = Повторный расчёт событий
event-configuration-replay-lead = Прошлые события рассчитываются заново: с действующими настройками и с изменёнными, и показывается разница. Ничего не сохраняется и не отправляется.
event-configuration-replay-unreadable = Изменение не читается как JSON.
event-configuration-period = Период
event-configuration-hours-1 = Последний час
event-configuration-hours-24 = Последние 24 часа
event-configuration-hours-168 = Последние 7 дней
event-configuration-hours-720 = Последние 30 дней
event-configuration-hours-2160 = Последние 90 дней
event-configuration-replay-what = Сравнить с
event-configuration-replay-revision = сохранённой версией настроек
event-configuration-replay-settings = изменением общих настроек сервера
event-configuration-revision = Версия
event-configuration-no-revisions = Пока ничего не сохранялось.
event-configuration-patch = Изменение
event-configuration-patch-hint = JSON, как для PATCH /api/v1/settings; null означает значение по умолчанию.
event-configuration-replay-run = Рассчитать
event-configuration-replayed = Отличались бы { $changed } из { $events } событий
event-configuration-replay-cut = Событий больше; это самые новые.
event-configuration-channel = Канал
event-configuration-notifications = Уведомления
event-configuration-deliveries = Доставки
event-configuration-limited = Ограничено
event-configuration-silenced = Отключено
event-configuration-differences = Различия
event-configuration-before = Сейчас
event-configuration-after = После изменения
notice-event-configuration-cleared = Переопределение сброшено: снова действует более дальний уровень.
notice-event-configuration-one-application = Переопределение относится к одному приложению: отмечайте типы одного приложения.
