"""Cases people work on: opened by conditions or by hand, closed only by a person."""
