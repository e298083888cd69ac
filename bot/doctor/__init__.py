"""`doctor`: what keeps this installation from working, in plain words, with the menu path that mends it.

One module of `checks/` a group, found by its place. A new check is one function there with `@check("名称")`.
"""
