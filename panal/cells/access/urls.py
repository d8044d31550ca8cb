"""The pages of doors."""

from django.urls import path

from . import views

urlpatterns = [
    path("doors/", views.doors, name="doors"),
    path("doors/alarms/", views.alarms, name="door_alarms"),
    path("doors/alarms/acknowledge/", views.acknowledge, name="door_alarms_acknowledge"),
    path("doors/people/", views.holders, name="holders"),
    path("doors/people/new/", views.new_holder, name="holder_new"),
    path("doors/people/<int:holder_id>/", views.holder, name="holder"),
    path("doors/people/<int:holder_id>/delete/", views.delete_holder, name="holder_delete"),
    path("doors/people/<int:holder_id>/code/", views.add_code, name="holder_add_code"),
    path("doors/people/<int:holder_id>/card/", views.add_card, name="holder_add_card"),
    path("doors/people/<int:holder_id>/enrol/", views.enrol, name="holder_enrol"),
    path("doors/credentials/<int:credential_id>/delete/", views.delete_credential, name="credential_delete"),
    path("doors/enrolments/<int:enrolment_id>/", views.enrolment, name="enrolment"),
    path("doors/schedules/", views.schedules, name="schedules"),
    path("doors/schedules/new/", views.new_schedule, name="schedule_new"),
    path("doors/schedules/<int:schedule_id>/", views.schedule, name="schedule"),
    path("doors/schedules/<int:schedule_id>/delete/", views.delete_schedule, name="schedule_delete"),
    path("doors/<str:device_id>/", views.door, name="door"),
    path("doors/<str:device_id>/unlock/", views.unlock, name="door_unlock"),
    path("doors/<str:device_id>/events.csv", views.events_csv, name="door_events_csv"),
    path("doors/<str:device_id>/settings/", views.settings, name="door_settings"),
]
