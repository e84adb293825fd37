# By id, as `limiquantix get ports` prints it.
terraform import limiquantix_port.printer 0198c6a4-5b1e-7c3a-9d42-3f1f0a6b7c07
