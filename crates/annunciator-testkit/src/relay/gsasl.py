# GNU SASL as a server: one exchange, one JSON object a line each way.
# in:  {"mechanism", "user", "password", "exporter", "unique"} (octets in base64), then {"answer"}
# out: {"challenge"} or {"done": true, "challenge", "identity"} or {"error"}
import base64
import ctypes
import json
import sys

AUTHID, PASSWORD, TLS_UNIQUE, TLS_EXPORTER, ITERATIONS = 1, 3, 18, 25, 15
OK, NEEDS_MORE = 0, 1

library = ctypes.CDLL("libgsasl.so.18")
library.gsasl_strerror.restype = ctypes.c_char_p
library.gsasl_property_fast.restype = ctypes.c_char_p
library.gsasl_property_fast.argtypes = [ctypes.c_void_p, ctypes.c_int]
library.gsasl_property_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p]
library.gsasl_server_start.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
library.gsasl_step.argtypes = [
    ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t,
    ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_size_t),
]


def say(**fields):
    print(json.dumps(fields), flush=True)


def main():
    asked = json.loads(sys.stdin.readline())
    context, session = ctypes.c_void_p(), ctypes.c_void_p()
    library.gsasl_init(ctypes.byref(context))
    status = library.gsasl_server_start(context, asked["mechanism"].encode(), ctypes.byref(session))
    if status != OK:
        return say(error=library.gsasl_strerror(status).decode())
    library.gsasl_property_set(session, PASSWORD, asked["password"].encode())
    for name, number in ("exporter", TLS_EXPORTER), ("unique", TLS_UNIQUE):
        if asked[name]:
            library.gsasl_property_set(session, number, asked[name].encode())
    for line in sys.stdin:
        answer = base64.b64decode(json.loads(line)["answer"])
        output, length = ctypes.c_void_p(), ctypes.c_size_t()
        status = library.gsasl_step(
            session, answer, len(answer), ctypes.byref(output), ctypes.byref(length))
        if status not in (OK, NEEDS_MORE):
            return say(error=library.gsasl_strerror(status).decode())
        octets = ctypes.string_at(output, length.value) if length.value else b""
        challenge = base64.b64encode(octets).decode()
        if status == NEEDS_MORE:
            say(challenge=challenge)
            continue
        identity = (library.gsasl_property_fast(session, AUTHID) or b"").decode()
        if identity != asked["user"]:
            return say(error="another user: " + identity)
        return say(done=True, challenge=challenge, identity=identity)


main()
