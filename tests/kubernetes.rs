//! infra/k8s without a cluster; what is checked and how it can fail is in tests/kube.

use tidegate_tests::process::executable;
use tidegate_tests::script::run;
use tidegate_tests::stand::Stand;

#[test]
fn overlays_fit_their_schemas_and_keep_the_rules() {
    run("kube/kube.py", &["manifests"]);
}

#[test]
fn roles_start_and_stop_as_the_manifests_say() {
    run("kube/kube.py", &["start", "--binary", &executable().display().to_string()]);
}

#[test]
fn the_local_overlay_takes_an_event_to_a_row_and_follows_its_contracts() {
    let Some(stand) = Stand::get() else { return };
    let binary = executable().display().to_string();
    let (bootstrap, libs) = (stand.text("kafka", "bootstrap"), stand.text("kafka", "libs"));
    run(
        "kube/kube.py",
        &["flow", "--binary", &binary, "--bootstrap", bootstrap, "--libs", libs],
    );
}

/// Building the server takes ten minutes, so only a machine that has it (`just k8s-real`) asks it each time.
#[test]
fn a_real_api_server_takes_every_object_and_pod() {
    run("kube/kube.py", &["real", "--if-installed"]);
}
