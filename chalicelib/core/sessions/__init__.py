"""The WebSocket API: connections, their subscriptions, and the commands that arrive over them.

Commands of one connection may be handled concurrently and in any order, and `$disconnect` may come late, twice or
never (L8). So each command reads the connection for itself and relies on no earlier command.

May import: all other packages of the core but privacy; and identity.
"""
