action "limiquantix_node_disable" "hv1" {
  config {
    id = limiquantix_node.hv1.id
  }
}

# terraform apply -invoke=action.limiquantix_node_disable.hv1
