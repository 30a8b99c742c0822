"""Secrets and credentials."""

from whit.errors import RequestError


class SecretLeaked(RequestError):
    """A secret's value stands in what would leave."""

    code = "K001"


class BadSecret(RequestError):
    """A secret that cannot be read, is empty, or is given in words nobody understands."""

    code = "K002"


class SecretsInterfere(RequestError):
    """--prove-secrets: another secret gives another image."""

    code = "K003"


class CredentialFound(RequestError):
    """Something in the image or its source has the form or the name of a credential."""

    code = "K004"


class SecretNamed(RequestError):
    """A variable whose name says secret has a value that everybody could read in the image."""

    code = "K005"
