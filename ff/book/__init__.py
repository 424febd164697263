"""What a page of the book shows: figures, tables and sentences, made from records."""
