"""Images as they come, turned into what the rest works on."""
