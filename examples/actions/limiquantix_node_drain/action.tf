# Before work on a host: moves what runs there, and keeps new machines off.
action "limiquantix_node_drain" "hv1" {
  config {
    id            = limiquantix_node.hv1.id
    grace_seconds = 300
  }
}

# terraform apply -invoke=action.limiquantix_node_drain.hv1
