# Слова области `certificates`.
