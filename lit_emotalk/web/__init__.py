"""`lit-emotalk serve`: the web page and the WebSocket.

`server` listens, `app` has the routes, `guard` refuses strangers, `limits` bounds everything; `sessions`
keeps visitors' files apart and removes them, `desk` and `uploads` take them in, `wishes` reads emotions,
`jobs` makes the videos, `streams` and `messages` are the WebSocket (docs/serving.md), `pages/` is what
browsers get.
"""
