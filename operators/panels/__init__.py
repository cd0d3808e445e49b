"""The panels of the App, and the cards that they are made of."""
