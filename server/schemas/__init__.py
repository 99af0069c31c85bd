"""What the server says to people's programs. A door: `tui` knows the server by the modules of this folder.

Times are UTC µs. Texts that come from devices or people are data: never markup.
"""
