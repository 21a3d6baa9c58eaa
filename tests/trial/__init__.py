"""The trial of docs/architecture.md: what a newcomer adds is one new file and one line."""
