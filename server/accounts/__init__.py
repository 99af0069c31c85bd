"""People, roles and their scope of branches."""
