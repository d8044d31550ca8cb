"""The page of Home Assistant."""

from django.urls import path

from . import views

urlpatterns = [
    path("homeassistant/", views.homeassistant, name="homeassistant"),
    path("homeassistant/on/", views.turn_on, name="homeassistant_on"),
    path("homeassistant/off/", views.turn_off, name="homeassistant_off"),
    path("homeassistant/unlock/", views.allow_unlock, name="homeassistant_unlock"),
]
