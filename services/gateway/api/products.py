"""Products: answers of the catalogue through the response cache."""

from typing import Annotated

from fastapi import Depends, Query, Request, Response

from services.gateway.api.common import ApiUser, api_router, passed_on
from services.gateway.cache import Params, cached_response
from services.gateway.models import Categories, Product, ProductChange, ProductPage
from services.gateway.shop import TheShop
from services.kit.fields import ID_PATTERN, PathId

router = api_router("products")
Ids = Annotated[list[Annotated[str, Query(pattern=ID_PATTERN)]], Query(alias="id", max_length=100)]


def listing(
    ids: Ids = [],  # noqa: B006 - FastAPI copies it
    query: Annotated[str, Query(max_length=100)] = "",
    category: Annotated[str, Query(max_length=50)] = "",
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    page_size: Annotated[int, Query(ge=1, le=100)] = 12,
) -> Params:
    """Return the parameters of a list, in one spelling: it is the key in the cache."""
    params: dict[str, str | int | list[str]] = {"page": page, "page_size": page_size}
    named = {"id": list(dict.fromkeys(ids)), "query": query, "category": category}
    return params | {name: value for name, value in named.items() if value}


@router.get("/products", response_model=ProductPage)
async def products(
    request: Request, shop: TheShop, params: Annotated[Params, Depends(listing)]
) -> Response:
    """Products: by words, by category, or those with the given ids."""
    answer = await shop.responses.get("/products", params)
    return cached_response(request, answer, shop.responses.control)


@router.get("/products/{product_id}", response_model=Product)
async def product(request: Request, shop: TheShop, product_id: PathId) -> Response:
    """One product."""
    answer = await shop.responses.get(f"/products/{product_id}")
    return cached_response(request, answer, shop.responses.control)


@router.get("/categories", response_model=Categories)
async def categories(request: Request, shop: TheShop) -> Response:
    """Categories of products."""
    answer = await shop.responses.get("/categories")
    return cached_response(request, answer, shop.responses.control)


@router.patch("/products/{product_id}", response_model=Product)
async def change(
    product_id: PathId, wanted: ProductChange, user: ApiUser, shop: TheShop
) -> Response:
    """Set a product's price or stock, as an admin; the cache is emptied: it shows at once."""
    fields, path = wanted.model_dump(exclude_unset=True), f"/products/{product_id}"
    try:
        # Not refused here already: the catalogue records who was.
        return passed_on(await shop.catalog.patch(path, json=fields, token=user.token))
    finally:
        await shop.responses.forget()  # also if no answer came: it may be changed all the same
