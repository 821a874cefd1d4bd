r"""The forms in which programs print secrets, as patterns whose first group is kept.

A secret is known by what is before it: a name with `=` or `:`, an option, a header, a parameter of
a URL; or by its own form. Separators can be percent-encoded, also repeatedly; quotes can be
escaped. What follows a name is removed even if it looks harmless, with one exception: a word of
prose, as in `password: must be set`, `token: expired` and `--account-key is required`. Only a word
of `_PROSE`, or after `: ` a participle (`refused`, `missing`, `unreadable`), counts as one.

All patterns run in linear time: none nests an unbounded repetition, and an unbounded one can match
only from the start of a word.
"""

import re

_EQUALS = r"(?:[:=]{1,2}>?|\\{0,4}u003[ad]|%(?:25){0,4}3[AD])"
_PARAMETER = r"(?:[?&;#]|%(?:25){0,4}(?:3F|26)|u0026|amp;)"
_VALUE = r"(?:[^\s\"'<>&;,\\]|\\/|\\{1,4}u00(?:2[BF]|3D))+"
"""Also with `/`, `+` and `=` as JSON can escape them."""
_PASSWORD = rf"{_VALUE}(?:[;,&](?![\w .-]{{1,40}}[:=]){_VALUE}){{0,10}}"
"""A value with `;`, `,` and `&`, as far as no other name with its value follows."""
_LINE_BREAK = r"(?:\\?\r?\n|\\r\\n|\\n)[ \t]{0,40}"
"""The end of a line, also escaped or continued by a shell, and the indentation of the next."""
_REST_OF_KEY = (
    rf"(?:(?:{_LINE_BREAK}[A-Za-z0-9+/%]{{1,200}}){{0,10}}"
    rf"{_LINE_BREAK}[A-Za-z0-9+/%]{{0,200}}(?:%3D|=){{1,2}}(?=[\s&;\"'\\]|\Z))?"
)
"""The next lines, where a key in base64 is broken over several: its end is known by its `=`."""
_QUOTED = r"(?:(?<=\")(?:[^\"\\\r\n]|\\[^\"\r\n])+|(?<=')(?:[^'\\\r\n]|\\[^'\r\n])+)"
_QUOTES = r"(?:[\\\"']|u002[27]){0,8}"
_OPEN = rf"(?:b(?=[\"']))?{_QUOTES}"
"""What can precede a value: quotes, also those of Python's bytes."""
_BLANK = r"(?:\s|\+|%(?:25){0,4}20)"
_START = r"(?:(?<![A-Za-z0-9])|(?<=3B|26|3F|22|20|0A|\\n|\\r|\\t)|(?<=u0026))"
"""The start of a name: also after a separator that is percent-encoded or escaped."""
_ASSIGNS = (
    rf"(?:{_QUOTES}\s{{0,5}}{_EQUALS}\s{{0,5}}(?:[|>][+-]?{_LINE_BREAK})?{_OPEN}"
    rf"|{_QUOTES},?\s{{0,20}}{_QUOTES}value{_QUOTES}\s{{0,5}}{_EQUALS}\s{{0,5}}{_OPEN}"
    rf"|[\"'],\s{{0,5}}b?[\"']|>)"
)
"""What connects a name and its value: `=` or `:`, also with a mark of a block in YAML; the next
field `value`; a tuple; an XML tag."""

