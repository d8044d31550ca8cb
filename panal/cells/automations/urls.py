"""The pages of automations."""

from django.urls import path

from . import views

urlpatterns = [
    path("automations/", views.automations, name="automations"),
    path("automations/new/", views.new, name="automation_new"),
    path("automations/<int:automation_id>/", views.automation, name="automation"),
    path("automations/<int:automation_id>/edit/", views.edit, name="automation_edit"),
    path("automations/<int:automation_id>/dry/", views.dry, name="automation_dry"),
    path("automations/<int:automation_id>/turn/", views.turn, name="automation_turn"),
    path("automations/<int:automation_id>/run/", views.run, name="automation_run"),
    path("automations/doors/<str:device_id>/camera/", views.door_camera, name="door_camera"),
    path("automations/<int:automation_id>/delete/", views.delete, name="automation_delete"),
]
