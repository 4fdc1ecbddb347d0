"""The web page as it is served: its security headers and its cache rules, the same locally and deployed."""
