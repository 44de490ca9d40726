# Слова области `definitions`.
