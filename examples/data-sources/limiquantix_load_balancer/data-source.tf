data "limiquantix_load_balancer" "web" {
  name = "web"
}

output "load_balancer_id" {
  value = data.limiquantix_load_balancer.web.id
}
