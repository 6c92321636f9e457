"""What the records hold: one module for each section of the API's document.

Field names are Gong's own. Ids are strings even where the document says int64, every field may be
null or absent, enums are open, and instants keep the text that Gong sends (the company's offset
included).
"""
