"""The pages of cameras. The data plane answers /cameras/<id>/live, /mjpeg and /snapshot.jpg."""

from django.urls import path

from . import views

urlpatterns = [
    path("cameras/", views.wall, name="cameras"),
    path("cameras/<str:device_id>/", views.camera, name="camera"),
    path("cameras/<str:device_id>/command/", views.command, name="camera_command"),
    path("cameras/<str:device_id>/do/", views.operate, name="camera_do"),
    path("cameras/<str:device_id>/gallery/", views.gallery, name="camera_gallery"),
    path("cameras/<str:device_id>/gallery/change/", views.change_images, name="camera_images_change"),
    path("cameras/<str:device_id>/images/<int:image_id>.jpg", views.image, name="camera_image"),
    path("cameras/<str:device_id>/images/<int:image_id>/small.jpg", views.small_image, name="camera_small_image"),
    path("cameras/<str:device_id>/timeline/", views.timeline, name="camera_timeline"),
    path("cameras/<str:device_id>/timeline/change/", views.change_clips, name="camera_clips_change"),
    path("cameras/<str:device_id>/clips.json", views.playlist, name="camera_playlist"),
    path("cameras/<str:device_id>/clips/<int:clip_id>.mp4", views.clip, name="camera_clip"),
    path("cameras/<str:device_id>/films/", views.request_film, name="camera_films"),
    path("cameras/<str:device_id>/films/<uuid:job_id>.mp4", views.film, name="camera_film"),
    path("cameras/<str:device_id>/films/<uuid:job_id>/delete/", views.delete_film, name="camera_film_delete"),
    path("cameras/<str:device_id>/settings/", views.settings_page, name="camera_settings"),
]
