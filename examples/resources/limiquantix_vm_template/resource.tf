resource "limiquantix_vm_template" "small" {
  name = "small"

  vm = {
    cpu    = { cores = 1 }
    memory = { size_mib = 1024 }

    provisioning = {
      cloud_init = {
        user_data = <<-EOT
          #cloud-config
          hostname: {{param.hostname}}
        EOT
      }
    }
  }

  parameters = {
    hostname = {
      about           = "What the guest calls itself."
      allowed_pattern = "^[a-z][a-z0-9-]*$"
    }
  }
}

# A machine takes the template as it is now; later changes of the template don't reach it.
resource "limiquantix_vm" "small" {
  name = "from-template"

  source = {
    template_id = limiquantix_vm_template.small.id
    parameters  = { hostname = "alpha" }
  }

  memory = { size_mib = 512 }
}
