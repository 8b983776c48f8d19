//! infra/image without a Docker engine; what is checked and how is in tests/image.

use tidegate_tests::process::executable;
use tidegate_tests::script::run;

#[test]
fn dockerfile_sources_and_bill_of_materials_agree() {
    run("image/image.py", &["files", "--binary", &executable().display().to_string()]);
}

#[test]
fn the_executable_runs_from_the_images_files_alone() {
    run("image/image.py", &["run", "--binary", &executable().display().to_string()]);
}
