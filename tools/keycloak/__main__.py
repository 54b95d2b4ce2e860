"""`python -m tools.keycloak`: fetch and prepare the distribution, so that tests need not."""

import sys

from tools.keycloak.distribution import VERSION, KeycloakMissing, unpacked

if __name__ == "__main__":
    try:
        unpacked()
    except KeycloakMissing as error:
        sys.exit(str(error))
    print(f"Keycloak {VERSION} is ready to start")
