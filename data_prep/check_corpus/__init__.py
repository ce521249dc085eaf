"""Checks of a made corpus and its shards: is the emotion to be seen and heard, do lips close, is the face
found and read?"""
