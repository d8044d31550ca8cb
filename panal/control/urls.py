"""Every address of the control plane: sign-in, the cells' pages, REST."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.i18n import set_language

from panal.cells import cards

from . import views
from .api import api
from .rest import nothing_here

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.overview, name="overview"),
    path("more/", views.more, name="more"),
    path("bench/", views.bench_page, name="bench"),
    path("bench/mail/", views.mailbox_page, name="mailbox"),
    path("bench/<str:device_id>/", views.bench_do, name="bench_do"),
    path("language/", set_language, name="set_language"),
    path("accounts/", include("allauth.urls")),
    *(path("", include(card.urls)) for card in cards() if card.urls),
    path("api/", api.urls),
    re_path("^api/", nothing_here),
]
