"""IPsec with certificates, and where secrets come from.

  berlin-host -- berlin: charon, ipsec0 ==ESP in UDP== gateway: homewardd, charon -- internet
                  a certificate of `ours`                a certificate of `ours`

What is wrong with a certificate is told by the tunnel's sentence, in `homeward ipsec` and as an alarm.
"""
import os

import pytest

from bed import charon
from bed.certificates import Authority
from bed.ipsec import IpsecBed, far_end, ipsec_site, start_far
from bed.netns import wait_until
from bed.topology import berlin


class Certificates(IpsecBed):
    def __init__(self, prefix, build, folder):
        self.ours = Authority(os.path.join(str(folder), "ca"), "ours")
        self.other = Authority(os.path.join(str(folder), "ca"), "other")
        self.hub = self.ours.sign("hub.example", "hub")
        self.proof = self.ours.sign("berlin.example")
        branch = berlin(device="ipsec0", make_tunnel=start_far(folder, self.far_text))
        super().__init__(prefix, build, folder, [branch], {"berlin": self.site(branch)})
        self.berlin = branch

    def site(self, branch, certificate=None, key=None):
        return ipsec_site(branch, f"""
            identity: hub.example
            peer-identity: berlin.example
            certificate: {certificate or self.hub[0]}
            private-key: {key or self.hub[1]}
            ca: {self.ours.file}""")

    def far_text(self, branch, **kw):
        return far_end(branch, more="send_cert = always", **self.far_words(self.proof, **kw))

    def far_words(self, proof, ident="berlin.example"):
        return {"local": f"auth = pubkey\ncerts = {proof[0]}", "ident": ident,
                "remote": f"auth = pubkey\ncacerts = {self.ours.file}"}

    def show(self, proof, ident="berlin.example"):
        """The far end proves itself by @proof from now on, and begins."""
        far = self.berlin.charon
        far.use_key(proof[1])
        far.load(far_end(self.berlin, more="send_cert = always", **self.far_words(proof, ident)))
        far.swanctl("--terminate", "--ike", "hub", "--force", "--timeout", "2", check=False)
        far.swanctl("--initiate", "--child", "hub", "--timeout", "3", check=False)


@pytest.fixture(scope="module", autouse=True)
def plugins(build, tmp_path_factory):
    charon.mount_plugins(str(build), str(tmp_path_factory.mktemp("plugins") / "all"))
    yield
    charon.unmount_plugins()


@pytest.fixture(scope="module")
def bed(prefix, build, tmp_path_factory):
    b = Certificates(f"{prefix}-cert", build, tmp_path_factory.mktemp("cert"))
    yield b
    b.down()


@pytest.fixture
def good(bed):
    """Afterwards the far end is as it should be, and the tunnel up."""
    yield
    bed.show(bed.proof)
    bed.wait_up()
    assert bed.tunnel()["why"] is None
    wait_until("the end of the alarm", lambda: bed.alarms("ipsec_failed") == [])
    bed.check_ping(bed.berlin)


def test_up(bed):
    bed.show(bed.proof)
    bed.wait_up()
    assert bed.tunnel()["remote_identity"] == "berlin.example"
    bed.check_ping(bed.berlin)


@pytest.mark.usefixtures("good")
def test_expired(bed):
    bed.show(bed.ours.sign("berlin.example", "expired", days=-1))
    bed.wait_why("a certificate has expired")


@pytest.mark.usefixtures("good")
def test_other_authority(bed):
    bed.show(bed.other.sign("berlin.example"))
    bed.wait_why("not signed by an authority of ours")


@pytest.mark.usefixtures("good")
def test_other_identity(bed):
    """A valid certificate of ours, but of somebody else."""
    bed.show(bed.ours.sign("lisbon.example"), ident="lisbon.example")
    bed.wait_why("identit")


@pytest.mark.usefixtures("good")
def test_own_expired(bed):
    """Ours has expired: the far end refuses it. Renewed under the same name, it is taken at once."""
    certificate, key = bed.ours.sign("hub.example", "own", days=-1)
    bed.apply(berlin=bed.site(bed.berlin, certificate, key))
    bed.wait_why("the far end refuses us")
    assert bed.ours.sign("hub.example", "own") == (certificate, key)
    bed.wait_up()
    bed.apply(berlin=bed.site(bed.berlin))


@pytest.mark.usefixtures("good")
def test_key_that_others_read(bed):
    os.chmod(bed.hub[1], 0o640)
    try:
        bed.apply(berlin=bed.site(bed.berlin, key=os.path.join(os.path.dirname(bed.hub[1]), ".",
                                                              os.path.basename(bed.hub[1]))))
        wait_until("the alarm", lambda: bed.alarms("ipsec_refused"))
        alarm, = bed.alarms("ipsec_refused")
        assert "hub.key: others than its owner may use it" in alarm["text"]
    finally:
        os.chmod(bed.hub[1], 0o600)
    wait_until("the end of the alarm", lambda: bed.alarms("ipsec_refused") == [])
    bed.apply(berlin=bed.site(bed.berlin))


def test_credentials_of_systemd(bed):
    """systemd puts them into a folder of the unit, with mode 0400: a path there is a path."""
    folder = bed.path("credentials")
    os.makedirs(folder, mode=0o700)
    for name, source in (("hub.pem", bed.hub[0]), ("hub.key", bed.hub[1])):
        with open(source, encoding="utf-8") as f:
            bed.write(os.path.join("credentials", name), f.read(), 0o400)
    bed.apply(berlin=bed.site(bed.berlin, os.path.join(folder, "hub.pem"), os.path.join(folder, "hub.key")))
    bed.show(bed.proof)
    bed.wait_up()
    bed.check_ping(bed.berlin)


def test_no_key_in_logs(bed):
    """Not of the private keys' text, either."""
    with open(bed.hub[1], encoding="utf-8") as f:
        secret = f.read().splitlines()[1]
    for text in (bed.daemon.log_text(), bed.gateway_charon.log_text(), bed.daemon.homeward("ipsec").stdout):
        assert secret not in text
