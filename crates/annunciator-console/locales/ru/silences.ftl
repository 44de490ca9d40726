# Слова области `silences`.
