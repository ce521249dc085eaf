"""`lit-emotalk study`: a blinded user study of talking-face videos, from a YAML file to the ratings of a
table.

`spec` reads the YAML, `videos` copies videos without a trace of where they come from, `plan` draws every
rater's order, `build` writes the study's folder, `store` keeps the ratings, `app` serves the pages,
`agreement` and `results` make the CSV for `lit-emotalk tables`.
"""