_PROSE = (
    "a|an|the|this|that|is|was|are|were|be|been|must|should|shall|can|cannot|could|may|might|will"
    "|has|have|had|does|do|did|not|no|none|null|or|and|of|in|on|for|to|from|with|without|if|when|by"
    "|needs?|requires?|expects?|option|argument|flag|value|string|invalid|incorrect|wrong|bad|empty"
    "|unset|unknown|absent|unauthorized|forbidden|true|false|yes|ok|error"
    "|request|response|connection|context|dns|tls|http|timeout|illegal|permission"
    "|[a-z]{1,40}(?:credential|exception)"
)
_PARTICIPLE = r"[a-z]{2,16}(?:ed|ing|able|ible)"
_WORD_END = r"(?=[.,;:!?)\]]{0,2}(?:\s|$))"
_NOT_PROSE = rf"(?!(?:{_PROSE}){_WORD_END})"
_NOT_STATUS = rf"(?!(?<=:\s)(?:{_PROSE}|{_PARTICIPLE}){_WORD_END})(?![^\w\s]{{1,2}}(?:[\"'\s]|$))"
"""Neither a word of prose nor one or two punctuation marks, as in `unexpected token: '<'`."""
_NOT_OBJECT = r"(?!(?<=: )secret: \"[a-z0-9.-]{1,253}\" not found)"
"""Not the name of a Secret of Kubernetes that does not exist."""
_NOT_ENDPOINT = r"(?!(?:(?<=oauth2/)|(?<=v2\.0/))token[\\\"']{0,2}: )"
"""Not the address where Entra or a managed identity issues tokens, before the error it gave."""

_URL_PARAMETERS = (
    "skoid|sktid|skt|ske|sks|skv|se|st|sp|sv|sr|ss|srt|spr|sip|sdd|code|(?:x-[a-z]{2,8}-)?signature"
)
"""Parameters of a SAS but its signature, the key of an Azure function, signatures of others."""

_NAMES = (
    r"[A-Za-z0-9]{0,20}(?:token|secret|password|passwd|passphrase|pwd(?!=/))"
    r"(?:[_-]?(?:next|new|old|previous|current|value|data|\d{1,3}))?"
    r"|(?:account|access|api|app|master|host|system|functions?|storage|subscription|primary|secondary"
    r"|shared|signing|encryption|private|instrumentation|registry)[_-]?(?:access)?[_-]?key"
    r"|shared_?access_?signature|connection[_-]?string"
    r"|client[_-]?key[_-]?data|identity[_-]header|sas"
    r"|(?-i:[A-Z0-9]{2,20}_KEY(?=[=\"']))"
)
_OPTIONS = (
    r"--(?!idempotency-)[a-z0-9-]{0,40}"
    r"(?:key|token|secret|password|passwd|passphrase|connection-string|sas)(?![\w-])"
)
_SCHEMES = "bearer|basic|shared ?key(?:lite)?|negotiate|ntlm|kerberos|digest|token|api-?key"
"""Schemes of the header `Authorization`; the credentials follow."""
_BEARER_PROSE = (
    "tokens?|authentication|authorization|auth|schemes?|credentials?|challenges?|headers?|realm|error"
    "|error_description|authorization_uri|resource_id|scope|is|was|are|or|and|not|has|cannot|must|in"
)
"""Words that can follow `Bearer` in prose, where it introduces no token."""

_URL = r"(?:(?<=//)|(?<=\\/\\/))"
"""What is behind the scheme of a URL, whose slashes JSON can escape."""
_PORT = r":\d{1,5}[/?#,;:.)\]}]"
_NAME, _DIGEST = r"[^\s/?#:@\"'\\<>]{1,500}", r"sha\d{3}:"
_HOST = (
    r"(?:localhost|[\w-]{1,63}(?:\.[\w-]{1,63}){1,20}"
    rf"|{_NAME}@[\w.-]{{1,255}})"
)
"""Also one behind a user without a password."""
_NO_PASSWORD = rf"(?!{_HOST}{_PORT}|(?:{_NAME}@)?{_NAME}:\d{{1,5}}…?\Z|{_NAME}@{_DIGEST})"
"""Not a host and its port. One of a single label counts as a user: what then follows up to an `@`
is rather a password that begins with digits. Nor an image and its digest."""
_USER = r"[^\s/?#:[\"'\\<>]{0,200}"
_ANY = r"(?:[^\s\"'\\<>]|\\/)"
"""A character of a password, which can be any that a URL should have percent-encoded."""
_ENCODED_SLASH, _ENCODED_AT = r"%(?:25){0,4}2F", r"%(?:25){0,4}40"

