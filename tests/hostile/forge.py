"""Access tokens that are wrong in one thing: FORGERIES[name](forge) is the text that is sent."""
import base64
import hashlib
import hmac
import json
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from identity import AUDIENCE, ISSUER, base64url

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551      # of P-256
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


class Forge:
    def __init__(self, idp, subject):
        self.idp, now = idp, int(time.time())
        self.header = {"alg": "ES256", "typ": "JWT", "kid": idp.kid}
        self.claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "sid": "s", "acr": "1",
                       "auth_time": now, "iat": now, "exp": now + 600}

    def numbers(self, text, key=None):
        return utils.decode_dss_signature((key or self.idp.key).sign(text.encode(), ec.ECDSA(hashes.SHA256())))

    def join(self, header, payload, sign=None):
        """A token of these bytes, rightly signed unless @sign(text) says otherwise."""
        text = f"{base64url(header)}.{base64url(payload)}"
        if sign is None:
            r, s = self.numbers(text)
            return f"{text}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
        made = sign(text)
        return f"{text}.{made if isinstance(made, str) else base64url(made)}"

    def made(self, header=(), claims=(), sign=None):
        """With changes to header and claims; None removes."""
        both = [{k: v for k, v in {**usual, **dict(change)}.items() if v is not None}
                for usual, change in ((self.header, header), (self.claims, claims))]
        return self.join(*(json.dumps(part).encode() for part in both), sign=sign)

    def good(self):
        return self.made()

    def public(self, how):
        key = self.idp.key.public_key()
        point = key.public_numbers()
        return {"pem": lambda: key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
                "der": lambda: key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
                "point": lambda: key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
                "x": lambda: point.x.to_bytes(32, "big"),
                "jwks": lambda: open(self.idp.file, "rb").read(),
                "nothing": lambda: b"", "kid": lambda: self.idp.kid.encode()}[how]()


def hmac_of(alg, how):
    return lambda f: f.made({"alg": alg}, sign=lambda text: hmac.digest(f.public(how), text.encode(), HASHES[alg]))


def called(alg, **more):
    """A true signature by another name."""
    return lambda f: f.made({"alg": alg, **more})


def signed(sign):
    """@sign(forge, r, s) -> the third part."""
    return lambda f: f.made(sign=lambda text: sign(f, *f.numbers(text)))


def two(r, s):
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def header_text(text):
    return lambda f: f.join(text.replace("KID", f.idp.kid).encode("utf-8", "surrogatepass"), json.dumps(f.claims).encode())


def altered(change):
    return lambda f: change(f.good())


def stray_bits(part):
    """The last digit of a part holds bits that belong to no byte, and they are set."""
    def run(f):
        padded = [text + b" " * (-(len(text) - 1) % 3) for text in
                  (json.dumps(f.header).encode(), json.dumps(f.claims).encode())]
        pieces = f.join(*padded).split(".")
        pieces[part] = pieces[part][:-1] + DIGITS[DIGITS.index(pieces[part][-1]) | 1]
        return ".".join(pieces)
    return run


def another_curve(f):
    key = ec.generate_private_key(ec.SECP384R1())
    return f.made(sign=lambda text: two(*[n % ORDER for n in f.numbers(text, key)]))


