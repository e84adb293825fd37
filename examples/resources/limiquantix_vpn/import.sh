terraform import limiquantix_vpn.berlin berlin
