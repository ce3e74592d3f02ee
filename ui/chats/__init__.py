"""The user's chats: what they are, where they are kept, and how an answer comes in."""
