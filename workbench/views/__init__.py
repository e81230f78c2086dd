"""One picture a file, drawn purely, bound to what a person is looking at."""
