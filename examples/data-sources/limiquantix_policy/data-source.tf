data "limiquantix_policy" "small_machines" {
  name = "small-machines"
}

output "policy_id" {
  value = data.limiquantix_policy.small_machines.id
}
