# Слова раздела `settings`: тестовое сообщение, предпросмотр, подстановка, ограничение, готовые тексты.

# Тестовое сообщение.
settings-test-button = Отправить тестовое сообщение…
settings-test-run = Пробный запуск…
settings-test-send = Отправить тестовое сообщение
settings-test-run-now = Запустить
settings-test-lead-email = Тестовое сообщение идёт тем же путём, что и настоящее: получателям из этой формы и с её настройками, даже если они не сохранены. Ничего не сохраняется.
settings-test-lead-sms = Тестовое SMS идёт тем же путём, что и настоящее: на номера из этой формы и с её настройками, даже если они не сохранены. Ничего не сохраняется.
settings-test-lead-executable = Исполняемый файл из этой формы запускается на сервере с событием-образцом. Ничего не сохраняется.
settings-test-lead-mail-notifier = Письмо о вымышленном инциденте отправляется с настройками этой формы, даже если они не сохранены. Ничего не сохраняется.
settings-test-run-title = Пробный запуск
settings-test-wrong = Перед отправкой нужно кое-что исправить:
settings-test-partly = Его получат не все
settings-test-ran = Файл выполнен
settings-test-ran-badly = Запуск не удался
settings-test-dry-run = Без отправки
settings-test-dry-run-help-email = Доходит до последнего получателя и ничего не отправляет.
settings-test-dry-run-help-sms = Доходит до последнего получателя и ничего не отправляет.
settings-test-dry-run-help-executable = Проверяет, можно ли запустить файл, и не запускает его.
settings-test-dry-run-help-mail-notifier = Доходит до последнего получателя и ничего не отправляет.
settings-test-trace = Показать диалог SMTP
settings-test-trace-help = Каждая строка обеих сторон, без секретов.
settings-test-server = Сервер:
settings-test-chain = Цепочка

# Предпросмотр.
settings-preview = Предпросмотр
settings-preview-event = Событие:
settings-preview-sample = образец
settings-preview-subject = Тема
settings-preview-text = Текст
settings-preview-html = HTML, каким его видит получатель
settings-preview-empty = пусто
settings-preview-show = Показать
settings-preview-characters = { $count ->
        [one] { $count } знак
        [few] { $count } знака
       *[many] { $count } знаков
    }
settings-preview-segments = { $count ->
        [one] { $count } сегмент
        [few] { $count } сегмента
       *[many] { $count } сегментов
    }
settings-preview-units = Знаков: { $units }, в последнем сегменте осталось: { $left }
settings-preview-cut = Зачёркнутое не помещается и не отправляется.
settings-preview-no-arguments = Запускается без аргументов.
settings-preview-wrong = Показать нечего, пока есть ошибки:

# Подстановка.
settings-parameters = Вставить параметр
settings-parameter-severity = Уровень важности события словами.
settings-parameter-severity-num = Уровень важности числом от 1 (информационное) до 4 (критическое).
settings-parameter-computer = Имя устройства, на котором произошло событие.
settings-parameter-domain = Домен Windows или DNS, в который входит устройство.
settings-parameter-event = Название типа события или его код, если названия нет.
settings-parameter-event-type = Код типа события.
settings-parameter-descr = Описание события.
settings-parameter-rise-time = Когда произошло событие.
settings-parameter-task = Название задачи, которая вызвала событие.
settings-parameter-product = Название программы, которая сообщает о событии.
settings-parameter-version = Версия программы, которая сообщает о событии.
settings-parameter-host-ip = IP-адрес устройства.
settings-parameter-host-conn-ip = IP-адрес, с которого подключилось устройство.
settings-parameter-group = Путь группы устройств.
settings-parameter-event-id = Идентификатор события, который дал источник.
settings-parameter-link = Адрес события в этой консоли.
settings-parameter-phone = Номер телефона получателя (только для SMS).
settings-parameter-param = Значение собственного параметра события с этим именем.
settings-parameter-percent = Знак процента.
settings-subject-templates = Шаблоны темы
settings-subject-lead = Каждый добавляет в тему свою переменную; можно объединить несколько.
settings-subject-anew = Начать с пустой темы
settings-ready-texts = Готовые тексты…
settings-ready-html = Готовые страницы…
settings-ready-title = Готовые тексты
settings-ready-html-title = Готовые страницы HTML
settings-ready-lead = Так они выглядят для события-образца. Выбранный текст заменит текст в форме; пока ничего не сохраняется.
settings-ready-use = Использовать

# Сертификаты.
settings-certificate-specify = Указать сертификат…
settings-certificate-look = Посмотреть «{ $name }»

