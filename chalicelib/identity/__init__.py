"""Who somebody is: credentials are read, tokens verified, signing keys kept."""
