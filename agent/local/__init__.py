"""What the people at this PC may read and leave while the server is away: files in a folder, and no socket."""
