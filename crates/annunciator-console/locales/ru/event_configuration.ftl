# Слова области `event_configuration`.
