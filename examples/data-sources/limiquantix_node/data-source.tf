data "limiquantix_node" "rack2" {
  name = "rack2-host1"
}

output "free_for_vms_mib" {
  value = try(
    data.limiquantix_node.rack2.status.memory.total_mib
    -data.limiquantix_node.rack2.status.allocation.memory_mib,
    null # No agent has joined yet.
  )
}
