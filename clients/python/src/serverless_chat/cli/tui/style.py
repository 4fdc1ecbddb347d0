"""How the terminal interface looks."""

EMOJI = ("👍", "❤️", "😂", "🎉", "😮", "😢")
STYLE = """
#list { width: 32; border-right: solid $panel; }
#list.-empty { display: none; }
MessageList { height: 1fr; }
MessageItem { height: auto; padding: 0 1; }
#state { height: 1; color: $text-muted; padding: 0 1; }
#composer { height: auto; max-height: 8; border-top: solid $panel; }
.-narrow #list { display: none; }
.-narrow.-listing #list { display: block; width: 1fr; border: none; }
.-narrow.-listing #room { display: none; }
"""
