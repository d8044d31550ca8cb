"""REST for programs: what every cell brings, under /api/v1/manage/, with /api/openapi.json and /api/docs."""

from panal.cells import cards
from panal.cells.card import load

from .rest import new_api

api = new_api()
for _card in cards():
    if _card.rest:
        api.add_router("/v1/manage", load(_card.rest))
