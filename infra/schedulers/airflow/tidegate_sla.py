"""The SLA check as a DAG: it starts a Job of the CronJob `tidegate-sla` and waits for it.

So the pod is the one of the overlay, with its image, config, contracts, brokers, account and labels. Exit 1 (a promise is broken) fails the
task for good; exit 2 (it could not be told) is tried again by the Job, and after that by Airflow, since a store may have been away.
"""

import time

import pendulum
from airflow.decorators import dag, task
from airflow.exceptions import AirflowException, AirflowFailException
from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook
from kubernetes.client import BatchV1Api, CoreV1Api, V1Job, V1ObjectMeta

NAMESPACE, CRON_JOB = "tidegate", "tidegate-sla"


@task(retries=2, retry_delay=pendulum.duration(minutes=1), execution_timeout=pendulum.duration(minutes=16))
def sla() -> None:
    client = KubernetesHook(conn_id="kubernetes_default").get_conn()
    jobs = BatchV1Api(client)
    template = jobs.read_namespaced_cron_job(CRON_JOB, NAMESPACE).spec.job_template
    metadata = V1ObjectMeta(generate_name=f"{CRON_JOB}-airflow-", labels=template.metadata.labels)
    name = jobs.create_namespaced_job(NAMESPACE, V1Job(metadata=metadata, spec=template.spec)).metadata.name
    while True:
        conditions = jobs.read_namespaced_job_status(name, NAMESPACE).status.conditions or []
        ended = {condition.type for condition in conditions if condition.status == "True"}
        if "Complete" in ended:
            return
        if "Failed" in ended:
            break
        time.sleep(5)
    pods = CoreV1Api(client).list_namespaced_pod(NAMESPACE, label_selector=f"batch.kubernetes.io/job-name={name}").items
    states = [status.state.terminated for pod in pods for status in pod.status.container_statuses or [] if status.name == "tidegate"]
    if any(state and state.exit_code == 1 for state in states):
        raise AirflowFailException(f"a promise is broken: kubectl -n {NAMESPACE} logs job/{name}")
    raise AirflowException(f"it could not be told whether the promises hold: kubectl -n {NAMESPACE} logs job/{name}")


@dag(
    dag_id="tidegate_sla",
    schedule="*/15 * * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["tidegate"],
)
def tidegate_sla():
    sla()


tidegate_sla()
