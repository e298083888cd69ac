"""The server: settings, composition root, HTTP app, inbox, dispatch, delivery, command line."""
