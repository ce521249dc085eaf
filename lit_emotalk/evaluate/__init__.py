"""`lit-emotalk evaluate`: one row of every metric per clip, for any folder of videos or for our models.

`command` reads the arguments, `folders` and `shards` find and load what is scored, `generate` makes our
videos, `reads` looks at a video once for all metrics, `scoring` computes a clip's numbers, `tasks` does all
of it for one clip, `loop` for all of them, `store` keeps the rows, `columns` says what their numbers are.
"""
