#!/usr/bin/python3
"""Prints vectors.h: ESP packets by others' code, and vectors of RFCs, for the tests of src/esp.

    /usr/bin/python3 tests/unit/esp/vectors.py > tests/unit/esp/vectors.h

Packets named `scapy` are made by scapy's ESP. Those of the RFCs are checked here by the
`cryptography` package, so a slip of the pen would be found. RFC 3602 has no ICV, and scapy has no
ESN with HMAC: there the ICV is by Python's hmac.
"""
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from scapy.all import IP, UDP, IPv6, Raw, raw
from scapy.layers.ipsec import ESP, SecurityAssociation

HASHES = {"256": (hashlib.sha256, 16), "384": (hashlib.sha384, 24), "512": (hashlib.sha512, 32)}
CBC, GCM, CHACHA = 12, 20, 28
INTEGRITY = {None: 0, "256": 12, "384": 13, "512": 14}

KEY = bytes(range(0x40, 0x80))
SALT = bytes.fromhex("a0a1a2a3")
IPV4 = IP(src="10.0.1.10", dst="198.51.100.7", id=7) / UDP(sport=1000, dport=53) / Raw(b"hello")
IPV6 = IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(sport=1000, dport=53) / Raw(b"six")


def literal(data):
    """A string of hexadecimal digits, in lines."""
    digits = data.hex()
    lines = [digits[i:i + 80] for i in range(0, len(digits), 80)] or [""]
    return "\n\t ".join(f'"{line}"' for line in lines)


def row(why, encryption, integrity, key, auth_key, number, esn, packet, text):
    head = [f'"{why}"', str(encryption), str(INTEGRITY[integrity])]
    number = [f"UINT64_C({number:#x})", "true" if esn else "false"]
    print("\t{" + ", ".join(head) + ",\n\t " + literal(key) + ",\n\t " + literal(auth_key) +
          ",\n\t " + ", ".join(number) + ",\n\t " + literal(packet) + ",\n\t " +
          literal(text) + "},")


