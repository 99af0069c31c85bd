"""Letters nobody sees, for whoever shows text."""

from agent.inventory.unseen import UNSEEN as UNSEEN
