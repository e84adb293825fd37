# Spans the nodes labelled disk=ssd; without node_labels and node_ids it would span all.
resource "limiquantix_storage_pool" "local" {
  name        = "local-ssd"
  description = "Volumes as qcow2 files on the nodes' own disks."
  directory   = { path = "/var/lib/limiquantix/pools/local-ssd" }
  node_labels = { disk = "ssd" }
}
