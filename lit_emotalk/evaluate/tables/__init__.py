"""`lit-emotalk tables`: the paper's tables from results, beside the paper's own numbers.

`spec` reads what a table holds, `statistics` the means and intervals, `build` the cells and notes of results,
`ratings` those of a user study, `write` the formats.
"""
