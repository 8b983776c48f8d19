#!/usr/bin/env python3
"""The SLA check of twenty rules beside DuckDB running the same twenty statements on the same files: processor time, by turns, in one run.

Usage: beside_duckdb.py BINARY [--rows N] [--rounds N] [--threads N]; loadtest/bench sla builds the binary and calls it.
Every answer of DuckDB is held against ours; a difference ends the run without a figure. Rows and virtual environment lie in the cache.
"""
import argparse
import os
import pathlib
import resource
import statistics
import subprocess
import sys

DUCKDB = "2.0.0"
NOW = 1_795_262_400_000_000

AT = "epoch_us(_tidegate_timestamp)"
PLACED = "epoch_us(placed_at)"
BELIEVED = f"least({AT}, {PLACED})"
LAG = f"({AT} - {PLACED})"
EVENTS = "(SELECT * FROM log WHERE _op IS NULL OR _op <> 'tombstone')"


def statements() -> dict[str, str]:
    """One statement a rule, as an author would write it for DuckDB. The first column is what our report calls measured."""
    null = lambda column, percent=False: (
        f"SELECT count(*) FILTER (WHERE {column} IS NULL){' * 100.0 / count(*)' if percent else ''} FROM {EVENTS}")
    listed = lambda column, values: f"SELECT count(*) FILTER (WHERE {column} IS NOT NULL AND {column} NOT IN ({values})) FROM {EVENTS}"
    countries = "'DE','FR','GB','NL','BE','IT','ES','PT','PL','AT','CH'"
    window = lambda micros: f"{AT} > {NOW - micros} AND {AT} <= {NOW}"
    day = 86_400_000_000
    minute = 60_000_000
    return {
        "enough": f"SELECT count(*) FROM {EVENTS}",
        "sum": f"SELECT sum(total) FROM {EVENTS}",
        "negative": f"SELECT count(*) FROM {EVENTS} WHERE total < 0",
        "unique": f"SELECT coalesce(sum(CASE WHEN order_id IS NOT NULL THEN n - 1 ELSE 0 END), 0) FROM "
                  f"(SELECT order_id, count(*) AS n FROM {EVENTS} GROUP BY order_id)",
        "order-known": null("order_id"),
        "customer-known": null("customer_id"),
        "placed-known": null("placed_at"),
        "channel-known": null("channel", True),
        "channel-valid": listed("channel", "'web','store','phone'"),
        "channel-filled": f"SELECT count(*) FILTER (WHERE channel IS NULL OR channel IN ('', 'n/a', 'unknown')) FROM {EVENTS}",
        "country-known": null("country"),
        "country-valid": listed("country", countries),
        "sku-shape": f"SELECT count(*) FILTER (WHERE sku IS NOT NULL AND NOT regexp_matches(sku, '^SKU-[0-9]{{6}}$')) FROM {EVENTS}",
        "email-known": null("email", True),
        "lines-valid": listed("lines", "1,2,3,4,5,6,7,8,9,10"),
        "discount-known": null("discount", True),
        "fresh": f"SELECT ({NOW} - max({BELIEVED}) FILTER (WHERE {BELIEVED} <= {NOW})) / 1e6, count(*), count({BELIEVED}), "
                 f"count(*) FILTER (WHERE {BELIEVED} > {NOW}) FROM log",
        "fast": f"SELECT approx_quantile({LAG}, 0.99), count(*), count({LAG}), count(*) FILTER (WHERE {LAG} > 30000000), max({LAG}) FROM log",
        "rate": f"SELECT count(*) FILTER (WHERE {window(3600 * 1_000_000)}) / 3600.0, count(*) FROM log",
        "rhythm": f"SELECT greatest(max(gap), {NOW} - max(last)) / 1e6 FROM (SELECT last, first - CASE WHEN lag(last) OVER (ORDER BY b) < {NOW - day} THEN {NOW - day} ELSE lag(last) OVER (ORDER BY b) END AS gap FROM "
                  f"(SELECT CASE WHEN moment <= {NOW - day} THEN -1 ELSE (moment - {NOW - day}) // {minute} END AS b, min(moment) AS first, max(moment) AS last "
                  f"FROM (SELECT {AT} AS moment FROM log) WHERE moment <= {NOW} GROUP BY 1))",
    }


