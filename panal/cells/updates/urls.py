"""The pages of updates."""

from django.urls import path

from . import views

urlpatterns = [
    path("updates/", views.releases, name="updates"),
    path("updates/keys/", views.release_keys, name="release_keys"),
    path("updates/keys/<int:key_id>/retire/", views.retire_key, name="release_key_retire"),
    path("updates/releases/new/", views.new_release, name="release_new"),
    path("updates/releases/<int:release_id>/", views.release, name="release"),
    path("updates/releases/<int:release_id>/<str:verb>/", views.turn_release, name="release_turn"),
    path("updates/rollouts/new/", views.new_rollout, name="rollout_new"),
    path("updates/rollouts/<uuid:rollout_id>/", views.rollout, name="rollout"),
    path("updates/rollouts/<uuid:rollout_id>/<str:verb>/", views.turn_rollout, name="rollout_turn"),
    path("updates/devices/<str:device_id>/now/", views.update_device, name="device_update_now"),
]
