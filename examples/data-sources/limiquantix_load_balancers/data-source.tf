data "limiquantix_load_balancers" "all" {}

output "load_balancer_names" {
  value = [for one in data.limiquantix_load_balancers.all.load_balancers : one.name]
}
