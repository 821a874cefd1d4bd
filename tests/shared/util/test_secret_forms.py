"""Failure 55: every form in which programs print secrets; and words of prose, which stay."""

import time

import pytest

from shared.util.redaction import LONGEST, SECRET, redacted

S = "aBcD12/34+x="

FORMS = [
    "azcopy copy a b --account-key {}",
    "az storage blob list --account-key={} -o json",
    "az storage blob list --account-key '{}' -o json",
    r"az storage blob list --account-key \"{}\" -o json",
    "['az', '--account-key', '{}', '-o', 'json']",
    r"""{{"argv":["az","--account-key","{}"]}}""",
    "az cosmosdb keys --primary-key {}",
    "az x --key {}",
    "az storage blob list --sas-token ?sv=2021&sig={}",
    "az storage blob list --sas-token {}",
    "az login --service-principal -u app --password {} --tenant t",
    "az login --service-principal -u app -p {} --tenant t",
    "docker login elbacr01.azurecr.io -u 000 -p {}",
    "helm registry login x --username u --password={}",
    "kubectl create secret docker-registry r --docker-password={} -n default",
    "kubectl --token {} get pods",
    "kubectl config set-credentials u --token={}",
    "az x --client-secret {}",
    "az x --connection-string DefaultEndpointsProtocol=https;AccountName=a;AccountKey={}",
    "the token={} is wrong",
    "token: {}",
    "GET https://a/b?token={} failed",
    "sasToken={}",
    "AZURE_STORAGE_KEY={}",
    "AZURE_STORAGE_SAS_TOKEN={}",
    "REGISTRY_PASSWORD={}",
    "AZCOPY_SPN_CLIENT_SECRET={}",
    "https%253A%252F%252Fa%252Fb%253Fse%253D2026%2526sig%253D{}",
    "sig%25253D{}",
    "password%3D{}",
    "Authorization%3A%20Bearer%20{}",
    "Bearer%20{}",
    "Bearer%2520{}",
    "x-functions-key: {}",
    "'x-functions-key': '{}'",
    "POST https://a.azurewebsites.net/api/f?code={} failed",
    "POST https://a.azurewebsites.net/api/f?x=1&code={}",
    "Ocp-Apim-Subscription-Key: {}",
    "api_key={}",
    "Proxy-Authorization: Basic {}",
    "Set-Cookie: session={}; HttpOnly",
    "InstrumentationKey={};IngestionEndpoint=https://a",
    "SharedAccessSignature={}",
    "SharedAccessSignature=sv=2021-08-06&ss=b&sig={}",
    "https://a/b?sv=2021-08-06&sig={}",
    r"{{\"connectionString\":\"{}\"}}",
    r"{{\\\"accessToken\\\":\\\"{}\\\"}}",
    '"clientSecret": "{}"',
    '"password": "correct horse {}"',
    "p\x00assword".replace("\x00", "\x1b[0m") + ": {}",
    "sig\x1b[1m={}",
    "password: Failed-{}",
    "EXEC_TOKEN_NEXT={}",
    "tokenValue={}",
    "IDENTITY_HEADER={}",
    "COSMOS_KEY={}",
    "client_key_data: {}",
    "token == {}",
    "https%3BAccountName%3Da%3BAccountKey%3D{}",
    r"https://a;\nAccountKey={}",
    '{{"name": "AZURE_CLIENT_SECRET", "value": "{}"}}',
    "- name: AZURE_STORAGE_KEY\n  value: {}",
    "('X-Exec-Token', '{}')",
    "(b'X-Exec-Token', b'{}')",
    "{{b'X-Exec-Token': b'{}'}}",
    "Header(name='X-Exec-Token', value='{}')",
    "token=b'{}'",
    "headers={{'Cookie': 'session={}'}}",
    "Authorization: Negotiate {}",
    "Authorization=[Bearer {}]",
    "('Authorization', 'SharedKey account:{}')",
    r"sig\u003d{}",
    r"\u0026sig\u003d{}",
    "<AccountKey>{}</AccountKey>",
    "['az', 'login', '--service-principal', '-u', 'app', '-p', '{}']",
    "password=ab,{}",
    "password=ab;{}",
    "password=ab&{}",
    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n{}\n-----END RSA PRIVATE KEY-----",
    "password=failed{}",
]


