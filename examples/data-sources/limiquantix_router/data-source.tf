data "limiquantix_router" "core" {
  name = "core"
}

output "router_id" {
  value = data.limiquantix_router.core.id
}