# Ограничение числа.
settings-limit-open = Ограничить число…
settings-limit-title = Ограничение числа уведомлений
settings-limit-on = Ограничить число уведомлений
settings-limit-count = Уведомлений, не больше
settings-limit-period = За любой период в
settings-limit-unit = Единица периода
settings-limit-unit-seconds = секунд
settings-limit-unit-minutes = минут
settings-limit-unit-hours = часов
settings-limit-unit-days = дней
settings-limit-per = Как считать
settings-limit-per-channel = Все типы событий вместе
settings-limit-per-event-type = Каждый тип событий отдельно
settings-limit-beyond = Лишнее не отправляется и позже: оно остаётся в журнале как ограниченное, а одна сводка сообщает, сколько его было.
settings-limit-apply = Вставить в форму
settings-limit-range = Укажите целое число от { $least } до { $most }.
settings-limit-none = Без ограничения: отправляется каждое уведомление.
settings-limit-words-channel = Не больше { $count ->
        [one] { $count } уведомления
       *[other] { $count } уведомлений
    } за { $period }, все типы событий вместе.
settings-limit-words-event-type = Не больше { $count ->
        [one] { $count } уведомления
       *[other] { $count } уведомлений
    } за { $period }, для каждого типа событий отдельно.
settings-limit-seconds = { $number ->
        [one] любую { $number } секунду
        [few] любые { $number } секунды
       *[many] любые { $number } секунд
    }
settings-limit-minutes = { $number ->
        [one] любую { $number } минуту
        [few] любые { $number } минуты
       *[many] любые { $number } минут
    }
settings-limit-hours = { $number ->
        [one] любой { $number } час
        [few] любые { $number } часа
       *[many] любые { $number } часов
    }
settings-limit-days = { $number ->
        [one] любой { $number } день
        [few] любые { $number } дня
       *[many] любые { $number } дней
    }

# Почтовые уведомления.
notifier-title = Почтовые уведомления
notifier-unset = Удалить все настройки
notifier-unset-sure = Удалить все настройки почтовых уведомлений вместе с паролем, сертификатом и ключом? Подписки ничего не отправят, пока их не настроят заново.
notice-notifier-unset = Все настройки почтовых уведомлений удалены.
notifier-parameters = Параметры системы
notifier-lead = Как подписчикам отправляются письма об инцидентах. Пока не заданы сервер и отправитель, подписки ничего не отправляют.
notifier-certificate = Сертификат SMTP-сервера
notifier-key = Ключ сертификата
notifier-files-hint = Предъявляется серверу, который его запросит; сертификат также служит доверенным корнем для сертификата сервера. PEM, DER или PKCS #12; рекомендуются ключи RSA от 4096 бит и EC от P-384.
notifier-browse-certificate = Обзор: файл сертификата
notifier-browse-key = Обзор: файл ключа
notifier-none = Нет
notifier-until = до { $time }
notifier-download-certificate = Скачать сертификат
notifier-download-key = Скачать ключ
notifier-clear-certificate = Очистить сертификат
notifier-clear-key = Очистить ключ
notifier-password = Пароль ключа, если он зашифрован
notifier-missing-key = Нет ключа этого сертификата. Пока он не выбран, настройки с включённым TLS не сохранить.
notifier-missing-certificate = Нет сертификата этого ключа. Пока он не выбран, настройки с включённым TLS не сохранить.
notifier-uploaded = Загружено. Будет использоваться после сохранения.
notifier-cleared = Очищено. После сохранения в настройках его не будет.
notifier-lost = Ключ запечатан другим файлом ключа и не может использоваться: выберите оба файла заново.
notifier-files-kept = Очищенное или заменённое здесь удаляется при сохранении, если его не используют другие настройки; прежняя версия настроек его не вернёт, поэтому сначала скачайте то, что ещё нужно.
notifier-browse = Обзор…
notifier-upload = Загрузить
notifier-upload-certificate = Загрузить сертификат
notifier-upload-key = Загрузить ключ
notifier-download = Скачать
notifier-nothing-chosen = Сначала выберите файл.
notifier-key-gone = Загружено. Прежний ключ относится к другому сертификату и очищен: выберите также ключ.
notifier-certificate-gone = Загружено. У прежнего сертификата другой ключ, он очищен: выберите также сертификат.
notifier-key-as-uploaded = Вы получите файл таким, каким он был загружен; если он был зашифрован — с прежним паролем.
notifier-not-yours = Изменять могут те, у кого есть право управлять сертификатами.
notifier-object-name = Почтовые уведомления, { $time }
notifier-test-to = Кому
settings-section-mail-server = SMTP-сервер
settings-section-mail-tls = TLS
    .lead = Рекомендуется включить TLS версии 1.2 или 1.3 с наборами шифров, которые проверяют подлинность зашифрованного и сохраняют тайну, даже если ключ позже будет раскрыт (RFC 9325).
