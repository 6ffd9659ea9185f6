"""What a study says that makes no trial: where its trials are shown; and what editors are told of all that it may say."""
