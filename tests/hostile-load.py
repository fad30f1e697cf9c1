"""What hostile logins cost the others: python3 tests/hostile-load.py LIGATURE WORLDLY_WASM

Starts `ligature serve` with the plugin that means harm (tests/evil, built with
the feature `worldly`), asks it for honest logins on two connections, and sends
64 hostile logins at once of each kind, at first one burst of each, then without
end. Prints the honest logins' median and p99, and the server's memory. Only the
standard library is used; everything listens on loopback.
"""

import http.client
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time

KINDS = {
    "S1 random bytes": "random-flood",
    "S1 standard output": "stdout-flood",
    "S1 sleeping": "many-sleeps",
    "S1 spinning": "endless-loop",
    "S2 memory": "memory-growth",
    "S2 stack": "deep-recursion",
    "S3 log lines of 1 MB": "log-flood-of-1-mib-lines",
    "S4 look-ups of 1 MB": "look-up-of-1-mib-addresses",
}
HONEST = "raw-event"
AT_ONCE = 64
SECONDS = 4.0


def config():
    text = 'name = "load"\n[password_hash]\nmemory_kib = 8\niterations = 1\nlanes = 1\n'
    text += '[rate_limit]\nauthentication = { per_second = 100000, burst = 100000 }\n'
    text += '[[clients]]\nclient_id = "web"\nname = "Web"\nclient_secret = "not a secret, but long enough"\n'
    text += 'grant_types = ["http://auth0.com/oauth/grant-type/password-realm"]\n'
    for number, name in enumerate([*KINDS.values(), HONEST]):
        text += f'[[connections]]\nname = "{name}"\nstrategy = "auth0"\n'
        for user in range(AT_ONCE):
            text += f'[[users]]\nuser_id = "auth0|{number}-{user}"\nemail = "{user}@{name}.example.com"\n'
            text += f'email_verified = true\npassword = "correct horse battery"\nconnection = "{name}"\n'
    return text


def login(connection, attack, user):
    body = {
        "grant_type": "http://auth0.com/oauth/grant-type/password-realm",
        "client_id": "web",
        "client_secret": "not a secret, but long enough",
        "realm": attack,
        "username": f"{user}@{attack}.example.com",
        "password": "correct horse battery",
        "scope": "openid",
    }
    connection.request("POST", "/oauth/token", json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{attack}: {answer.status} {text[:300]}")


def honest(port, seconds):
    """Latencies in milliseconds, of two connections that ask again and again."""
    taken = []

    def ask(user):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            start = time.monotonic()
            login(connection, HONEST, user)
            taken.append((time.monotonic() - start) * 1000)
            time.sleep(0.005)

    threads = [threading.Thread(target=ask, args=(user,)) for user in range(2)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return sorted(taken)


def hostile(port, attack, bursts, ready, go, took):
    """64 logins at once, so many times (0: until it is ended)."""

    def attack_as(user, barrier):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.connect()
        barrier.wait()
        start = time.monotonic()
        login(connection, attack, user)
        times.append(time.monotonic() - start)
        done = 1
        while bursts == 0 or done < bursts:
            login(connection, attack, user)
            done += 1

    times = []
    barrier = threading.Barrier(AT_ONCE + 1)
    threads = [threading.Thread(target=attack_as, args=(user, barrier), daemon=True) for user in range(AT_ONCE)]
    [thread.start() for thread in threads]
    ready.set()
    go.wait()
    barrier.wait()
    [thread.join() for thread in threads]
    took.value = max(times)


def memory(pid):
    with open(f"/proc/{pid}/status") as status:
        peak = next(line for line in status if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


def measure(port, attack, bursts):
    ready, go, took = multiprocessing.Event(), multiprocessing.Event(), multiprocessing.Value("d", 0.0)
    attacker = multiprocessing.Process(target=hostile, args=(port, attack, bursts, ready, go, took))
    attacker.start()
    ready.wait()
    threading.Timer(SECONDS / 4, go.set).start()
    taken = honest(port, SECONDS)
    if bursts == 0:
        attacker.terminate()
    attacker.join()
    return taken, took.value


def row(title, taken, pid, took=0.0):
    p50, p99 = taken[len(taken) // 2], taken[int(len(taken) * 0.99)]
    print(f"| {title} | {len(taken)} | {p50:.1f} ms | {p99:.1f} ms | {took:.2f} s | {memory(pid):.0f} MB |", flush=True)
    return p99


def main():
    ligature, plugin = (os.path.abspath(argument) for argument in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "tenant.toml"), "w") as file:
            file.write(config())
        server = subprocess.Popen(
            [ligature, "serve", "--config", "tenant.toml", "--state", "state", "--port", "0", "--tls-port", "0",
             "--plugin", plugin, "--wasi", "virtual"],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        try:
            port = int(server.stdout.readline().split()[2].rstrip("/").rsplit(":", 1)[1])
            honest(port, 1.0)
            print("| hostile logins | honest ones | p50 | p99 | the longest hostile | peak memory |")
            print("|---|---|---|---|---|---|")
            quiet = row("none", honest(port, SECONDS), server.pid)
            worst = 0.0
            for title, attack in KINDS.items():
                taken, took = measure(port, attack, 1)
                worst = max(worst, row(f"{AT_ONCE} at once: {title}", taken, server.pid, took))
            print(f"worst p99 of a burst: {worst / quiet:.1f} times the quiet one")
            for title, attack in KINDS.items():
                taken, _ = measure(port, attack, 0)
                row(f"{AT_ONCE} without end: {title}", taken, server.pid)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
