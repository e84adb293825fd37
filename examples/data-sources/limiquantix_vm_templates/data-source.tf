data "limiquantix_vm_templates" "all" {}

output "vm_template_names" {
  value = [for one in data.limiquantix_vm_templates.all.vm_templates : one.name]
}
