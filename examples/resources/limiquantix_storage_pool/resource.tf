# Spans all nodes, those that join later as well. To take only some, give node_ids or labels:
#   node_labels = { disk = "ssd" }
resource "limiquantix_storage_pool" "local" {
  name        = "local-disks"
  description = "Volumes as files on the nodes' own disks."
  directory   = { path = "/var/lib/limiquantix/pools/local-disks" }
}
