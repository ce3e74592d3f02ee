"""A model's Markdown as safe rich text: parsing, highlighting, documents, links."""
