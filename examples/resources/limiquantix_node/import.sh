# By id, as `limiquantix get nodes` prints it.
terraform import limiquantix_node.rack2 0198c6a4-5b1e-7c3a-9d42-3f1f0a6b7c02
