"""Says what is wrong with an OpenAPI 3.1 document; run by host/tests/clients/main.rs."""

import json
import sys
from urllib.request import urlopen

from openapi_spec_validator import OpenAPIV31SpecValidator

with urlopen(sys.argv[1]) as answer:
    document = json.load(answer)
assert document["openapi"].startswith("3.1."), document["openapi"]
errors = [f"{list(error.path)}: {error.message}" for error in OpenAPIV31SpecValidator(document).iter_errors()]
sys.exit("\n".join(errors) or 0)
