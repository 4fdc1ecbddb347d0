"""What `make package` makes: the bundle, the template, and how both come about."""
