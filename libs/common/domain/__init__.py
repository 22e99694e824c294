"""What a domain may import: entities, commands, facts, errors, text and name types, the city profile."""
