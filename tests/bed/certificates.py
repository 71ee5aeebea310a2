"""Certificates for IKE, made by openssl: authorities, and what they sign."""
import os

from bed.netns import command

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


class Authority:
    """One CA in a folder; @name begins the names of its files."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        os.makedirs(folder, exist_ok=True)
        self.file = self.path("pem")
        command("openssl", "req", "-x509", *KEY, "-keyout", self.path("key"), "-out", self.file,
                "-subj", f"/O=Homeward/CN={name}", "-days", "10")

    def path(self, end):
        return os.path.join(self.folder, f"{self.name}.{end}")

    def sign(self, identity, file=None, days=5):
        """(certificate, key) of @identity, which is a DNS name; @days of -1: it has expired."""
        base = os.path.join(self.folder, file or f"{self.name}-{identity}")
        key, certificate = f"{base}.key", f"{base}.pem"
        command("openssl", "req", *KEY, "-keyout", key, "-out", f"{base}.csr",
                "-subj", f"/O=Homeward/CN={identity}", "-addext", f"subjectAltName=DNS:{identity}")
        command("openssl", "x509", "-req", "-in", f"{base}.csr", "-CA", self.file,
                "-CAkey", self.path("key"), "-CAcreateserial", "-days", days,
                "-copy_extensions", "copy", "-out", certificate)
        os.chmod(key, 0o600)
        return certificate, key
