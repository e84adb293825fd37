# Lets new machines onto a node again, once its firmware is new.
action "limiquantix_node_enable" "hv1" {
  config {
    id = limiquantix_node.hv1.id
  }
}

# terraform apply -invoke=action.limiquantix_node_enable.hv1
