"""The pages of wifi."""

from django.urls import path

from . import views

urlpatterns = [
    path("wifi/", views.changes, name="wifi"),
    path("wifi/new/", views.new, name="wifi_new"),
    path("wifi/<uuid:change_id>/", views.change, name="wifi_change"),
    path("wifi/<uuid:change_id>/retry/", views.retry, name="wifi_retry"),
    path("wifi/<uuid:change_id>/cancel/", views.cancel, name="wifi_cancel"),
]
