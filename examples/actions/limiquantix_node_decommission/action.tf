action "limiquantix_node_decommission" "hv1" {
  config {
    id            = limiquantix_node.hv1.id
    grace_seconds = 300
  }
}

# terraform apply -invoke=action.limiquantix_node_decommission.hv1
