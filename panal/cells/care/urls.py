"""The pages of care."""

from django.urls import path

from . import views, wearer_views

urlpatterns = [
    path("events/", views.events, name="events"),
    path("events/events.csv", views.events_csv, name="events_csv"),
    path("events/report.pdf", views.report, name="events_report"),
    path("events/statistics/", views.statistics, name="events_statistics"),
    path("events/<uuid:event_id>/", views.event, name="event"),
    path("events/<uuid:event_id>/review/", views.review_event, name="event_review"),
    path("wearers/", wearer_views.wearers, name="wearers"),
    path("wearers/new/", wearer_views.new_wearer, name="wearer_new"),
    path("wearers/<int:wearer_id>/", wearer_views.wearer, name="wearer"),
    path("wearers/<int:wearer_id>/edit/", wearer_views.edit_wearer, name="wearer_edit"),
    path("wearers/<int:wearer_id>/device/", wearer_views.give, name="wearer_give"),
    path("wearers/<int:wearer_id>/data.json", wearer_views.export, name="wearer_export"),
    path("wearers/<int:wearer_id>/delete/", wearer_views.delete_wearer, name="wearer_delete"),
    path("wearings/<int:wearing_id>/end/", wearer_views.take, name="wearing_end"),
]
