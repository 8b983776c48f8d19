"""The SLA check as a DAG: exit 1 fails the task, exit 2 is tried again, since a store may have been away."""

import pendulum
from airflow import DAG
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from kubernetes.client import models as k8s

with DAG(
    dag_id="tidegate_sla",
    schedule="*/15 * * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["tidegate"],
):
    KubernetesPodOperator(
        task_id="sla",
        namespace="tidegate",
        image="tidegate:latest",
        arguments=["sla", "run", "--once", "--config=/etc/tidegate/tidegate.yaml", "--output=json", "--history"],
        service_account_name="tidegate-sla",
        volumes=[
            k8s.V1Volume(name="config", config_map=k8s.V1ConfigMapVolumeSource(name="tidegate-config")),
        ],
        volume_mounts=[k8s.V1VolumeMount(name="config", mount_path="/etc/tidegate", read_only=True)],
        retries=2,
        retry_delay=pendulum.duration(minutes=1),
        # Airflow's skip stands for "not this time"; a broken promise is no skip and fails.
        on_finish_action="delete_succeeded_pod",
    )
