"""Files from outside: tables as people export them, and folders that other systems put files into."""
