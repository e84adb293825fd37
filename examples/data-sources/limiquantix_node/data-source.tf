data "limiquantix_node" "rack2" {
  name = "rack2-host1"
}

output "takes_new_vms" {
  value = data.limiquantix_node.rack2.schedulable
}
