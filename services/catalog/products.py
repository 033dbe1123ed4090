"""Reading products, mostly from the cache."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import ColumnElement, func, select

from services.catalog.model import CURRENCY, Product
from services.catalog.settings import Settings
from services.kit.cache import Cache, SharedCache
from services.kit.database import Database

JsonObject = dict[str, Any]
SHOWN = ("id", "name", "description", "category", "price_cents", "stock", "emoji")


class Products:
    """The products of the shop, as they are shown.

    What comes from the cache is at most `cache_ttl_seconds + cache_stale_seconds` old. Look-ups
    by ids and everything that decides about stock read the database.

    Args:
        db: the catalog's database.
        settings: how long to keep what was read.
        shared: cache level that replicas share, if any.
    """

    def __init__(self, db: Database, settings: Settings, shared: SharedCache | None) -> None:
        self._db = db
        # One cache for all reads: a change of a product makes every list it may be in void.
        self._cache: Cache[Any] = Cache(
            "catalog_products",
            ttl=settings.cache_ttl_seconds,
            stale=settings.cache_stale_seconds,
            max_entries=2000,
            shared=shared,
        )

    async def page(
        self, query: str, category: str, page: int, page_size: int
    ) -> tuple[JsonObject, float]:
        """One page of the products that match, and how many match in all; its age in seconds."""
        words = sorted(set(query.casefold().split()))

        async def load() -> JsonObject:
            return await self._load_page(words, category, page, page_size)

        key = orjson.dumps(["page", words, category, page, page_size]).decode()
        return await self._cache.aged(key, load)

    async def one(self, product_id: str) -> tuple[JsonObject | None, float]:
        """A product, or None, and the age of that in seconds."""

        async def load() -> JsonObject | None:
            return next(iter(await self.by_ids([product_id])), None)

        return await self._cache.aged(f"one:{product_id}", load)

    async def categories(self) -> tuple[list[str], float]:
        """The names of all categories, and the age of that in seconds."""

        async def load() -> list[str]:
            async with self._db.read() as session:
                names = select(Product.category).distinct().order_by(Product.category)
                return list(await session.scalars(names))

        return await self._cache.aged("categories", load)

    async def by_ids(self, ids: Sequence[str]) -> list[JsonObject]:
        """The products of these ids as they are now, in the order asked; unknown ones left out."""
        async with self._db.read() as session:
            rows = await session.scalars(select(Product).where(Product.id.in_(ids)))
            found = {row.id: _shown(row) for row in rows}
        return [found[one] for one in dict.fromkeys(ids) if one in found]

    async def change(
        self, product_id: str, changes: dict[str, int]
    ) -> tuple[JsonObject, JsonObject] | None:
        """Set price or stock and make what caches hold void.

        Returns:
            The product before and after; None if there is none.
        """
        async with self._db.session() as session:
            row = await session.get(Product, product_id, with_for_update=True)
            if row is None:
                return None
            before = _shown(row)
            for name, value in changes.items():
                setattr(row, name, value)
            after = _shown(row)
        await self._cache.invalidate()
        return before, after

    async def _load_page(
        self, words: list[str], category: str, page: int, page_size: int
    ) -> JsonObject:
        matching: list[ColumnElement[bool]] = [
            Product.search.contains(word, autoescape=True) for word in words
        ]
        if category:
            matching.append(Product.category == category)
        rows = select(Product).where(*matching).order_by(Product.name, Product.id)
        async with self._db.read() as session:
            total = await session.scalar(select(func.count()).select_from(Product).where(*matching))
            found = await session.scalars(rows.offset((page - 1) * page_size).limit(page_size))
            items = [_shown(row) for row in found]
        return {"items": items, "total": total or 0, "page": page, "page_size": page_size}


def _shown(product: Product) -> JsonObject:
    return {**{name: getattr(product, name) for name in SHOWN}, "currency": CURRENCY}
