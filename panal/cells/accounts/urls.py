"""The pages of accounts."""

from django.urls import path

from . import views

urlpatterns = [
    path("people/", views.people, name="people"),
    path("people/<int:membership_id>/role/", views.change_role, name="change_role"),
    path("people/<int:membership_id>/remove/", views.remove_member, name="remove_member"),
    path("tokens/", views.tokens, name="tokens"),
    path("tokens/<int:token_id>/revoke/", views.revoke_token, name="revoke_token"),
    path("audit/", views.audit, name="audit"),
    path("audit.csv", views.audit_csv, name="audit_csv"),
    path("me/", views.me, name="me"),
    path("account/", views.account, name="account"),
    path("account/switch/", views.switch_account, name="switch_account"),
    path("staff/accounts/", views.accounts, name="accounts"),
]