FORGERIES = {
    **{f"alg {alg!r} unsigned": (lambda alg: lambda f: f.made({"alg": alg}, sign=lambda _: ""))(alg)
       for alg in ("none", "None", "NONE", "nOnE", "", "null", "ES256")},
    **{f"alg {alg!r} signed": called(alg) for alg in (
        "none", "", "es256", "ES256 ", " ES256", "ES384", "ES512", "ES256K", "RS256", "RS512", "PS256", "EdDSA",
        "HS256", "Ed25519", "A128KW", "dir", 256, True, None, ["ES256"], {"ES256": 1})},
    **{f"{alg} under the public key as {how}": hmac_of(alg, how) for alg in HASHES
       for how in ("pem", "der", "point", "x", "jwks", "nothing", "kid")},
    "no third part": altered(lambda t: t.rsplit(".", 1)[0]),
    "an empty second part": altered(lambda t: ".".join([t.split(".")[0], "", t.split(".")[2]])),
    "an empty first part": altered(lambda t: "." + t.split(".", 1)[1]),
    "four parts": altered(lambda t: t + ".AAAA"),
    "five parts": altered(lambda t: t + ".AAAA.AAAA"),
    "a dot behind": altered(lambda t: t + "."),
    "a dot before": altered(lambda t: "." + t),
    "two dots": altered(lambda t: t.replace(".", "..", 1)),
    "only dots": altered(lambda t: ".."),
    "padded": altered(lambda t: t + "=="),
    "padded in the middle": altered(lambda t: t.replace(".", "=.", 1)),
    "a space within": altered(lambda t: t[:40] + " " + t[40:]),
    "a plus": altered(lambda t: t[:-4] + "+" + t[-3:]),
    "a slash": altered(lambda t: t[:-4] + "/" + t[-3:]),
    "a percent sign": altered(lambda t: t[:-4] + "%" + t[-3:]),
    **{f"stray bits in part {part}": stray_bits(part) for part in range(3)},
    "cut in the claims": altered(lambda t: t[:len(t) // 2]),
    "DER": signed(lambda f, r, s: utils.encode_dss_signature(r, s)),
    "r and s changed round": signed(lambda f, r, s: two(s, r)),
    "r = 0": signed(lambda f, r, s: two(0, s)),
    "s = 0": signed(lambda f, r, s: two(r, 0)),
    "all zeros": signed(lambda f, r, s: bytes(64)),
    "all ones": signed(lambda f, r, s: b"\xff" * 64),
    "r = n": signed(lambda f, r, s: two(ORDER, s)),
    "s = n": signed(lambda f, r, s: two(r, ORDER)),
    "r = s = n": signed(lambda f, r, s: two(ORDER, ORDER)),
    "r = s = 1": signed(lambda f, r, s: two(1, 1)),
    "one byte short": signed(lambda f, r, s: two(r, s)[:-1]),
    "one byte long": signed(lambda f, r, s: two(r, s) + b"\0"),
    "half": signed(lambda f, r, s: two(r, s)[:32]),
    "twice": signed(lambda f, r, s: two(r, s) * 2),
    "the first bit flipped": signed(lambda f, r, s: two(r ^ 1 << 255, s)),
    "the last bit flipped": signed(lambda f, r, s: two(r, s ^ 1)),
    "another key": lambda f: f.made(sign=lambda t: two(*f.numbers(t, ec.generate_private_key(ec.SECP256R1())))),
    "another curve": another_curve,
    "over the claims alone": lambda f: f.made(sign=lambda t: two(*f.numbers(t.split(".")[1]))),
    "claims changed behind it": lambda f: ".".join(
        [f.good().split(".")[0], f.made(claims={"sub": "root"}).split(".")[1], f.good().split(".")[2]]),
    "alg twice, none last": header_text('{"alg":"ES256","alg":"none","typ":"JWT","kid":"KID"}'),
    "alg twice, none first": header_text('{"alg":"none","alg":"ES256","typ":"JWT","kid":"KID"}'),
    "alg twice, escaped": header_text('{"alg":"ES256","\\u0061lg":"none","typ":"JWT","kid":"KID"}'),
    "typ twice": header_text('{"alg":"ES256","typ":"JWT","typ":"JWT","kid":"KID"}'),
    "a header that is a list": header_text('["ES256"]'),
    "a header that is a text": header_text('"ES256"'),
    "a header that is null": header_text("null"),
    "a header that is a number": header_text("1"),
    "a header that is empty": header_text(""),
    "a header with a BOM": header_text('\ufeff{"alg":"ES256","typ":"JWT","kid":"KID"}'),
    "a header cut off": header_text('{"alg":"ES256","typ":"JWT","kid":"KID"'),
    "a header and more": header_text('{"alg":"ES256","typ":"JWT","kid":"KID"}{}'),
    "a header in single quotes": header_text("{'alg':'ES256','typ':'JWT','kid':'KID'}"),
    "a header with a surrogate": header_text('{"alg":"ES256","typ":"JWT","kid":"KID","x":"\ud800"}'),
    "a deep header": header_text('{"alg":"ES256","typ":"JWT","kid":"KID","x":' + "[" * 3000 + "]" * 3000 + "}"),
    "a NUL in the header": header_text('{"alg":"ES256\0","typ":"JWT","kid":"KID"}'),
    "JSON serialization": lambda f: json.dumps(dict(zip(("protected", "payload", "signature"), f.good().split(".")))),
    "a JWE of five parts": altered(lambda t: ".".join(["eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0", "", "AAAA", "AAAA", "AAAA"])),
    "9 KiB": lambda f: f.made(claims={"x": "a" * 9000}),
    "15 KiB": lambda f: f.made(claims={"x": "a" * 11000}),
    "nothing": altered(lambda t: ""),
    "a word": altered(lambda t: "nonsense"),
    "a base64 of a token": altered(lambda t: base64.b64encode(t.encode()).decode()),
}
