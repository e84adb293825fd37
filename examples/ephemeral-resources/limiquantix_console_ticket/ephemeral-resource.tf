resource "limiquantix_vm" "web" {
  name   = "web-with-console"
  cpu    = { cores = 1 }
  memory = { size_mib = 512 }
}

ephemeral "limiquantix_console_ticket" "web" {
  id   = limiquantix_vm.web.id
  kind = "serial"
}

# Whoever connects to a console needs both; neither is in a state, plan or log.
resource "terraform_data" "first_boot" {
  provisioner "local-exec" {
    command = "./watch-first-boot"
    environment = {
      CONSOLE_URL    = ephemeral.limiquantix_console_ticket.web.url
      CONSOLE_TICKET = ephemeral.limiquantix_console_ticket.web.ticket
    }
  }
}
