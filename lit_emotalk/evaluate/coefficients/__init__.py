"""`lit-emotalk coefficients`: scores of stage eac alone, beside the mean face and the nearest training clip.

No video is rendered. `clips` reads the clips, `methods` predicts, `scores` are the figures of a method,
`report` writes them.
"""
