"""The SLA check as a Dagster job with a schedule; every clause becomes metadata of the run."""

import json
import subprocess

from dagster import Definitions, Failure, MetadataValue, OpExecutionContext, RetryRequested, ScheduleDefinition, job, op

COMMAND = ["tidegate", "sla", "run", "--once", "--config=/etc/tidegate/tidegate.yaml", "--output=json", "--history"]


@op
def sla(context: OpExecutionContext) -> None:
    """Exit 1: a promise is broken. Exit 2: it could not be told, which a later try may."""
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=False)
    if done.returncode == 2:
        raise RetryRequested(max_retries=2, seconds_to_wait=60) from Failure(done.stderr[-2000:])
    results = [result for document in json.loads(done.stdout) for result in document["results"]]
    said = {result["id"]: MetadataValue.text(f"{result['status']}: {result['message']}") for result in results}
    if done.returncode != 0:
        broken = [result["id"] for result in results if result["status"] == "fail"]
        raise Failure(f"{len(broken)} promises are broken", metadata=said)
    context.add_output_metadata(said)


@job
def tidegate_sla() -> None:
    sla()


every_quarter = ScheduleDefinition(job=tidegate_sla, cron_schedule="*/15 * * * *", execution_timezone="UTC")
defs = Definitions(jobs=[tidegate_sla], schedules=[every_quarter])
