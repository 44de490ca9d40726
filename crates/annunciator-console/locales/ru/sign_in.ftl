# Вход, первый запуск, своя учётная запись.
sign-in-title = Вход
sign-in-user = Имя пользователя
sign-in-password = Пароль
sign-in-button = Войти
sign-in-show = Показать
sign-in-forgot = Забыли пароль? Новую ссылку создаст администратор, а на сервере всегда поможет `annunciator user link ИМЯ`.
