"""Records in: one writer, group commit, newest state. It judges nothing."""
