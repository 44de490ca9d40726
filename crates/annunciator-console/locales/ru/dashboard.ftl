# Слова области `dashboard`.
dashboard-period = Период
dashboard-period-1h = 1 час
dashboard-period-24h = 24 часа
dashboard-period-7d = 7 дней
dashboard-period-30d = 30 дней
dashboard-in-1h = за час
dashboard-in-24h = за 24 часа
dashboard-in-7d = за 7 дней
dashboard-in-30d = за 30 дней
dashboard-now = сейчас

dashboard-well = Всё в порядке
dashboard-well-detail = События принимаются, все оповещения доставлены или уже в пути.
dashboard-well-now = Сейчас всё в порядке
dashboard-well-failed = { $count ->
    [one] События принимаются. Не доставлено: { $number } оповещение ({ $period }); само оно больше не отправится.
    [few] События принимаются. Не доставлено: { $number } оповещения ({ $period }); сами они больше не отправятся.
   *[other] События принимаются. Не доставлено: { $number } оповещений ({ $period }); сами они больше не отправятся.
}
dashboard-no-status = Состояние сервера вам недоступно
dashboard-no-answer = Сейчас не удаётся прочитать состояние сервера
dashboard-troubles = { $count ->
    [one] { $count } вопрос требует внимания
    [few] { $count } вопроса требуют внимания
   *[other] { $count } вопросов требуют внимания
}
dashboard-tone-bad = Проблема
dashboard-tone-warn = Внимание
dashboard-not-ready = События не принимаются
dashboard-disk = Диск почти заполнен: свободно { $free }
dashboard-disk-detail = Когда свободного места станет меньше { $reserve }, события перестанут приниматься. Освободите место или сократите срок хранения событий.
dashboard-nobody = Оповещения никому не отправляются
dashboard-nobody-detail = События сохраняются, но способ доставки ещё не настроен. Настройте электронную почту, чтобы получать оповещения. Если нужны только инциденты детекторов, достаточно почтовых уведомлений и подписки.
dashboard-lane = { $count ->
    [one] { $lane }: почтовый сервер недоступен, ожидает { $number } доставка
    [few] { $lane }: почтовый сервер недоступен, ожидают { $number } доставки
   *[other] { $lane }: почтовый сервер недоступен, ожидают { $number } доставок
}
dashboard-probe = Следующая попытка: { $at }
dashboard-skipped = Сервер { $server } временно пропускается
dashboard-parked = { $count ->
    [one] { $count } событие отложено: его не удалось обработать
    [few] { $count } события отложены: их не удалось обработать
   *[other] { $count } событий отложены: их не удалось обработать
}
dashboard-parked-detail = Причина указана у каждого из них.
dashboard-old = Самая старая доставка ожидает с { $since }
dashboard-old-detail = Почтовые серверы исправны: посмотрите, чего она ожидает.
dashboard-ends = { $what }: срок действия истекает { $at }
dashboard-ended = { $what }: срок действия истёк { $at }
dashboard-more-ends = { $count ->
    [one] Истекает срок ещё { $count } сертификата или секрета
    [few] Истекает срок ещё { $count } сертификатов или секретов
   *[other] Истекает срок ещё { $count } сертификатов или секретов
}
dashboard-do-system = Открыть состояние системы
dashboard-do-set-up = Настроить электронную почту
dashboard-do-waiting = Показать ожидающие
dashboard-do-settings = Проверить настройки
dashboard-do-parked = Показать отложенные события
dashboard-do-certificates = Обновить

dashboard-accepted = Принято событий
dashboard-delivered = Доставлено
dashboard-failed = Не доставлено
dashboard-waiting = Ожидают
dashboard-limited = Ограничено
dashboard-silenced = Заглушено
dashboard-oldest = самая старая: { $ago }

dashboard-flow = Доставки по времени
dashboard-flow-empty = За это время ничего не доставлялось.
dashboard-flow-table = Показать числа таблицей
dashboard-flow-no-table = Скрыть таблицу
dashboard-time = Время

dashboard-relays = Очереди
dashboard-relays-empty = Очередь появится здесь с первой доставкой: сколько ожидает, её серверы и их состояние.
dashboard-lanes = Очереди
dashboard-queue = Очередь
dashboard-state = Состояние
dashboard-works = Работает
dashboard-suspended = Приостановлена
dashboard-since = с { $at }
dashboard-reason = Причина
dashboard-next-try = Следующая попытка
dashboard-servers = Серверы
dashboard-server = Сервер
dashboard-breaker = Состояние
dashboard-breaker-open = Временно пропускается
dashboard-breaker-open-hint = Несколько сбоев подряд: пока используются другие серверы, а этот время от времени проверяется снова.
dashboard-breaker-failing = Используется, есть сбои
dashboard-breaker-closed = Используется
dashboard-connections = Соединения
dashboard-of = { $count } из { $limit }
dashboard-failures-in-a-row = Сбоев подряд
dashboard-last-failure = Последний сбой

dashboard-last-failures = Последние неудачи
dashboard-all-failures = Все недоставленные
dashboard-no-failures = Недоставленных оповещений нет.
dashboard-recipient = Получатель
dashboard-subject = Тема
dashboard-no-subject = (без темы)

dashboard-limits = Достигнутые ограничения
dashboard-limit = Ограничение
dashboard-held-back = Ограничено
dashboard-summary-at = Сводка
dashboard-ending = Скоро истекают
dashboard-what = Что
dashboard-ends-at = Истекает

dashboard-stage-settings = Настройки
dashboard-stage-resolve = Поиск сервера
dashboard-stage-connect = Соединение
dashboard-stage-greeting = Приветствие
dashboard-stage-hello = EHLO
dashboard-stage-tls = TLS
dashboard-stage-auth = Аутентификация
dashboard-stage-mail-from = Отправитель
dashboard-stage-rcpt-to = Получатель
dashboard-stage-data = Содержимое
dashboard-stage-data-end = Конец содержимого
dashboard-stage-prepare = Подготовка
dashboard-stage-run = Запуск
