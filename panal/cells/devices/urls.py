"""The pages of devices."""

from django.urls import path

from . import claim_views, factory_views, views

urlpatterns = [
    path("devices/", views.devices, name="devices"),
    path("fleet/", views.fleet_page, name="fleet"),
    path("devices/bulk/", views.place_devices, name="devices_bulk"),
    path("devices/<str:device_id>/", views.device, name="device"),
    path("devices/<str:device_id>/change/", views.change_device, name="device_change"),
    path("devices/<str:device_id>/desired/", views.change_desired, name="device_desired"),
    path("devices/<str:device_id>/commands/", views.queue_command, name="command_send"),
    path("devices/<str:device_id>/rotate/", views.rotate_token, name="device_rotate"),
    path("devices/<str:device_id>/revoke/", views.revoke_device, name="device_revoke"),
    path("devices/<str:device_id>/release/", claim_views.release_device, name="device_release"),
    path("devices/<str:device_id>/hand-over/", claim_views.hand_over_device, name="device_hand_over"),
    path("devices/<str:device_id>/claim-code/", claim_views.make_claim_code, name="device_claim_code"),
    path("devices/<str:device_id>/move/", claim_views.move_device, name="device_move"),
    path("claim/", claim_views.claim, name="claim"),
    path("claim/<str:device_id>", claim_views.claim_scanned, name="claim_scanned"),
    path("staff/batches/", factory_views.batches, name="batches"),
    path("staff/batches/new/", factory_views.mint, name="mint"),
    path("staff/batches/<int:batch_id>/", factory_views.batch, name="batch"),
    path("commands/<uuid:command_id>/cancel/", views.cancel_command, name="command_cancel"),
    path("sectors/", views.sectors, name="sectors"),
    path("sectors/<int:place_id>/rename/", views.rename_sector, name="sector_rename"),
    path("sectors/<int:place_id>/delete/", views.delete_sector, name="sector_delete"),
    path("groups/", views.groups, name="groups"),
    path("groups/<int:place_id>/rename/", views.rename_group, name="group_rename"),
    path("groups/<int:place_id>/delete/", views.delete_group, name="group_delete"),
]
