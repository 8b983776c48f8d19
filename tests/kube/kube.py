#!/usr/bin/env python3
"""Checks of infra/k8s without a cluster.

    kube.py manifests                    every overlay builds, fits its schemas, and keeps the rules; every rule can fail
    kube.py start --binary TIDEGATE      the executable takes the arguments and config of every overlay and answers the probes
    kube.py flow --binary … --bootstrap … --libs …    the local overlay's roles on a real broker, from an event to a row
    kube.py real                         a real kube-apiserver takes every object and, under the restricted profile, every pod
    kube.py build OVERLAY                what an overlay applies

Exit codes: 1 something is wrong, 3 a tool is missing, 5 a tool did not install.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "stand"))

import programs
from core.cache import Cache
from core.errors import StandError
from core.report import say


def manifests(cache, _options):
    import by_hand
    import mutations
    import overlays
    import pages
    import policy
    import schemas
    import site_values

    with tempfile.TemporaryDirectory() as scratch:
        builds = overlays.all_builds(programs.kustomize(cache), Path(scratch))
    crds = schemas.Crds(programs.crds(cache))
    keda = schemas.KafkaScaler(programs.crds(cache))
    wrong = site_values.complaints() + pages.complaints(builds)
    for build in builds:
        wrong += [f"{build.name}: {text}" for text in schemas.complaints(build, crds) + keda.complaints(build) + policy.complaints(build)]
        say("kube", f"{build.name}: {len(build.objects)} objects, {len(build.pods())} pods")
    wrong += by_hand.complaints(builds, crds)
    if not wrong:
        wrong = mutations.complaints(builds, crds, keda)
        say("kube", f"{len(policy.RULES)} rules, broken in {len(mutations.POLICY)} ways, schemas in {len(mutations.SCHEMA) + len(mutations.SCALER)}")
    return wrong


def start(cache, options):
    import overlays
    import start as starting

    with tempfile.TemporaryDirectory() as scratch:
        builds = overlays.all_builds(programs.kustomize(cache), Path(scratch))
        return starting.complaints(builds, options.binary.absolute(), Path(scratch))


def flow(cache, options):
    import flow as flowing
    import overlays

    with tempfile.TemporaryDirectory() as scratch:
        build = overlays.build(programs.kustomize(cache), overlays.K8S / "overlays" / "local", "local")
        return flowing.complaints(build, options.binary.absolute(), Path(scratch), options.bootstrap, options.libs)


def real(cache, options):
    import overlays
    import real as server

    if options.if_installed and not programs.has_api_server(cache):
        say("kube", "SKIPPED: the real API server is not built on this machine; `just k8s-real` builds it")
        return 0

    kustomize, crds = programs.kustomize(cache), sorted(programs.crds(cache).glob("*.yaml"))
    with tempfile.TemporaryDirectory() as scratch:
        builds = overlays.all_builds(kustomize, Path(scratch))
        return server.complaints(builds, crds, programs.etcd(cache), programs.api_server(cache), Path(scratch))


def build(cache, options):
    import overlays

    return subprocess.call([programs.kustomize(cache), "build", overlays.K8S / "overlays" / options.overlay])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for function in (manifests, start, flow, real, build):
        sub = commands.add_parser(function.__name__)
        sub.set_defaults(command=function)
        if function in (start, flow):
            sub.add_argument("--binary", type=Path, required=True)
        if function is flow:
            sub.add_argument("--bootstrap", required=True, help="a Kafka broker")
            sub.add_argument("--libs", required=True, help="Kafka's jars")
        if function is real:
            sub.add_argument("--if-installed", action="store_true", help="do nothing where the server was never built")
        if function is build:
            sub.add_argument("overlay")
    options = parser.parse_args()
    cache = Cache.from_environment()
    try:
        sys.path.insert(0, str(programs.python_path(cache)))
        answer = options.command(cache, options)
    except StandError as error:
        say("kube", str(error))
        return error.exit_code
    except ValueError as error:
        answer = [str(error)]
    if isinstance(answer, int):
        return answer
    for text in answer:
        print(text)
    return 1 if answer else 0


if __name__ == "__main__":
    sys.exit(main())
