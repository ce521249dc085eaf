"""`lit-emotalk real-people`: how our models fare on shards of real people, in one report.

`clips` reads the people, `preparation` what the preparation said, `emotions` and `lips` measure what is read
off faces and voices, `generator` the drawing alone, `chain` everything together; `pictures` draws, `report`
writes, `command` calls them one after the other.
"""