_OWN_FORMS = (
    r"()-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----(?:[A-Za-z0-9+/=\s\\:,]|-(?!-))*"
    r"(?:-----END [A-Z ]{0,20}PRIVATE KEY-----)?",
    # The end of a key, where a text begins within it: as the tail of an output or of a log does.
    r"()\A(?:[A-Za-z0-9+/=\s\\:,]|-(?!-))*-----END [A-Z ]{0,20}PRIVATE KEY-----",
    # A JWT, and a key of 64 bytes; both also in lines.
    r"()(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*){0,4}"
    rf"(?:{_LINE_BREAK}[A-Za-z0-9_.-]{{20,200}}(?![^\s\"'\\])){{0,40}}",
    rf"()(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/](?:{_LINE_BREAK})?){{86}}=(?:{_LINE_BREAK})?=",
    # Userinfo in a URL: a user with a password, which can be cut off before its `@`; a token alone,
    # which is no digest of an image; both in a URL that is percent-encoded.
    rf"(){_URL}{_NO_PASSWORD}{_USER}:(?:{_ANY}{{1,500}}(?=@)|[^\s/@\"'\\]{{1,500}}\Z)",
    rf"(){_URL}[^\s/?#\"'\\<>()*[\]{{|}}]{{1,700}}(?=@(?!{_DIGEST}))",
    rf"({_ENCODED_SLASH}{_ENCODED_SLASH})"
    rf"(?:(?!{_ENCODED_SLASH}|{_ENCODED_AT})[^\s\"'\\<>&=]){{1,700}}(?={_ENCODED_AT})",
)
"""Secrets with a form of their own. Removed first: behind a name only their first line would be."""

_NAMED = (
    # `sig` matches anywhere, the other parameters of a URL only as such.
    rf"(?<![A-Za-z])(sig{_EQUALS}){_VALUE}{_REST_OF_KEY}",
    rf"({_PARAMETER}(?:{_URL_PARAMETERS}){_EQUALS}){_VALUE}{_REST_OF_KEY}",
    # Headers.
    rf"{_START}(authorization{_ASSIGNS}(?:[\[({{]?(?:{_SCHEMES}){_BLANK}{{1,5}})?)"
    rf"{_NOT_STATUS}{_VALUE}{_REST_OF_KEY}",
    rf"\b(bearer{_BLANK}{{1,5}})(?!(?:{_BEARER_PROSE})\b)[A-Za-z0-9._~+/=%-]+{_REST_OF_KEY}",
    rf"{_START}((?:set-)?cookie{_ASSIGNS}){_NOT_STATUS}(?:{_QUOTED}|[^\s\"'][^\r\n]*)",
    # A name and its value, in JSON, YAML, an environment, a connection string or a header.
    rf"{_START}{_NOT_OBJECT}{_NOT_ENDPOINT}((?:{_NAMES}){_ASSIGNS}){_NOT_STATUS}"
    rf"(?:{_QUOTED}|{_PASSWORD}{_REST_OF_KEY})",
    # Options of a command line, also as a list of arguments; the password of a login.
    rf"(?<![\w-])({_OPTIONS}(?:{_QUOTES},\s{{0,3}}|{_QUOTES}\s{{1,5}}|=){_QUOTES})"
    rf"{_NOT_PROSE}(?!(?-i:[A-Z_]+\]))(?!-)(?:{_QUOTED}|[^\s\"'<>\\]+{_REST_OF_KEY})",
    rf"(\blogin\b[^\r\n]{{0,300}}?[\s\"']-p(?:[ =]{{1,5}}|[\"'],\s{{0,5}}){_QUOTES}){_NOT_PROSE}"
    rf"(?:{_QUOTED}|[^\s\"'<>\\]+)",
)
"""Secrets that are known by what is before them."""
SECRETS = tuple(re.compile(source, re.I) for source in (*_OWN_FORMS, *_NAMED))
