action "limiquantix_volume_snapshot_restore" "nightly" {
  config {
    id = limiquantix_volume_snapshot.nightly.id
  }
}

# terraform apply -invoke=action.limiquantix_volume_snapshot_restore.nightly
