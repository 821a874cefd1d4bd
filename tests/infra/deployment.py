"""The deployments that the tests evaluate: values as azd and the hooks would give them."""

from functools import cache

from tests.infra.bicep import INFRA, read
from tests.infra.evaluation import Evaluator, Resource, Values

CLIENT = "22222222-2222-4222-8222-222222222222"
PERSON = "33333333-3333-4333-8333-333333333333"

PARAMETERS: Values = {
    "environmentName": "lab",
    "location": "koreacentral",
    "clusterName": "elb-cluster-01",
    "clusterResourceGroup": "rg-elb",
    "clusterUsesAzureRbac": True,
    "registryName": "elbacr01",
    "registryResourceGroup": "rg-elbacr",
    "kubeletCanPull": False,
    "sidecarImage": "elbacr01.azurecr.io/exec-server:0123",
    "createToken": True,
    "authClientId": CLIENT,
    "principalId": PERSON,
    "principalName": "operator@example.com",
    "queueSenders": "sender-1 sender-2",
    "completionReaders": "reader-1",
}
RUNTIME: Values = {
    "cluster.location": "Korea Central",
    "cluster.properties.identityProfile.kubeletidentity.objectId": "kubelet",
    "app.properties.principalId": "app",
    "app.properties.clientId": "44444444-4444-4444-8444-444444444444",
    "sidecar.properties.principalId": "sidecar",
    "sidecar.properties.clientId": "55555555-5555-4555-8555-555555555555",
}


def evaluator(**changes: object) -> Evaluator:
    """main.bicep with these parameters changed."""
    return Evaluator(read(INFRA / "main.bicep"), {**PARAMETERS, **changes}, RUNTIME)


@cache
def resources(is_private: bool = True) -> tuple[Resource, ...]:
    """Every resource of a deployment, its registry included, in a virtual network or not."""
    own = Evaluator(
        read(INFRA / "registry.bicep"), {"environmentName": "lab", "location": "koreacentral"}, {}
    )
    return (*evaluator(vnetEnabled=is_private).resources(), *own.resources())


def one(resource_type: str, is_private: bool = True) -> Resource:
    """The only resource of a type."""
    (found,) = (each for each in resources(is_private) if each.type == resource_type)
    return found
