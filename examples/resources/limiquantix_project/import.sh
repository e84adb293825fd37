terraform import limiquantix_project.shop shop
