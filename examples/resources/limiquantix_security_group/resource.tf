resource "limiquantix_address_set" "admins" {
  name      = "security-group-example"
  addresses = ["192.0.2.0/24"]
}

resource "limiquantix_security_group" "web" {
  name = "web"

  rules = {
    http = {
      direction     = "ingress"
      protocol      = "tcp"
      ports         = { first = 80 }
      remote_prefix = "0.0.0.0/0"
    }
    ssh = {
      direction             = "ingress"
      protocol              = "tcp"
      ports                 = { first = 22 }
      remote_address_set_id = limiquantix_address_set.admins.id
    }
    out = { direction = "egress" }
  }
}