def scapy(name, encryption, key, integrity=None, number=1, esn=False, inner=IPV4):
    auth_key = KEY[:int(integrity) // 8] if integrity else b""
    auth = {"256": "SHA2-256-128", "384": "SHA2-384-192", "512": "SHA2-512-256"}
    algorithm = {CBC: "AES-CBC", GCM: "AES-GCM", CHACHA: "CHACHA20-POLY1305"}[encryption]
    outer = IP(src="192.0.2.1", dst="192.0.2.2")
    more = {"esn_en": True, "esn": number >> 32} if esn else {}
    sa = SecurityAssociation(ESP, spi=0xc0010001, crypt_algo=algorithm, crypt_key=key,
                             auth_algo=auth.get(integrity), auth_key=auth_key or None,
                             tunnel_header=outer, **more)
    iv = bytes(range(16)) if encryption == CBC else struct.pack(">Q", number)
    kind = {"iv": iv, "seq_num": number & 0xffffffff}
    if esn:
        kind.update(esn_en=True, esn=number >> 32)
    packet = raw(sa.encrypt(inner, **kind)[ESP])
    length = len(raw(inner))
    align = 16 if encryption == CBC else 4
    pad = -(length + 2) % align
    text = raw(inner) + bytes(range(1, pad + 1)) + bytes([pad, 41 if inner is IPV6 else 4])
    row(f"scapy: {name}", encryption, integrity, key, auth_key, number, esn, packet, text)


def cbc(why, key, iv, plain, cipher, integrity, number, esn):
    """A vector of RFC 3602, with an ICV."""
    aes = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    assert aes.update(plain) == cipher, why
    head = struct.pack(">II", 0x4321, number & 0xffffffff) + iv + cipher
    make, length = HASHES[integrity]
    auth_key = KEY[:make().digest_size]
    high = struct.pack(">I", number >> 32) if esn else b""
    icv = hmac.new(auth_key, head + high, make).digest()[:length]
    row(why, CBC, integrity, key, auth_key, number, esn, head + icv, plain)


def aead(why, encryption, kind, key, salt, iv, aad, plain, cipher, esn):
    """A vector of RFC 4106's author, or of RFC 7634."""
    assert kind(key).encrypt(salt + iv, plain, aad) == cipher, why
    high, low = (aad[4:8], aad[8:12]) if esn else (b"\0\0\0\0", aad[4:8])
    number = int.from_bytes(high + low, "big")
    row(why, encryption, None, key + salt, b"", number, esn, aad[:4] + low + iv + cipher, plain)


def main():
    h = bytes.fromhex
    print("/* ESP packets that others made: printed by vectors.py. */\n#pragma once\n")
    print("#include <stdbool.h>\n#include <stdint.h>\n")
    print("/* clang-format off */\nstatic const struct {\n\tconst char *why;\n\tunsigned encryption, "
          "integrity;\n\tconst char *key, *auth_key; /* hexadecimal */\n\tuint64_t number;\n\tbool "
          "esn;\n\tconst char *packet; /* ESP header to ICV */\n\tconst char *text; /* inner "
          "packet, padding, trailer */\n} vectors[] = {")
    aead("draft-mcgrew-gcm-test-01 (RFC 4106), AES-128", GCM, AESGCM,
         h("4c80cdefbb5d10da906ac73c3613a634"), h("2e443b68"), h("4956ed7e3b244cfe"),
         h("000043218765432100000000"),
         h("45000048699a000080114db7c0a80102c0a801010a9bf15638d3010000010000"
           "00000000045f736970045f756470037369700963796265726369747902646b00"
           "0021000101020201"),
         h("fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34"
           "cfa2436f14a3f3cf65925bf1f4a13c5d15b21e1884f5ff6247aeabb786b93bce"
           "61bc17d768fd9732459018148f6cbe722fd04796562dfdb4"), True)
    aead("RFC 7634 appendix A", CHACHA, ChaCha20Poly1305, bytes(range(0x80, 0xa0)),
         h("a0a1a2a3"), h("1011121314151617"), h("0102030400000005"),
         h("45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec10"
           "0007362708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223"
           "2425262728292a2b2c2d2e2f303132333435363701020204"),
         h("24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c6"
           "14ee8099d52844eb61aa95dfab4c02f72aa71e7c4c4f64c9befe2facc638e8f3"
           "cbec163fac469b502773f6fb94e664da9165b82829f641e0"
           "76aaa8266b7fb0f7b11b369907e1ad43"), False)
    cbc("RFC 3602 case 1", h("06a9214036b8a15b512e03d534120006"),
        h("3dafba429d9eb430b422da802c9fac41"), b"Single block msg",
        h("e353779c1079aeb82708942dbe77181a"), "256", 1, False)
    cbc("RFC 3602 case 2, with ESN", h("c286696d887c9aa0611bbb3e2025a45a"),
        h("562e17996d093d28ddb3ba695a2e6f58"), bytes(range(32)),
        h("d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1"), "512",
        0x300000007, True)
    scapy("AES-128-GCM", GCM, KEY[:16] + SALT, number=0x77)
    scapy("AES-256-GCM", GCM, KEY[:32] + SALT)
    scapy("AES-256-GCM, IPv6", GCM, KEY[:32] + SALT, inner=IPV6)
    scapy("AES-256-GCM with ESN", GCM, KEY[:32] + SALT, number=0x500000002, esn=True)
    scapy("ChaCha20-Poly1305", CHACHA, KEY[:32] + SALT)
    for bits in (128, 192, 256):
        scapy(f"AES-{bits}-CBC, SHA-256", CBC, KEY[:bits // 8], "256")
    scapy("AES-256-CBC, SHA-384", CBC, KEY[:32], "384", inner=IPV6)
    scapy("AES-128-CBC, SHA-512", CBC, KEY[:16], "512")
    print("};\n/* clang-format on */")


if __name__ == "__main__":
    main()
