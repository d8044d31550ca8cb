"""The pages of lights."""

from django.urls import path

from . import older_views, views

urlpatterns = [
    path("lights/", views.lights, name="lights"),
    path("lights/off/", views.all_off, name="lights_off"),
    path("lights/add/", views.add_light, name="light_add"),
    path("lights/rooms/new/", views.add_room, name="light_room_new"),
    path("lights/rooms/<str:room_id>/", views.room, name="light_room"),
    path("lights/rooms/<int:room_id>/rename/", views.rename_room, name="light_room_rename"),
    path("lights/rooms/<int:room_id>/delete/", views.delete_room, name="light_room_delete"),
    path("lights/scenes/", views.scenes, name="scenes"),
    path("lights/scenes/new/", views.new_scene, name="scene_new"),
    path("lights/scenes/<int:scene_id>/", views.scene, name="scene"),
    path("lights/scenes/<int:scene_id>/run/", views.run_scene, name="scene_run"),
    path("lights/scenes/<int:scene_id>/capture/", views.capture_scene, name="scene_capture"),
    path("lights/scenes/<int:scene_id>/delete/", views.delete_scene, name="scene_delete"),
    path("lights/schedules/", views.schedules, name="light_schedules"),
    path("lights/schedules/new/", views.new_schedule, name="light_schedule_new"),
    path("lights/schedules/<int:schedule_id>/", views.schedule, name="light_schedule"),
    path("lights/schedules/<int:schedule_id>/delete/", views.delete_schedule, name="light_schedule_delete"),
    path("lights/history/", views.history, name="light_history"),
    path("lights/home/", views.home, name="light_home"),
    path("lights/state/", views.home_state, name="home_state"),
    path("lights/older/", older_views.boards, name="older_boards"),
    path("lights/older/new/", older_views.new_board, name="older_new"),
    path("lights/older/interval/", older_views.set_interval, name="older_interval"),
    path("lights/older/<str:device_id>/", older_views.board, name="older_board"),
    path("lights/older/<str:device_id>/move/", older_views.move_board, name="older_move"),
    path("lights/older/<str:device_id>/remove/", older_views.remove_board, name="older_remove"),
    path("lights/older/<str:device_id>/lights/", older_views.add_light, name="older_light_add"),
    path(
        "lights/older/<str:device_id>/lights/<int:channel>/remove/", older_views.remove_light, name="older_light_remove"
    ),
    path("lights/older/<str:device_id>/push/", older_views.push, name="older_push"),
    path("lights/<int:light_id>/", views.light, name="light"),
    path("lights/<int:light_id>/switch/", views.switch, name="light_switch"),
    path("lights/<int:light_id>/change/", views.change_light, name="light_change"),
    path("lights/<int:light_id>/wiring/", views.change_channel, name="light_wiring"),
    path("lights/<int:light_id>/remove/", views.remove_light, name="light_remove"),
]
