"""Orders: what the server has this agent do, once each, and told at its end. Received, kept, run; one file a step."""
