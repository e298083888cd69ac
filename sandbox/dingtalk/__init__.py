"""A local DingTalk: both API generations, the Stream gateway, cards, groups and chat windows."""
