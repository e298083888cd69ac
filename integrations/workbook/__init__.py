"""Excel files of the books, written in constant memory."""
