data "limiquantix_nodes" "all" {}

output "processors" {
  value = {
    for node in data.limiquantix_nodes.all.nodes : node.name => try(node.status.cpu.total, 0)
  }
}
