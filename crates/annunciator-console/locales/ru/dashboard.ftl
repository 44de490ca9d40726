# Слова области `dashboard`.
