//! Ready plain texts.

use super::{Localized, words};

/// The message when none is set (spec 3.1).
pub const STANDARD_MESSAGE: Localized = words(
    "\
%SEVERITY%: %EVENT%

Device:      %COMPUTER%
Domain:      %DOMAIN%
Time:        %RISE_TIME%
Application: %PRODUCT% %VERSION%

%DESCR%
",
    "\
%SEVERITY%: %EVENT%

Устройство: %COMPUTER%
Домен:      %DOMAIN%
Время:      %RISE_TIME%
Программа:  %PRODUCT% %VERSION%

%DESCR%
",
);

pub(super) const SHORT: Localized = words(
    "%EVENT% on %COMPUTER%, %RISE_TIME%\n%DESCR%\n",
    "%EVENT%, устройство %COMPUTER%, %RISE_TIME%\n%DESCR%\n",
);

pub(super) const FULL: Localized = words(
    "\
%SEVERITY%: %EVENT%

%DESCR%

Severity:       %SEVERITY% (%SEVERITY_NUM%)
Event type:     %EVENT_TYPE%
Event id:       %EVENT_ID%
Time:           %RISE_TIME%
Device:         %COMPUTER%
Domain:         %DOMAIN%
Group:          %GROUP%
IP address:     %HOST_IP%
Connected from: %HOST_CONN_IP%
Application:    %PRODUCT% %VERSION%
Task:           %TASK%
In the console: %LINK%
",
    "\
%SEVERITY%: %EVENT%

%DESCR%

Уровень важности: %SEVERITY% (%SEVERITY_NUM%)
Тип события:      %EVENT_TYPE%
Идентификатор:    %EVENT_ID%
Время:            %RISE_TIME%
Устройство:       %COMPUTER%
Домен:            %DOMAIN%
Группа:           %GROUP%
IP-адрес:         %HOST_IP%
Адрес соединения: %HOST_CONN_IP%
Программа:        %PRODUCT% %VERSION%
Задача:           %TASK%
В консоли:        %LINK%
",
);

pub(super) const SMS_SHORT: Localized =
    words("%SEVERITY%: %EVENT%, %COMPUTER%", "%SEVERITY%: %EVENT%, %COMPUTER%");

pub(super) const SMS_STANDARD: Localized = words(
    "%SEVERITY%: %EVENT%, %COMPUTER%, %RISE_TIME%. %DESCR%",
    "%SEVERITY%: %EVENT%, %COMPUTER%, %RISE_TIME%. %DESCR%",
);
