resource "limiquantix_network" "lan" {
  name = "lan"
  ipv4 = {
    cidr = "10.42.0.0/24"
    # 10.42.0.100 to 10.42.0.199; the others are given by hand.
    allocation_pools = [provider::limiquantix::cidr_host_range("10.42.0.0/24", 100, 199)]
  }
}
