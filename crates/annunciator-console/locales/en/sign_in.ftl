# Signing in, the first start, one's own account.
sign-in-title = Sign in
sign-in-user = User name
sign-in-password = Password
sign-in-button = Sign in
sign-in-show = Show
sign-in-forgot = Forgotten the password? An administrator can make a new link, and `annunciator user link NAME` on the server always can.
