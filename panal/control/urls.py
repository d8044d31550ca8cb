"""Every address of the control plane: sign-in, the cells' pages."""

from django.urls import URLPattern, URLResolver, include, path

from panal.cells import cards

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("allauth.urls")),
    *(path("", include(card.urls)) for card in cards() if card.urls),
]
