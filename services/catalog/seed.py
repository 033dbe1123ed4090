"""The products of a new shop."""

from typing import NamedTuple

from sqlalchemy import func, select

from services.catalog.model import Product
from services.kit.database import Database


class Seed(NamedTuple):
    """One product to begin with; the price in cents."""

    id: str
    emoji: str
    name: str
    category: str
    price_cents: int
    stock: int
    description: str


SEEDS = [
    Seed("enamel-mug", "☕", "Enamel mug", "Kitchen", 1290, 20_000,
         "White enamel with a blue rim; holds 350 ml and survives being dropped."),
    Seed("cast-iron-pan", "🍳", "Cast-iron pan", "Kitchen", 4490, 8_000,
         "26 cm, seasoned with linseed oil. Heavy, slow to warm, good for a lifetime."),
    Seed("chef-knife", "🔪", "Chef's knife", "Kitchen", 6900, 6_000,
         "20 cm of carbon steel with a walnut handle. Keeps an edge, wants to be dried."),
    Seed("honey-jar", "🍯", "Heather honey", "Kitchen", 890, 15_000,
         "500 g from hives on the moor; dark, almost bitter, sets firm in winter."),
    Seed("tea-pot", "🫖", "Stoneware teapot", "Kitchen", 3850, 7_000,
         "Holds four cups and does not drip, which took the potter eleven attempts."),
    Seed("salt-cellar", "🧂", "Olive-wood salt cellar", "Kitchen", 1650, 9_000,
         "A swivel lid with a magnet, and room for 100 g of flaky salt."),
    Seed("desk-lamp", "💡", "Jointed desk lamp", "Desk", 7900, 6_000,
         "Three springs, two joints and a warm dimmable bulb. Stays where it is put."),
    Seed("fountain-pen", "🖋️", "Fountain pen", "Desk", 3200, 9_000,
         "Steel nib in medium; fills by a piston and writes on the first stroke."),
    Seed("dot-notebook", "📓", "Dotted notebook", "Desk", 1150, 25_000,
         "160 numbered pages that lie flat, with thread binding and two ribbons."),
    Seed("brass-ruler", "📏", "Brass ruler", "Desk", 1800, 10_000,
         "30 cm, engraved not printed. The inches are on the back, out of the way."),
    Seed("cork-board", "📌", "Cork board", "Desk", 2450, 8_000,
         "60 by 40 cm in an oak frame, with twelve pins that hold more than one sheet."),
    Seed("paper-clips", "📎", "Box of paper clips", "Desk", 390, 50_000,
         "One hundred clips of copper-plated wire. You will lose ninety of them."),
    Seed("trail-backpack", "🎒", "Trail backpack", "Outdoors", 8900, 6_000,
         "28 litres of waxed canvas with a frame, a rain cover and a loop for an axe."),
    Seed("dome-tent", "⛺", "Two-person tent", "Outdoors", 19900, 5_000,
         "2.1 kg, stands on its own, and is up before the rain has made up its mind."),
    Seed("head-torch", "🔦", "Head torch", "Outdoors", 2990, 10_000,
         "300 lumens, a red light for night eyes, and a switch that works with gloves."),
    Seed("compass", "🧭", "Baseplate compass", "Outdoors", 2150, 9_000,
         "Oil-filled, with a mirror for sighting and scales for two kinds of map."),
    Seed("wool-blanket", "🧶", "Wool blanket", "Outdoors", 6450, 7_000,
         "130 by 180 cm of undyed wool: warm when wet, and smells of sheep until spring."),
    Seed("steel-flask", "🧴", "Steel flask", "Outdoors", 2690, 12_000,
         "750 ml; soup is hot after a day and ice is ice after two."),
    Seed("hiking-boots", "🥾", "Hiking boots", "Clothing", 14900, 6_000,
         "Full-grain leather with soles that can be replaced. Break them in slowly."),
    Seed("rain-jacket", "🧥", "Rain jacket", "Clothing", 11900, 6_000,
         "Three layers, taped seams, and pockets that a hip belt does not cover."),
    Seed("merino-socks", "🧦", "Merino socks", "Clothing", 1690, 20_000,
         "A pair in forest green; cushioned heel, no seam at the toes."),
    Seed("wool-scarf", "🧣", "Lambswool scarf", "Clothing", 3400, 9_000,
         "Woven on a loom older than the weaver. Two metres, fringed, soft."),
    Seed("sun-hat", "👒", "Straw sun hat", "Clothing", 2900, 8_000,
         "Wide brim, plaited by hand, can be rolled up once but not twice."),
    Seed("work-gloves", "🧤", "Work gloves", "Clothing", 1990, 12_000,
         "Goatskin palms and a cotton back; thin enough to pick up a nail."),
    Seed("chess-set", "♟️", "Chess set", "Play", 5900, 6_000,
         "Weighted pieces of boxwood and a folding board; the knights look cross."),
    Seed("kite", "🪁", "Delta kite", "Play", 2490, 9_000,
         "Ripstop nylon, 1.4 m across, flies in a wind that barely moves leaves."),
    Seed("yo-yo", "🪀", "Maple yo-yo", "Play", 1450, 12_000,
         "Turned from one piece of maple, with a ball bearing and three spare strings."),
    Seed("puzzle-harbour", "🧩", "Harbour puzzle", "Play", 2790, 8_000,
         "1,000 pieces of a harbour at dusk. Two thirds of it are water."),
    Seed("harmonica", "🪗", "Harmonica in C", "Play", 3690, 7_000,
         "Ten holes, twenty reeds, and a pear-wood comb. Neighbours not included."),
    Seed("playing-cards", "🃏", "Playing cards", "Play", 950, 25_000,
         "Linen finish, large indices, and jokers drawn by someone with a grudge."),
    Seed("monstera", "🪴", "Monstera plant", "Garden", 3490, 6_000,
         "In a clay pot, some 60 cm tall. Wants light, water on Sundays and praise."),
    Seed("watering-can", "🚿", "Zinc watering can", "Garden", 2950, 8_000,
         "Five litres with a brass rose; balanced so that it pours without a wrist."),
    Seed("tulip-bulbs", "🌷", "Tulip bulbs", "Garden", 1250, 18_000,
         "Twenty-five bulbs of mixed colours. Plant in autumn, forget, be surprised."),
    Seed("pruning-shears", "✂️", "Pruning shears", "Garden", 3950, 7_000,
         "Forged bypass blades, a sap groove, and a spring that can be bought alone."),
    Seed("bird-house", "🏠", "Bird house", "Garden", 2750, 7_000,
         "Larch, unpainted, with a 32 mm door: tits move in, sparrows complain."),
    Seed("hand-bell", "🔔", "Brass hand bell", "Garden", 4200, 6_000,
         "Cast, not pressed. Heard at the far end of the garden when supper is ready."),
]  # fmt: skip


async def seed(db: Database) -> int:
    """Fill an empty catalog; returns how many products were added. Replicas may do it at once."""
    async with db.session() as session:
        if await session.scalar(select(func.count()).select_from(Product)):
            return 0
        rows = [{**one._asdict(), "search": searchable(one)} for one in SEEDS]
        await session.execute(
            db.insert(Product).on_conflict_do_nothing(index_elements=["id"]), rows
        )
    return len(rows)


def searchable(product: Seed) -> str:
    """The text that searches look through."""
    return f"{product.name} {product.description} {product.category}".casefold()
