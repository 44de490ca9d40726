# Слова области `settings`.
