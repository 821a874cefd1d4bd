import uuid

from azure.storage.blob import BlobServiceClient

from local.azurite import Azurite


def test_azurite_stores_a_blob(azurite: Azurite) -> None:
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        container = service.create_container(f"c{uuid.uuid4().hex}")
        container.upload_blob("a", b"text")
        assert container.download_blob("a").readall() == b"text"
