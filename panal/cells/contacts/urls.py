"""The pages of alerts and contacts, the public form, and what a phone needs to be told."""

from django.urls import path

from . import inbox_views, views

urlpatterns = [
    path("alerts/", views.alerts, name="alerts"),
    path("alerts/policies/", views.policy_list, name="alert_policies"),
    path("alerts/policies/new/", views.new_policy, name="alert_policy_new"),
    path("alerts/policies/<int:policy_id>/", views.policy, name="alert_policy"),
    path("alerts/policies/<int:policy_id>/delete/", views.delete_policy, name="alert_policy_delete"),
    path("alerts/know/<str:text>/", views.know, name="alert_know"),
    path("alerts/push/", views.push_subscription, name="push"),
    path("alerts/<uuid:alert_id>/", views.alert, name="alert"),
    path("alerts/<uuid:alert_id>/acknowledge/", views.acknowledge, name="alert_acknowledge"),
    path("alerts/<uuid:alert_id>/clear/", views.clear, name="alert_clear"),
    path("alerts/<uuid:alert_id>/comment/", views.comment, name="alert_comment"),
    path("contacts/", views.contacts, name="contacts"),
    path("contacts/new/", views.new_contact, name="contact_new"),
    path("contacts/me/", views.my_contact, name="contact_me"),
    path("contacts/teams/new/", views.new_team, name="team_new"),
    path("contacts/teams/<int:team_id>/", views.team, name="team"),
    path("contacts/teams/<int:team_id>/delete/", views.delete_team, name="team_delete"),
    path("contacts/<int:contact_id>/", views.contact, name="contact"),
    path("contacts/<int:contact_id>/delete/", views.delete_contact, name="contact_delete"),
    path("contacts/<int:contact_id>/<slug:kind>/", views.add_channel, name="channel_add"),
    path("channels/<uuid:channel_id>/test/", views.test_channel, name="channel_test"),
    path("channels/<uuid:channel_id>/change/", views.change_channel, name="channel_change"),
    path("channels/<uuid:channel_id>/delete/", views.delete_channel, name="channel_delete"),
    path("worker.js", views.worker, name="worker"),
    path("contact/", inbox_views.public_form, name="contact_form"),
    path("contact/thanks/", inbox_views.thanks, name="contact_thanks"),
    path("inbox/", inbox_views.inbox, name="inbox"),
    path("inbox/<int:inquiry_id>/", inbox_views.inquiry, name="inquiry"),
    path("inbox/<int:inquiry_id>/sort/", inbox_views.sort, name="inquiry_sort"),
]
