"""How the server itself does: for supervisors, balancers and Prometheus. Of the bank it says figures only."""
