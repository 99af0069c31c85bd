"""What is not kept for ever, and what is written of it before it goes."""
