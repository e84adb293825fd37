data "limiquantix_policies" "all" {}

output "policy_names" {
  value = [for one in data.limiquantix_policies.all.policies : one.name]
}
