"""Names of the services on offer: well-known ones first, then material to make up the rest."""

# Display name of each; the api_name is the same in lower case with blanks as underscores.
WELL_KNOWN = """
Whatsapp, Telegram, Google, Instagram/Threads, Discord, Openai, Facebook, Twitter, Tiktok, Tinder,
Microsoft, Amazon, Apple, Paypal, Uber, Lyft, Viber, Wechat, Claude, Reddit, Yahoo, Aol,
Protonmail, Signal, Steam, Coinbase, Venmo, Chime, Robinhood, Doordash, Craigslist, Offerup,
Nextdoor, Bumble, Hinge, Badoo, Match, Okcupid, Plentyoffish, Line, Kakaotalk, Skype, Spotify,
Twitch, Roblox, Epicgames, Blizzard, Fiverr, Upwork, Shopify, Walmart, Mercari, Poshmark, Depop,
Whatnot, Vinted, Stripe, Wise, Revolut, Payoneer, Skrill, Affirm, Klarna, Nike, Adidas, Mcdonalds,
Starbucks, Ticketmaster, Gofundme, Indeed, Googlevoice, Temu, Shein, Alibaba, Aliexpress, Naver,
Snapchat, Netflix, Ebay, Airbnb, Linkedin, Bolt, Vercel, Zoho, Twilio, Grindr, Gmail, Youtube,
Outlook, Hotmail, Other
"""

FIRST_HALVES = """
Acorn, Amber, Apex, Aspen, Atlas, Beacon, Birch, Blue, Bright, Cedar, Clover, Coral, Delta, Echo,
Ember, Falcon, Fern, Gold, Harbor, Hazel, Indigo, Iron, Jade, Juniper, Kite, Lark, Lumen, Maple,
Meadow, Nova, Oak, Onyx, Opal, Orbit, Pebble, Pine, Quartz, Raven, River, Sage, Silver, Slate,
Solar, Stone, Swift, Tidal, Umber, Velvet, Willow, Zephyr
"""

SECOND_HALVES = """
Bank, Cart, Cash, Chat, Date, Deals, Drive, Eats, Games, Jobs, Mail, Market, Pay, Rides, Social,
Stays
"""


def split(names: str) -> list[str]:
    """The names of one of the comma-separated lists above."""
    return [name.strip() for name in names.replace("\n", " ").split(",")]
