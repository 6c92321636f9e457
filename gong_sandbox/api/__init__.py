"""The HTTP side of the sandbox: a module for each section of the API, and the rules around it."""
