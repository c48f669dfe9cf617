"""A program against the generated package: every module imports, and a request survives its round trip."""

import importlib
import pkgutil

import pairing_tracker_client
from pairing_tracker_client.models import NewAgreement

modules = [module.name for module in pkgutil.walk_packages(pairing_tracker_client.__path__, "pairing_tracker_client.")]
for module in modules:
    importlib.import_module(module)
assert "pairing_tracker_client.api.agreements.list_agreements" in modules, modules

request = {
    "code": "xinhui-taishan-annual-2023",
    "pairing": "xinhui-taishan",
    "kind": "annual_agreement",
    "title": {"zh": "新会—台山2023年度协议"},
}
assert NewAgreement.from_dict(request).to_dict() == request
print(f"{len(modules)} modules of the Python client import")
