"""Model output, piece by piece, into content, thoughts and tool calls (design 5). Pure."""
