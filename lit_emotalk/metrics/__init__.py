"""The paper's metrics and a few more, one per file: a function, and a torchmetrics Metric over it.

A function takes one clip (or a batch of pictures) and returns one number per frame or picture; the Metric
sums clips' means, so that its value does not depend on batches or processes. Every Metric declares its
`PROTOCOL`.
"""
