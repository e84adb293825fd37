data "limiquantix_volumes" "all" {
  project_id = "default"
}

output "unused" {
  value = [
    for volume in data.limiquantix_volumes.all.volumes :
    volume.name if volume.status.phase != "in_use"
  ]
}
