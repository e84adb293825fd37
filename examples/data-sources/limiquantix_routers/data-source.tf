data "limiquantix_routers" "all" {}

output "router_names" {
  value = [for one in data.limiquantix_routers.all.routers : one.name]
}