def peer(folder: str, threads: int) -> None:
    """The other side, in a process of its own. The start of Python and the library is not counted."""
    import duckdb
    begun = resource.getrusage(resource.RUSAGE_SELF)
    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}; SET TimeZone = 'UTC'")
    connection.execute(f"CREATE VIEW log AS SELECT * FROM read_parquet('{folder}/rows/*.parquet')")
    answers = [(rule, connection.execute(sql).fetchall()[0][0]) for rule, sql in statements().items()]
    used = resource.getrusage(resource.RUSAGE_SELF)
    for rule, answer in answers:
        print("rule", rule, answer)
    print(f"cpu_seconds duckdb {used.ru_utime + used.ru_stime - begun.ru_utime - begun.ru_stime:.3f}")


def run(command: list[str]) -> tuple[dict[str, float], float]:
    """Answers and processor seconds of the whole process, unless it says itself how many."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    rules = {line.split()[1]: float(line.split()[2]) for line in said if line.startswith("rule ")}
    seconds = [float(line.split()[2]) for line in said if line.startswith("cpu_seconds ")]
    whole = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return rules, seconds[0] if seconds else whole


def agree(ours: dict[str, float], theirs: dict[str, float]) -> None:
    if set(ours) != set(theirs):
        sys.exit(f"other rules: {sorted(set(ours) ^ set(theirs))}")
    for rule, value in ours.items():
        # The percentile is an estimate on both sides; what decides, how many are late, is counted.
        if rule != "fast" and abs(value - theirs[rule]) > 1e-9 * max(1.0, abs(value)):
            sys.exit(f"{rule}: {value} here, {theirs[rule]} from DuckDB: no figure")


def main() -> None:
    if sys.argv[1:2] == ["--peer"]:
        return peer(sys.argv[2], int(sys.argv[3]))
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    cache = pathlib.Path(os.environ.get("TIDEGATE_CACHE") or pathlib.Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "tidegate")
    python = cache / f"duckdb-{DUCKDB}" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(python.parent.parent)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", f"duckdb=={DUCKDB}"], check=True)
    folder = cache / "bench-sla" / str(asked.rows)
    if not (folder / "whole").exists():
        subprocess.run([asked.binary, "make", "--folder", str(folder), "--rows", str(asked.rows)], check=True)
        (folder / "whole").touch()
    ours = [asked.binary, "check", "--folder", str(folder), "--threads", str(asked.threads)]
    theirs = [str(python), __file__, "--peer", str(folder), str(asked.threads)]
    ratios, seconds = [], []
    # The first round warms the files and is not counted.
    for turn in range(asked.rounds + 1):
        order = [ours, theirs] if turn % 2 == 0 else [theirs, ours]
        said = {id(command): run(command) for command in order}
        (our_rules, our_seconds), (their_rules, their_seconds) = said[id(ours)], said[id(theirs)]
        agree(our_rules, their_rules)
        if turn > 0:
            ratios.append(our_seconds / their_seconds)
            seconds.append((our_seconds, their_seconds))
            print(f"round {turn}: tidegate {our_seconds:.2f} s, duckdb {their_seconds:.2f} s, ratio {ratios[-1]:.3f}", flush=True)
    print(f"rules {len(our_rules)} rows {asked.rows} threads {asked.threads}")
    print(f"cpu_seconds tidegate {statistics.median(one for one, _ in seconds):.2f}")
    print(f"cpu_seconds duckdb {statistics.median(one for _, one in seconds):.2f}")
    print(f"ratio tidegate/duckdb {statistics.median(ratios):.3f} {min(ratios):.3f} {max(ratios):.3f} (goal <= 1.0)")


main()
