# A node comes to be when its agent joins; declare it to set what the agent can't know.
resource "limiquantix_node" "rack2" {
  name   = "rack2-host1"
  labels = { rack = "2" }

  # Takes no new virtual machines; those that it has stay.
  schedulable = false

  cpu_overcommit_ratio = 4
  reserved_memory_mib  = 2048
}
