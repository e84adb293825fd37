data "limiquantix_vm_template" "small" {
  name = "small"
}

output "vm_template_id" {
  value = data.limiquantix_vm_template.small.id
}
