"""What the data says, in words: for screens, commands and files alike. No drawing."""