@pytest.mark.parametrize("form", FORMS)
def test_failure_55_a_secret_is_removed_in_every_form(form: str) -> None:
    clean = redacted(f"it failed: {form.format(S)}\nand the server answered no")
    for part in ("aBcD", "12/34", "34+x"):
        assert part not in clean
    assert SECRET in clean
    assert clean.startswith("it failed: ")
    assert clean.endswith("\nand the server answered no")
    assert redacted(clean) == clean


PROSE = [
    "authorization: failed",
    "Authorization: failed for the user",
    "client_secret: invalid",
    "password: must be set",
    "token: expired",
    "token: expired, sign in again",
    "access_token: missing.",
    "client_secret: is not valid",
    "account_key: unreadable",
    "EXEC_TOKEN: required",
    "password: Wrong",
    "sas_token: not found",
    "argument --account-key: expected one argument",
    "--account-key is required",
    "--password or --password-stdin must be given",
    "usage: az login [--password PASSWORD] [--token TOKEN] [--logfile FILE]",
    "the following arguments are required: --idempotency-key, --cfg",
    "elastic-blast submit --cfg - --json --idempotency-key job-0123 --correlation-id job-0123",
    "the token has expired",
    "invalid token in line 7",
    'secret "elb-secret" not found',
    "EnvironmentCredential: authentication unavailable",
    "error code=404 of the store",
    "PWD=/blast/blastdb",
    "docker run -p 8080:80 image",
    "mkdir -p /blast/results",
    "PartitionKey=job-1, RowKey=job",
    "tokens: 12",
    "Failed to get token: DNS lookup failed",
    "Could not get token: ManagedIdentityCredential authentication unavailable",
    "access token: request timed out",
    "unexpected token: '<' at line 1",
    'MountVolume.SetUp failed: secret: "blast-db-sas" not found',
    "az login -p is not allowed",
    "the designation sign=7",
]


@pytest.mark.parametrize("text", PROSE)
def test_words_of_prose_after_a_name_stay(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("password: swordfish", f"password: {SECRET}"),
        ("password=failed", f"password={SECRET}"),
        ("token:expired", f"token:{SECRET}"),
        ("password=ab;user=me", f"password={SECRET};user=me"),
        ('client_secret: "abc" not found', f'client_secret: "{SECRET}" not found'),
        ('"password": "invalid"', f'"password": "{SECRET}"'),
    ],
)
def test_what_may_be_a_secret_is_removed(text: str, clean: str) -> None:
    assert redacted(text) == clean


ATTACKS = [
    "--password ",
    '--password "',
    "--key '",
    "login ",
    "login -p",
    "cookie: ",
    "token",
    "code=",
]
ATTACKS += [
    "password=a;",
    "token', '",
    "name: a_KEY\n value",
    ">a\nmkvlaagivg",
    "> ",
    "1 mkvlaagivg ",
]
ATTACKS += ['password:"', r"password:\\", "%2525", "bearer%20", "\x1b[", "\x1b]", "?code=", 'a="']


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_time_grows_linearly_with_the_text(attack: str) -> None:
    """Quadratic time would take hours for this size; the bound is far above any linear one."""
    text = (attack * LONGEST)[:LONGEST]
    began = time.process_time()
    redacted(text)
    assert time.process_time() - began < 20


@pytest.mark.parametrize(
    "text", ["azure-storage-account-key = s3cret", "--account-key=s3cret", "client-secret: s3cret"]
)
def test_failure_55_a_key_is_known_by_the_names_of_options_and_of_the_config(text: str) -> None:
    assert "s3cret" not in redacted(text)
