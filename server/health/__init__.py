"""From records to conditions: a follower with a durable cursor, rules as data, state in rows."""
