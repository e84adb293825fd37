action "limiquantix_image_export" "debian" {
  config {
    id      = limiquantix_image.debian.id
    node_id = data.limiquantix_node.hv2.id
    path    = "/var/lib/exports/debian.qcow2"
    format  = "qcow2"
  }
}

# terraform apply -invoke=action.limiquantix_image_export.debian
