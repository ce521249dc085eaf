"""The site: Markdown pages, and what fills them from the code (`generate`)."""
