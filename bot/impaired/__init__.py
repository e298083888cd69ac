"""One module for each part that can be impaired, found by its place: LOOK (bot/impairment.py) says what is wrong."""
