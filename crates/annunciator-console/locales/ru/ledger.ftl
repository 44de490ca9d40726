# Слова раздела `ledger`.
ledger-lead = Каждое уведомление каждому получателю, новые сверху.
ledger-search = Получатель, тема, устройство
ledger-state = Состояние
ledger-channel = Канал
ledger-channel-all = Все каналы
ledger-recipient = Получатель
ledger-lane = Очередь
ledger-attempts = Попытки
ledger-last = Следующая или последняя
ledger-only-event = Только одно событие
ledger-only-notification = Только одно уведомление
ledger-only-off = Показать все
ledger-tick = Выбрать
ledger-tick-all = Выбрать все строки
ledger-ticked = Выбрано:
ledger-story = История события
ledger-relay-waits = Почтовый сервер недоступен
ledger-next-at = Следующая попытка { $time }
ledger-after = через { $time }
ledger-gives-up = Попытки прекратятся { $time }.
ledger-role-to = Кому
ledger-role-cc = Копия
ledger-role-bcc = Скрытая копия
ledger-empty = Уведомлений пока не было
ledger-empty-how = Каждое событие, о котором уведомляют, оставляет здесь строку для каждого получателя со всеми попытками.
ledger-none = Подходящих доставок нет
ledger-retry = Повторить сейчас
ledger-retry-sure = Повторить попытку сейчас?
ledger-cancel = Отменить доставку…
ledger-cancel-sure = Отменить эту доставку? «ОК» — она не будет отправлена. «Отмена» — всё останется как есть.
ledger-cancel-many = Отменить доставки…
ledger-cancel-many-sure = Отменить выбранные доставки? «ОК» — они не будут отправлены; те, что уже отправляются, не остановятся. «Отмена» — всё останется как есть.
ledger-operation-cancel = Отменено: { $author }
ledger-operation-retry = Повтор запрошен: { $author }
ledger-operation-resend = Отправлено ещё раз: { $author }
ledger-resend = Отправить ещё раз
ledger-resend-sure = Отправить ещё раз новым сообщением? Получатель может получить его дважды.
ledger-done-retry = { $count ->
    [one] { $count } доставка повторяется.
    [few] { $count } доставки повторяются.
   *[other] { $count } доставок повторяются.
}
ledger-done-retry-waits = { $count ->
    [one] { $count } доставка будет отправлена, когда сервер ответит.
    [few] { $count } доставки будут отправлены, когда сервер ответит.
   *[other] { $count } доставок будут отправлены, когда сервер ответит.
}
ledger-next-try = Следующая попытка — { $time }.
ledger-done-cancel = { $count ->
    [one] { $count } доставка отменена.
    [few] { $count } доставки отменены.
   *[other] { $count } доставок отменено.
}
ledger-done-resend = { $count ->
    [one] { $count } доставка отправляется ещё раз как новая.
    [few] { $count } доставки отправляются ещё раз как новые.
   *[other] { $count } доставок отправляются ещё раз как новые.
}
ledger-refused = { $count ->
    [one] { $count } не удалась:
    [few] { $count } не удались:
   *[other] { $count } не удались:
}
notice-ledger-retry = Попытка повторяется.
notice-ledger-retry-waits = Отправится, когда сервер ответит; время следующей попытки — ниже.
notice-ledger-cancel = Доставка отменена.
notice-ledger-resend = Отправляется ещё раз; это новая доставка.
ledger-delivery = Доставка
ledger-delivery-to = Доставка: { $recipient }
ledger-planned = Запланирована
ledger-finished = Завершена
ledger-due = Следующая попытка
ledger-expires = Попытки прекратятся
ledger-attempts-none = Попыток ещё не было.
ledger-attempt = Попытка { $number }
ledger-attempt-small = попытка { $number }
ledger-outcome-delivered = доставлено
ledger-outcome-transient-failure = временная ошибка
ledger-outcome-permanent-failure = окончательный отказ
ledger-outcome-uncertain = исход неизвестен
ledger-reused = (открытое соединение)
ledger-time-connect = Подключение
ledger-time-handshake = Рукопожатие
ledger-time-transaction = Передача
ledger-queue-id = Номер в очереди
ledger-tried = До этого:
ledger-scope-relay = Всё, что ждёт этого сервера, ждёт вместе с этой доставкой.
ledger-tls = Сведения о TLS
ledger-tls-protocol = Протокол
ledger-tls-check = Сертификат
ledger-tls-verified = проверен
ledger-tls-unverified = не проверен
ledger-tls-none = без TLS
ledger-tls-resumed = возобновлённый сеанс
ledger-tls-subject = Владелец
ledger-tls-issuer = Издатель
ledger-tls-validity = Действителен
ledger-tls-key = Ключ
ledger-tls-serial = Серийный номер
ledger-route = Как найден сервер
ledger-route-domain = Домен
ledger-dialogue = Диалог
ledger-said-client = Annunciator
ledger-said-server = Сервер
ledger-said-remark = Примечание
ledger-run-end = Завершение
ledger-run-sandbox = Изоляция
ledger-run-ended = Оставшихся процессов завершено
ledger-sandbox-enforced = действует
ledger-sandbox-partial = частично
ledger-sandbox-not-available = недоступна
ledger-stdout = Стандартный вывод
ledger-stderr = Стандартный вывод ошибок
ledger-source = Исходный текст сообщения
ledger-source-more = Ещё { $size } — в файле.
ledger-stage-resolve = Разрешение имени
ledger-stage-connect = Подключение
ledger-stage-greeting = Приветствие
ledger-stage-hello = EHLO
ledger-stage-tls = TLS
ledger-stage-auth = Аутентификация
ledger-stage-mail-from = Отправитель
ledger-stage-rcpt-to = Получатель
ledger-stage-data = Сообщение
ledger-stage-data-end = Приём сообщения
ledger-stage-run = Запуск
ledger-stage-prepare = Подготовка
ledger-advice-resolve = Проверьте имя сервера и настройки DNS этого компьютера.
ledger-advice-connect = Проверьте сервер и порт и нет ли между ними межсетевого экрана.
ledger-advice-greeting = Там отвечает не почтовый сервер: проверьте порт и не нужен ли TLS сразу.
ledger-advice-hello = Сервер не принимает имя этого компьютера: проверьте hello_name и правила доступа сервера.
ledger-advice-tls = Проверьте режим TLS и сертификаты; тестовое сообщение покажет, что предъявляет сервер.
ledger-advice-auth = Проверьте имя пользователя, пароль и способ аутентификации.
ledger-advice-mail-from = Сервер не принимает отправителя: проверьте адрес и от чьего имени может писать эта учётная запись.
ledger-advice-rcpt-to = Сервер не принимает получателя: проверьте адрес и пересылает ли на него сервер.
ledger-advice-data = Сервер отказывается от сообщения: причина в его ответе, часто это размер или содержимое.
ledger-advice-data-end = Сервер не принял сообщение: причина в его ответе.
ledger-advice-run = Программа отказала: причина в её коде завершения и выводе.
ledger-advice-prepare = Из уведомления не удалось составить сообщение: проверьте настройки канала.
