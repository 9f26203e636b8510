"""start: from exec of one service to its first answer, migrations applied, Kafka not awaited.

The service is told of a Kafka that is not there; the answer is `ready` on its inner port. No anchor:
the bar is in milliseconds, and the median of many starts is what a busy machine spoils least.
"""
import http.client
import statistics
import subprocess
import sys
import time

import rig
import telecura

STARTS = 15
BARS = {"ms": ("≤", 200)}


def ready(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def start_ms(service):
    with open(service.log, "ab") as log:
        began = time.monotonic()
        process = subprocess.Popen([service.binary, "--config", service.config], stdout=log,
                                   stderr=log, env=service.suite.environment())
    try:
        while not ready(service.inner):
            if process.poll() is not None or time.monotonic() - began > 30:
                raise RuntimeError(f"{service.name} is not ready:\n{service.tail()}")
            time.sleep(0.001)
        return (time.monotonic() - began) * 1000
    finally:
        process.terminate()
        process.wait(30)


def main():
    rig.arguments()
    with rig.alone():
        suite = telecura.Suite()
        try:
            service = suite.service("appointments", start=False, workers=8,
                                    kafka=f"127.0.0.1:{telecura.free_port()}")
            service.configure()
            busy = rig.calm()
            all_ms = sorted(start_ms(service) for _ in range(STARTS))
        finally:
            suite.close()
    figures = {"ms": round(statistics.median(all_ms), 1), "fastest_ms": round(all_ms[0], 1),
               "slowest_ms": round(all_ms[-1], 1), "starts": STARTS, "others_busy_cores": busy}
    return rig.report("start", figures, BARS)


if __name__ == "__main__":
    sys.exit(main())
